"""Lists of images: the formats of the data sets, shared addresses, placeholders, hosts, links."""

import json
import time
from pathlib import Path

import pytest

from core.errors import UserError
from datasets.download.addresses import resized, tidy, url_file_name
from datasets.download.run import download
from datasets.download.sources import Item, read_items
from tests.datasets.download.server import picture, send, settings, status

PHOTO = "https://images.unsplash.com/photo-1?ixid=a%3D&q=30"


def annotate(root: Path, split: str, images: object) -> None:
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    path = root / f"annotations/intentonomy_{split}2020.json"
    path.write_text(json.dumps({"images": images}))


def write_list(root: Path, text: str) -> Path:
    path = root / "own.csv"
    path.write_text(text, encoding="utf-8-sig")
    return path


def test_intentonomy_lists_all_splits_or_the_given_ones(tmp_path):
    annotate(tmp_path, "val", [{"filename": "low/v.jpg", "unsplash_url": PHOTO}])
    annotate(tmp_path, "train", [{"filename": "low/t.jpg"}])
    items = [Item("low/t.jpg", ()), Item("low/v.jpg", (PHOTO,))]
    assert read_items("intentonomy", tmp_path) == items
    assert read_items("intentonomy", tmp_path, splits=["val"]) == items[1:]
    with pytest.raises(UserError, match=r"cannot read .*intentonomy_test2020.json"):
        read_items("intentonomy", tmp_path, splits=["test"])


def test_webemo_images_are_named_by_the_digest_of_their_address(tmp_path):
    (tmp_path / "WEBEmo").mkdir()
    (tmp_path / "WEBEmo/train25.txt").write_text("http://h/a b.jpg\t3\r\nhttp://h/c.jpg 24\r\n")
    (tmp_path / "WEBEmo/test25.txt").write_text("http://h/c.jpg 24\n\n")
    train = read_items("webemo", tmp_path, splits=["train"])
    assert [item.urls for item in train] == [("http://h/a b.jpg",), ("http://h/c.jpg",)]
    assert train[1].name == "images/4883c3ebc8316b88.jpg" == url_file_name("http://h/c.jpg")
    assert read_items("webemo", tmp_path) == train  # the repeated image counts once
    (tmp_path / "WEBEmo/test25.txt").write_text("http://h/c.jpg\n")
    with pytest.raises(UserError, match=r"test25.txt:1: 'http://h/c.jpg'; expected an address and"):
        read_items("webemo", tmp_path)
    (tmp_path / "test25.txt").write_text("http://h/d.jpg 1\n")
    (item,) = read_items("webemo", tmp_path, splits=["test"])
    assert item.urls == ("http://h/d.jpg",)  # a list in the root comes first


def test_findingemo_lists_several_addresses_in_their_order(tmp_path):
    rows = [
        {"rel_path": "/Run_1/x y/a.jpg", "idx_url": 2, "url": "http://h/2"},
        {"rel_path": "/Run_1/x y/a.jpg", "idx_url": 1, "url": "http://h/1"},
        {"rel_path": "/Run_2/b:c.png", "idx_url": 1, "url": ""},
    ]
    (tmp_path / "data").mkdir()
    path = tmp_path / "data/dataset_urls_exploded.json"
    path.write_text(json.dumps(rows))
    expected = [
        Item("images/Run_1/x y/a.jpg", ("http://h/1", "http://h/2")),
        Item("images/Run_2/b:c.png", ()),
    ]
    assert read_items("findingemo", tmp_path) == expected
    assert read_items("findingemo", tmp_path / "elsewhere", file=path) == expected
    path.write_text('{"a": 1}')
    with pytest.raises(UserError, match="expected a list of objects with 'rel_path', 'idx_url'"):
        read_items("findingemo", tmp_path)


