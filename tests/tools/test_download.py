"""The command line of the downloading tool."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.datasets.download.server import Site, picture, send, serve
from tools.download import main


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as running:
        running.routes.update({"/a": send(picture(0)), "/b": send(picture(1))})
        yield running


@pytest.fixture
def root(site: Site, tmp_path: Path) -> Path:
    """Return a root whose val split has two images that exist, and its train split one that does
    not.
    """
    folder = tmp_path / "root/annotations"
    folder.mkdir(parents=True)
    for split, paths in {"val": "ab", "train": "x"}.items():
        images = []
        for path in paths:
            images.append({"filename": f"low/{path}.jpg", "unsplash_url": f"{site.url}/{path}"})
        (folder / f"intentonomy_{split}2020.json").write_text(json.dumps({"images": images}))
    return tmp_path / "root"


def test_a_split_is_downloaded_where_the_loader_looks(site, root, capsys):
    arguments = ["intentonomy", "--root", str(root), "--split", "val"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("2 images: 0 were there, 2 fetched (")
    assert Image.open(root / "low/a.jpg").size == (40, 40)
    assert main(arguments) == 0
    assert capsys.readouterr().out == "2 images: 2 were there, 0 fetched (0.0 MB), 0 missing\n"
    assert sorted(site.paths()) == ["/a", "/b"]


def test_missing_images_are_one_line_a_list_and_status_1(root, capsys):
    assert main(["intentonomy", "--root", str(root)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("3 images: 0 were there, 2 fetched (")
    assert line.endswith(f"1 missing (1 x HTTP 404); all are in {root / 'download_missing.csv'}")


def test_an_own_list_is_printed_without_a_request(site, tmp_path, capsys):
    file = tmp_path / "own.txt"
    file.write_text("https://images.unsplash.com/p?q=3,x/a.jpg\nhttp://[,b.jpg\n")
    arguments = ["list", "--root", str(tmp_path / "new"), "--file", str(file), "--width", "64"]
    assert main([*arguments, "--list-only"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "name,url",
        "x/a.jpg,https://images.unsplash.com/p?q=3&w=64&fit=max",
        "b.jpg",
    ]
    assert not (tmp_path / "new").exists()


def test_an_interruption_is_status_130_and_says_how_to_continue(root, capsys, monkeypatch):
    def interrupt(results, total, word):
        raise KeyboardInterrupt

    monkeypatch.setattr("tools.download.show", interrupt)
    assert main(["intentonomy", "--root", str(root)]) == 130
    assert "run the same command again to continue" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workers", "0"], "--workers is 0; expected at least 1"),
        (["--per-host", "0"], "--per-host is 0; expected at least 1"),
        (["--max-mb", "0"], "--max-mb is 0; expected at least 1"),
        (["--width", "-1"], "--width is -1; expected at least 0"),
        (["--split", "dev"], "--split is 'dev'; accepted: test, train, val."),
    ],
)
def test_a_mistake_is_one_line_and_status_2(root, capsys, arguments, message):
    assert main(["intentonomy", "--root", str(root), *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {message}")
