"""A second run: nothing whole is fetched again, parts are continued, broken files are replaced."""

import csv
import errno
import json
import time
from hashlib import sha256
from pathlib import Path

import pytest

from core.errors import UserError
from datasets.download import parts, workers
from datasets.download.manifest import MANIFEST, MISSING, Manifest
from datasets.download.polite import Backoff
from datasets.download.run import download
from datasets.download.sources import Item
from tests.datasets.download.server import (
    cut,
    picture,
    ranged,
    send,
    settings,
    silent,
    status,
    turns,
)

ONCE = Backoff(attempts=1)
TAG = '"one"'


def listed(site, number: int) -> list[Item]:
    """Return the items of so many different pictures, which the site serves."""
    items = []
    for n in range(number):
        site.routes[f"/{n}"] = send(picture(n))
        items.append(Item(f"low/{n}.jpg", (f"{site.url}/{n}",)))
    return items


def lines(root: Path) -> list[dict]:
    return [json.loads(line) for line in (root / MANIFEST).read_text().splitlines()]


def test_a_second_run_fetches_nothing(site, tmp_path):
    items = listed(site, 6)
    first = download(items, tmp_path, settings())
    assert (len(first.fetched), len(first.kept), first.missing) == (6, 0, [])
    before = len(site.requests)
    second = download(items, tmp_path, settings())
    assert (len(second.fetched), len(second.kept), second.missing) == (0, 6, [])
    assert len(site.requests) == before == 6
    assert len(lines(tmp_path)) == 6


def test_the_manifest_records_address_size_digest_and_time(site, tmp_path):
    download(listed(site, 1), tmp_path, settings())
    (line,) = lines(tmp_path)
    data = picture(0)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "name": "low/0.jpg",
        "url": f"{site.url}/0",
        "bytes": len(data),
        "sha256": sha256(data).hexdigest(),
    }


def test_a_changed_byte_is_found_if_the_image_no_longer_decodes(site, tmp_path):
    items = listed(site, 2)
    download(items, tmp_path, settings())
    path = tmp_path / "low/1.jpg"
    path.write_bytes(path.read_bytes()[:-300])
    report = download(items, tmp_path, settings())
    assert [entry.name for entry in report.fetched] == ["low/1.jpg"]
    assert path.read_bytes() == picture(1)


def test_a_whole_image_of_another_tool_is_kept_and_recorded(site, tmp_path):
    items = listed(site, 1)
    (tmp_path / "low").mkdir()
    (tmp_path / "low/0.jpg").write_bytes(picture(9))
    report = download(items, tmp_path, settings())
    assert len(report.kept) == 1 and site.requests == []
    assert (tmp_path / "low/0.jpg").read_bytes() == picture(9)
    assert lines(tmp_path)[0]["url"] == ""


def test_half_a_line_of_the_manifest_does_no_harm(site, tmp_path):
    items = listed(site, 2)
    download(items, tmp_path, settings())
    with open(tmp_path / MANIFEST, "a") as file:
        file.write('{"name": "low/2.j')
    items += [Item("low/3.jpg", (f"{site.url}/0",))]
    download(items, tmp_path, settings())
    assert sorted(Manifest(tmp_path).entries) == ["low/0.jpg", "low/1.jpg", "low/3.jpg"]


@pytest.mark.parametrize("header", [{"ETag": TAG}, {"Last_Modified": TAG}])
def test_an_interrupted_image_is_continued_in_the_next_run(site, tmp_path, header):
    data = picture(0)
    site.routes["/0"] = cut(data, 1000, **header)
    items = [Item("0.jpg", (f"{site.url}/0",))]
    assert len(download(items, tmp_path, settings(backoff=ONCE)).missing) == 1
    assert (tmp_path / "0.jpg.part").read_bytes() == data[:1000]
    site.routes["/0"] = ranged(data, TAG)
    assert download(items, tmp_path, settings()).missing == []
    assert site.requests[-1][1]["Range"] == "bytes=1000-"
    assert (tmp_path / "0.jpg").read_bytes() == data
    assert not list(tmp_path.glob("*.part*"))


@pytest.mark.parametrize("header", [{}, {"ETag": 'W/"weak"'}])
def test_without_a_validator_a_part_is_fetched_from_its_start(site, tmp_path, header):
    data = picture(0)
    site.routes["/0"] = turns(cut(data, 1000, **header), send(data))
    items = [Item("0.jpg", (f"{site.url}/0",))]
    assert download(items, tmp_path, settings()).missing == []
    assert all("Range" not in headers for _, headers in site.requests)
    assert (tmp_path / "0.jpg").read_bytes() == data