def test_an_own_list_has_addresses_and_optional_paths(tmp_path):
    text = 'url,path\n# note\nhttp://h/a, x/a.jpg\n"http://h/b,c.jpg",b.png\nhttps://h/d.gif\n'
    items = read_items("list", tmp_path, file=write_list(tmp_path, text))
    assert items == [
        Item("x/a.jpg", ("http://h/a",)),
        Item("b.png", ("http://h/b,c.jpg",)),
        Item(url_file_name("https://h/d.gif"), ("https://h/d.gif",)),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("http://h/a,b,c.jpg\n", r"own.csv:1: .*address with a comma in double quotes"),
        ("a.jpg,http://h/a\n", r"own.csv:1: 'a.jpg,http://h/a'; expected url"),
        ("http://h/a,a.jpg\nhttp://h/b,a.jpg\n", "'a.jpg' is listed with two addresses"),
        ("http://h/a,../a.jpg\n", r"own.csv:1: file name '../a.jpg' leads out of --root"),
    ],
)
def test_a_fault_of_an_own_list_names_its_line(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        read_items("list", tmp_path, file=write_list(tmp_path, text))


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("webmo", {}, "Did you mean 'webemo'"),
        ("intentonomy", {}, "no annotation files intentonomy_"),
        ("intentonomy", {"splits": ["vall"]}, "--split is 'vall'; .*Did you mean 'val'"),
        ("intentonomy", {"file": Path("x")}, "--file is not accepted: 'intentonomy' has its lists"),
        ("webemo", {}, r"no lists train25.txt and test25.txt"),
        ("list", {}, "--file is missing"),
        ("list", {"splits": ["val"]}, "'list' has no splits"),
        ("list", {"file": Path("gone.csv")}, "cannot read gone.csv: No such file"),
    ],
)
def test_a_mistake_in_the_choice_of_a_list_is_one_line(tmp_path, source, options, message):
    with pytest.raises(UserError, match=message) as caught:
        read_items(source, tmp_path, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "../a.jpg",
        "low/../../a.jpg",
        "/etc/a.jpg",
        "C:/a.jpg",
        "C:a.jpg",
        "low\\..\\..\\a.jpg",
        "\\\\host\\share\\a.jpg",
        "low//a.jpg",
        "./a.jpg",
        "a.jpg/",
        "",
        "a\0.jpg",
        "a\n.jpg",
        7,
    ],
)
def test_a_file_name_must_be_a_path_below_the_root(tmp_path, name):
    annotate(tmp_path, "val", [{"filename": name, "unsplash_url": PHOTO}])
    with pytest.raises(UserError, match=r"val2020.json: file name") as caught:
        read_items("intentonomy", tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("annotations/intentonomy_val2020.json", "ends in no suffix of images: .jpg, .jpeg"),
        ("download_manifest.jsonl", "ends in no suffix"),
        ("a.jpg.part", "ends in no suffix"),
        ("a" * 250 + ".jpg", r"aaa\.\.\.' is longer than 240 bytes"),
    ],
)
def test_a_file_name_must_be_an_image(tmp_path, name, message):
    annotate(tmp_path, "val", [{"filename": name, "unsplash_url": PHOTO}])
    with pytest.raises(UserError, match=message):
        read_items("intentonomy", tmp_path)


def test_an_image_of_two_splits_counts_once_with_the_address_that_one_of_them_gives(tmp_path):
    annotate(tmp_path, "train", [{"filename": "a.jpg"}])
    annotate(tmp_path, "val", [{"filename": "a.jpg", "unsplash_url": PHOTO}])
    assert read_items("intentonomy", tmp_path) == [Item("a.jpg", (PHOTO,))]


def test_a_folder_that_links_out_of_the_root_is_refused(site, tmp_path):
    (tmp_path / "root/inner").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "root/low").symlink_to(tmp_path / "outside")
    (tmp_path / "root/ok").symlink_to(tmp_path / "root/inner")
    site.routes["/a"] = send(picture())
    with pytest.raises(UserError, match=r"low is a link to .*outside, which is not below"):
        download([Item("low/a.jpg", (f"{site.url}/a",))], tmp_path / "root", settings())
    download([Item("ok/a.jpg", (f"{site.url}/a",))], tmp_path / "root", settings())
    assert (tmp_path / "root/inner/a.jpg").exists()


def test_links_in_place_of_files_are_replaced_and_not_followed(site, tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("keep")
    root = tmp_path / "root"
    root.mkdir()
    for name in ("a.jpg", "a.jpg.part"):
        (root / name).symlink_to(outside)
    site.routes["/a"] = send(picture())
    assert download([Item("a.jpg", (f"{site.url}/a",))], root, settings()).missing == []
    assert outside.read_text() == "keep" and not (root / "a.jpg").is_symlink()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (" HTTP://Exämple.org/a b ", "http://xn--exmple-cua.org/a%20b"),
        ("https://h:81?x=1#y", "https://h:81/?x=1"),
        ("http://[::1]:8/a%zz%20", "http://[::1]:8/a%25zz%20"),
        ("http://h/a\nb", "http://h/ab"),
    ],
)
def test_an_address_becomes_valid(url, expected):
    assert tidy(url) == expected
    assert tidy(expected) == expected


@pytest.mark.parametrize(
    "url", ["", "a.jpg", "ftp://h/a", "file:///etc/a", "http://", "http://h:x/", "http://a b/c"]
)
def test_other_addresses_are_no_address(site, tmp_path, url):
    with pytest.raises(ValueError):
        tidy(url)
    report = download([Item("a.jpg", (url,))], tmp_path, settings())
    assert report.missing[0].reason.startswith("the address is not valid")


def test_only_hosts_that_resize_get_a_width():
    assert resized(PHOTO, 640) == PHOTO + "&w=640&fit=max"
    assert resized(resized(PHOTO, 640), 320) == PHOTO + "&w=320&fit=max"
    assert resized(PHOTO, 0) == PHOTO
    assert resized("https://h/photo-1?q=30", 640) == "https://h/photo-1?q=30"


