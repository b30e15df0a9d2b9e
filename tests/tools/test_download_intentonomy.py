"""The downloader, against a server on this machine."""

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from core.errors import UserError
from tools.download_intentonomy import download, list_images, main


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Serve two images and one file that is none."""
    folder = tmp_path / "served"
    folder.mkdir()
    for name, size in (("a", (60, 40)), ("b", (20, 30))):
        Image.new("RGB", size, (200, 10, 10)).save(folder / f"{name}.jpg")
    (folder / "text.jpg").write_text("no image")
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()
        thread.join()


def make_root(root: Path, urls: dict[str, str]) -> Path:
    (root / "annotations").mkdir(parents=True)
    images = [{"id": name, "filename": name, "unsplash_url": url} for name, url in urls.items()]
    (root / "annotations" / "intentonomy_val2020.json").write_text(json.dumps({"images": images}))
    return root


def test_fetches_what_is_missing(server: str, tmp_path: Path) -> None:
    root = make_root(
        tmp_path / "root", {"low/a.jpg": f"{server}/a.jpg?q=30", "low/b.jpg": f"{server}/b.jpg"}
    )
    assert download(root, workers=2) == []
    assert (root / "low/a.jpg").read_bytes() == (tmp_path / "served/a.jpg").read_bytes()
    (root / "low/a.jpg").write_bytes(b"kept")
    (root / "low/b.jpg").unlink()
    assert main(["--root", str(root)]) == 0
    assert (root / "low/a.jpg").read_bytes() == b"kept"
    assert (root / "low/b.jpg").exists()


def test_size_is_the_shorter_side(server: str, tmp_path: Path) -> None:
    root = make_root(tmp_path / "root", {"a.jpg": f"{server}/a.jpg", "b.jpg": f"{server}/b.jpg"})
    assert download(root, size=30) == []
    assert Image.open(root / "a.jpg").size == (45, 30)
    assert Image.open(root / "b.jpg").size == (20, 30)


def test_failures_come_in_one_report(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    urls = {
        "a.jpg": f"{server}/a.jpg",
        "gone.jpg": f"{server}/gone.jpg",
        "t.jpg": f"{server}/text.jpg",
        "e.jpg": "",
    }
    root = make_root(tmp_path / "root", urls)
    assert main(["--root", str(root)]) == 1
    report = capsys.readouterr().err
    assert "3 images could not be downloaded" in report
    assert all(name in report for name in ("gone.jpg", "t.jpg", "e.jpg (no address)"))
    assert sorted(path.name for path in root.iterdir()) == ["a.jpg", "annotations"]


def test_annotation_faults(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no annotation files"):
        list_images(tmp_path)
    with pytest.raises(UserError, match="leads out of"):
        list_images(make_root(tmp_path / "root", {"../a.jpg": ""}))
    (tmp_path / "root/annotations/intentonomy_val2020.json").write_text("{}")
    assert main(["--root", str(tmp_path / "root")]) == 2


@pytest.mark.parametrize(("flag", "value", "least"), [("--workers", "0", 1), ("--size", "-1", 0)])
def test_a_number_that_is_too_small_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture, flag: str, value: str, least: int
) -> None:
    assert main(["--root", str(tmp_path), flag, value]) == 2
    assert capsys.readouterr().err == f"error: {flag} is {value}; expected at least {least}\n"