def test_an_image_that_changed_on_the_server_is_not_joined_to_the_old_half(site, tmp_path):
    old, new = picture(0), picture(1)
    site.routes["/0"] = turns(cut(old, 1000, ETag=TAG), ranged(new, '"two"'))
    assert download([Item("0.jpg", (f"{site.url}/0",))], tmp_path, settings()).missing == []
    assert site.requests[-1][1]["If-Range"] == TAG
    assert (tmp_path / "0.jpg").read_bytes() == new


def test_a_server_without_ranges_sends_the_whole_image_again(site, tmp_path):
    data = picture(0)
    site.routes["/0"] = turns(cut(data, 1000, ETag=TAG), send(data))
    assert download([Item("0.jpg", (f"{site.url}/0",))], tmp_path, settings()).missing == []
    assert (tmp_path / "0.jpg").read_bytes() == data


def test_after_an_interruption_the_rest_is_fetched(site, tmp_path):
    items = listed(site, 12)

    def interrupt(results, total, word):
        for number, result in enumerate(results):
            if word == "fetched" and number == 3:
                raise KeyboardInterrupt
            yield result

    with pytest.raises(KeyboardInterrupt):
        download(items, tmp_path, settings(workers=2), progress=interrupt)
    there = len(list((tmp_path / "low").glob("*.jpg")))
    assert 3 <= there < 12
    report = download(items, tmp_path, settings())
    assert (len(report.kept), len(report.fetched), report.missing) == (there, 12 - there, [])


def test_an_interruption_leaves_the_part_of_a_silent_server(site, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "JOIN_S", 0.05)
    data = picture(0)
    items = listed(site, 2)
    part = tmp_path / "low/0.jpg.part"
    site.routes["/0"] = silent(data, 1000, ETag=TAG)

    def interrupt(results, total, word):
        for result in results:
            if word == "fetched":
                while not part.exists() or part.stat().st_size < 1000:
                    time.sleep(0.01)
                raise KeyboardInterrupt
            yield result

    with pytest.raises(KeyboardInterrupt):
        download(items, tmp_path, settings(), progress=interrupt)
    assert part.read_bytes() == data[:1000]
    site.routes["/0"] = ranged(data, TAG)
    assert download(items, tmp_path, settings()).missing == []
    assert (tmp_path / "low/0.jpg").read_bytes() == data
    assert site.requests[-1][1]["Range"] == "bytes=1000-"


def test_missing_images_are_listed_with_address_and_reason_until_they_come(site, tmp_path):
    items = [*listed(site, 1), Item("low/x.jpg", (f"{site.url}/x",)), Item("low/e.jpg", ())]
    report = download(items, tmp_path, settings())
    with open(tmp_path / MISSING, newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["name", "url", "reason"],
        ["low/e.jpg", "", "no address"],
        ["low/x.jpg", f"{site.url}/x", "HTTP 404"],
    ]
    assert report.summary().startswith("3 images: 0 were there, 1 fetched (0.0 MB), 2 missing (")
    site.routes["/x"] = send(picture(5))
    download(items[:2], tmp_path, settings())
    assert not (tmp_path / MISSING).exists()


def test_a_full_disk_stops_the_run_in_one_line(site, tmp_path, monkeypatch):
    def full(path, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(workers, "publish", full)
    with pytest.raises(UserError, match=r"^cannot continue: .*No space left.*make room"):
        download(listed(site, 30), tmp_path, settings(workers=2))
    assert len(site.requests) <= 4


def test_a_disk_that_fills_during_a_body_stops_the_run(site, tmp_path, monkeypatch):
    def full(self, url, validator):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(parts.PartFile, "restart", full)
    with pytest.raises(UserError, match="No space left"):
        download(listed(site, 3), tmp_path, settings())


def test_a_file_in_the_place_of_a_folder_is_the_reason_for_its_images(site, tmp_path):
    items = listed(site, 2)
    items[1] = Item("other/1.jpg", items[1].urls)
    items += [Item("low/gone.jpg", (f"{site.url}/gone",))]
    (tmp_path / "low").write_text("")
    report = download(items, tmp_path, settings())
    reasons = {missing.name: missing.reason for missing in report.missing}
    assert reasons["low/0.jpg"].startswith("cannot be written: ")
    assert reasons["low/gone.jpg"] == "HTTP 404"
    assert len(report.fetched) == 1


def test_a_root_that_cannot_be_written_is_an_error_before_any_request(site, tmp_path):
    (tmp_path / "root").write_text("")
    with pytest.raises(OSError, match="root"):
        download(listed(site, 1), tmp_path / "root", settings())
    assert site.requests == []


def test_a_second_run_with_the_same_fault_is_not_repeated_for_whole_images(site, tmp_path):
    items = [*listed(site, 2), Item("low/x.jpg", (f"{site.url}/x",))]
    site.routes["/x"] = status(403)
    download(items, tmp_path, settings())
    download(items, tmp_path, settings())
    assert sorted(site.paths()) == ["/0", "/1", "/x", "/x"]
