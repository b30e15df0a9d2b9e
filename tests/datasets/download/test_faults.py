"""Every usual way in which a server fails, and the reason that the list of missing images gives."""

import gzip
import random
import socket
import zlib
from pathlib import Path

import pytest

from datasets.download.client import Limits
from datasets.download.polite import Backoff
from datasets.download.run import Report, download
from datasets.download.sources import Item
from tests.datasets.download.server import (
    DATE,
    IMPATIENT,
    SEVEN_SECONDS_LATER,
    FakeClock,
    chunked,
    cut,
    drip,
    picture,
    ranged,
    send,
    settings,
    silent,
    status,
    turns,
)

DATA = picture()
HTML = b"\n<!DOCTYPE html><html><body>Not here</body></html>"


def fetch(site, root: Path, route=None, *, path: str = "/a", **changes) -> Report:
    if route is not None:
        site.routes[path] = route
    return download([Item("low/a.jpg", (site.url + path,))], root, settings(**changes))


@pytest.mark.parametrize(
    ("route", "reason", "requests"),
    [
        (status(404), "HTTP 404", 1),
        (status(403), "HTTP 403", 1),
        (status(410), "HTTP 410", 1),
        (status(206), "HTTP 206", 1),
        (status(500), "HTTP 500", 3),
        (status(503), "HTTP 503", 3),
        (cut(DATA, 100), "the connection ended before the whole image arrived", 3),
        (chunked(DATA, ends=False), "the connection ended before the whole image arrived", 3),
        (cut(DATA, 100, reset=True), "network error: Connection reset by peer", 3),
        (lambda request: None, "network error: Remote end closed", 3),
        (send(HTML, Content_Type="text/html"), "a web page and no image", 1),
        (send(HTML, Content_Type="image/jpeg"), "a web page and no image", 1),
        (send(b"plain text"), "no image of a known format", 1),
        (send(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), "no image of a known", 1),
        (send(DATA[:-400]), "a damaged image: image file is truncated", 1),
        (send(b""), "the answer is empty", 1),
        (send(DATA, Content_Encoding="br"), "unknown content encoding 'br'", 1),
        (send(DATA, Content_Encoding="gzip"), "the gzip body is damaged", 3),
        (status(302, Location="ftp://host/a.jpg"), "leads to a wrong address: no address of", 1),
        (status(302), "HTTP 302 leads to a wrong address", 1),
    ],
)
def test_a_fault_has_its_reason_and_only_a_passing_one_is_repeated(
    site, tmp_path, route, reason, requests
):
    report = fetch(site, tmp_path, route)
    (missing,) = report.missing
    assert reason in missing.reason
    assert len(site.requests) == requests
    assert not (tmp_path / "low/a.jpg").exists()


@pytest.mark.parametrize(
    "route",
    [
        send(DATA),
        send(DATA, Content_Type="text/plain"),
        status(200, DATA),  # no length
        chunked(DATA),
        send(picture(kind="PNG")),
        send(picture(kind="WEBP")),
        turns(status(503), send(DATA)),
        turns(cut(DATA, 100), send(DATA)),
        turns(cut(DATA, 100), status(500), send(DATA)),
        send(gzip.compress(DATA), Content_Encoding="gzip"),
        send(zlib.compress(DATA), Content_Encoding="deflate"),
    ],
)
def test_an_unusual_answer_with_a_whole_image_is_taken(site, tmp_path, route):
    report = fetch(site, tmp_path, route)
    assert report.missing == []
    assert not list(tmp_path.rglob("*.part*"))
    assert (tmp_path / "low/a.jpg").stat().st_size == report.fetched[0].bytes


def test_a_silent_server_is_left_and_asked_again(site, tmp_path):
    report = fetch(site, tmp_path, silent(DATA, 100), limits=IMPATIENT)
    assert report.missing[0].reason == "no answer in time"
    assert len(site.requests) == 3
    patient = Backoff(attempts=20)
    route = turns(silent(DATA, 100), silent(DATA, 0), send(DATA))
    assert fetch(site, tmp_path, route, limits=IMPATIENT, backoff=patient).missing == []
    assert (tmp_path / "low/a.jpg").read_bytes() == DATA


def test_a_compressed_body_is_stored_as_the_image(site, tmp_path):
    fetch(site, tmp_path, send(gzip.compress(DATA), Content_Encoding="gzip"))
    assert (tmp_path / "low/a.jpg").read_bytes() == DATA


def test_a_body_that_drips_ends_at_the_limit_of_the_whole(site, tmp_path):
    limits = Limits(read_s=20, total_s=0.1)
    report = fetch(site, tmp_path, drip(DATA), limits=limits, backoff=Backoff(attempts=1))
    assert report.missing[0].reason == "too slow"


@pytest.mark.parametrize(
    "route",
    [
        send(bytes(2_000)),
        status(200, bytes(2_000)),
        send(gzip.compress(bytes(2_000)), Content_Encoding="gzip"),
    ],
)
def test_a_huge_body_is_refused_with_and_without_a_length(site, tmp_path, route):
    report = fetch(site, tmp_path, route, limits=Limits(max_bytes=1_000))
    assert report.missing[0].reason == "larger than 0.001 MB"
    assert list(tmp_path.rglob("a.jpg*")) == []