def test_images_of_another_width_are_kept_and_counted(site, tmp_path, monkeypatch):
    hosts = {"127.0.0.1": lambda width: {"w": str(width)}}
    monkeypatch.setattr("datasets.download.addresses.RESIZING_HOSTS", hosts)
    site.routes["/a"] = send(picture())
    items = [Item("a.jpg", (f"{site.url}/a",))]
    download(items, tmp_path, settings(width=64))
    assert site.paths() == ["/a?w=64"]
    report = download(items, tmp_path, settings(width=32))
    assert report.other == 1 and len(site.requests) == 1
    assert "1 of the images that were there came from another address" in report.summary()


def test_files_with_one_address_are_fetched_once(site, tmp_path):
    site.routes["/a"] = send(picture())
    items = [Item(f"{name}/a.jpg", (f"{site.url}/a",)) for name in "xyz"]
    report = download(items, tmp_path, settings())
    assert len(report.fetched) == 3 and site.paths() == ["/a"]
    assert {(tmp_path / item.name).read_bytes() for item in items} == {picture()}


def test_the_next_address_is_tried_if_one_fails(site, tmp_path):
    site.routes["/page"] = send(b"<html></html>")
    site.routes["/good"] = send(picture())
    urls = tuple(f"{site.url}/{path}" for path in ("gone", "page", "good", "unused"))
    report = download([Item("a.jpg", urls)], tmp_path, settings())
    assert site.paths() == ["/gone", "/page", "/good"]
    assert report.fetched[0].url == f"{site.url}/good"


def test_the_same_small_picture_for_many_addresses_is_a_placeholder(site, tmp_path):
    items = []
    for n in range(9):
        site.routes[f"/{n}"] = send(picture(n if n < 2 else 99))
        items.append(Item(f"{n}.jpg", (f"{site.url}/{n}",)))
    few = download(items[:6], tmp_path, settings())
    assert few.missing == []  # four addresses may share a picture
    report = download(items, tmp_path, settings())
    assert len(report.missing) == 7 and len(report.kept) == 2
    size = len(picture(99))
    reason = f"a placeholder: 7 addresses gave the same {size} bytes"
    assert {missing.reason for missing in report.missing} == {reason}
    assert sorted(path.name for path in tmp_path.glob("*.jpg")) == ["0.jpg", "1.jpg"]
    assert len(download(items, tmp_path, settings()).missing) == 7


def test_a_known_placeholder_leads_to_the_next_address(site, tmp_path):
    names = [f"{n}.jpg" for n in range(5)]
    site.routes.update({f"/{name}": send(picture(99)) for name in names})
    site.routes["/other"] = send(picture(1))
    items = [Item(name, (f"{site.url}/{name}", f"{site.url}/other?{name}")) for name in names]
    assert len(download(items, tmp_path, settings()).missing) == 5
    site.routes["/other"] = status(404)
    site.routes["/0.jpg"] = send(picture(1))
    assert len(download(items, tmp_path, settings()).missing) == 4
    assert "/other?1.jpg" in site.paths()


def test_the_limit_per_host_holds_for_each_host(site, tmp_path):
    def slow(request):
        time.sleep(0.03)
        send(picture(int(request.path[1:])))(request)

    items = []
    hosts = (site.url, site.url.replace("127.0.0.1", "localhost"))
    for host in hosts * 8:
        number = len(items)
        site.routes[f"/{number}"] = slow
        items.append(Item(f"{number}.jpg", (f"{host}/{number}",)))
    report = download(items, tmp_path, settings(workers=8, per_host=2))
    assert report.missing == []
    assert list(site.most.values()) == [2, 2]


def test_a_redirect_counts_for_the_host_it_leads_to(site, tmp_path):
    def slow(request):
        time.sleep(0.03)
        send(picture(int(request.path[1:])))(request)

    other = site.url.replace("127.0.0.1", "localhost")
    items = []
    for n in range(8):
        site.routes[f"/from{n}"] = status(302, Location=f"{other}/{n}")
        site.routes[f"/{n}"] = slow
        items.append(Item(f"{n}.jpg", (f"{site.url}/from{n}",)))
    assert download(items, tmp_path, settings(workers=8, per_host=2)).missing == []
    assert site.most[other.removeprefix("http://")] == 2


def test_requests_name_the_tool_and_ask_for_formats_that_decode(site, tmp_path):
    site.routes["/a"] = send(picture())
    download([Item("a.jpg", (f"{site.url}/a",))], tmp_path, settings())
    ((_, headers),) = site.requests
    assert headers["User-Agent"].startswith("intclip-dataset-download")
    assert "avif" not in headers["Accept"] and headers["Accept-Encoding"] == "identity"