def test_a_redirect_chain_is_followed_and_a_loop_ends(site, tmp_path):
    for number in range(5):
        site.routes[f"/r{number}"] = status(302, Location=f"/r{number + 1}")
    site.routes["/r5"] = send(DATA)
    assert fetch(site, tmp_path, path="/r0").missing == []
    site.routes["/loop"] = status(301, Location="/loop")
    report = fetch(site, tmp_path / "other", path="/loop")
    assert report.missing[0].reason == "more than 5 redirects"
    assert site.paths().count("/loop") == 6


def test_a_redirect_may_hold_spaces_and_letters_of_any_alphabet(site, tmp_path):
    location = "/ein bild ü.jpg".encode().decode("latin-1")
    site.routes["/ein%20bild%20%C3%BC.jpg"] = send(DATA)
    assert fetch(site, tmp_path, status(302, Location=location)).missing == []


def test_an_address_is_quoted_once_and_keeps_its_query(site, tmp_path):
    site.routes["/b%20%C3%BC/c%2Fd%25.jpg"] = send(DATA)
    assert fetch(site, tmp_path, path="/b ü/c%2Fd%.jpg?q=ä b&x=1%202#top").missing == []
    assert site.paths() == ["/b%20%C3%BC/c%2Fd%25.jpg?q=%C3%A4%20b&x=1%202"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "7"}, 7),
        ({"Retry_After": SEVEN_SECONDS_LATER, "Date": DATE}, 7),
        ({"Retry_After": DATE, "Date": SEVEN_SECONDS_LATER}, 0),
        ({"Retry_After": "soon"}, 0),
        ({}, 0),
    ],
)
@pytest.mark.parametrize("code", [429, 503])
def test_the_server_chooses_the_pause_in_seconds_or_as_a_date(
    site, tmp_path, code, headers, seconds
):
    clock = FakeClock()
    fetch(site, tmp_path, turns(status(code, **headers), send(DATA)), clock=clock)
    (wait,) = clock.waits
    assert seconds < wait <= seconds + 1


def test_a_busy_host_gets_no_other_request_during_the_pause(site, tmp_path):
    clock = FakeClock()
    times = []

    def route(request):
        times.append(clock.time)
        answer = status(429, Retry_After="9") if len(times) == 1 else send(DATA)
        answer(request)

    site.routes.update({"/a": route, "/b": route})
    items = [Item("a.jpg", (f"{site.url}/a",)), Item("b.jpg", (f"{site.url}/b",))]
    report = download(items, tmp_path, settings(clock=clock, workers=1))
    assert report.missing == []
    assert times[0] == 0 and min(times[1:]) >= 9


def test_a_host_that_asks_for_a_long_pause_is_left_to_a_later_run(site, tmp_path):
    site.routes["/a"] = site.routes["/b"] = status(429, Retry_After="4000")
    items = [Item("a.jpg", (f"{site.url}/a",)), Item("b.jpg", (f"{site.url}/b",))]
    clock = FakeClock()
    report = download(items, tmp_path, settings(clock=clock, workers=1))
    reason = "HTTP 429: the host asks to wait 4000 s, so run again later"
    assert [missing.reason for missing in report.missing] == [reason] * 2
    assert len(site.requests) == 1 and clock.waits == []


def test_a_host_that_is_down_is_given_up_after_some_images(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, but nobody listens
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        items = [Item(f"{n}.jpg", (f"{address}/{n}",)) for n in range(40)]
        clock = FakeClock()
        report = download(items, tmp_path, settings(workers=1, clock=clock))
    assert len(report.missing) == 40
    assert {missing.reason for missing in report.missing} == {"network error: Connection refused"}
    assert clock.time < 40  # 40 images with two pauses each would take 120 s


def test_pauses_double_up_to_a_cap_and_are_spread():
    backoff = Backoff(base_s=1, cap_s=10, draw=lambda: 1.0)
    assert [backoff.pause(n, None) for n in (1, 2, 3, 4, 5)] == [1, 2, 4, 8, 10]
    spread = Backoff(draw=random.Random(0).random)
    pauses = {spread.pause(3, None) for _ in range(20)}
    assert len(pauses) == 20 and min(pauses) >= 2 and max(pauses) <= 4
    assert all(spread.pause(1, 30.0) >= 30 for _ in range(20))


def test_a_range_that_does_not_fit_starts_again(site, tmp_path):
    tag = '"one"'
    wrong = status(206, DATA[5:], Content_Range=f"bytes 5-{len(DATA)}/{len(DATA)}")
    for middle in (status(416), wrong, status(206, DATA)):
        route = turns(cut(DATA, 100, ETag=tag), middle, ranged(DATA, tag))
        root = tmp_path / str(len(site.requests))
        assert fetch(site, root, route).missing == []
        assert (root / "low/a.jpg").read_bytes() == DATA
