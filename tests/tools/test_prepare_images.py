"""The preparing tool: sizes, resuming, stale copies, unreadable files, disk, command line."""

import errno
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datasets.images import read_image
from datasets.prepared import read_manifest
from tools import prepare_images
from tools.prepare_images import encode, main


def smooth(width: int, height: int) -> Image.Image:
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return Image.fromarray((np.stack([x, y, x * y], axis=2) * 250).astype(np.uint8))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a data set of one large, one wide, one small and one grey PNG image."""
    sizes = {
        "low/large.jpg": (900, 701),
        "low/wide.jpg": (300, 60),
        "low/small.jpg": (40, 50),
        "low/grey.png": (90, 80),
    }
    (tmp_path / "low").mkdir()
    for name, size in sizes.items():
        image = smooth(*size)
        (image.convert("L") if "grey" in name else image).save(tmp_path / name, quality=90)
    images = [{"id": name, "filename": name} for name in sizes]
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/intentonomy_val2020.json").write_text(json.dumps({"images": images}))
    return tmp_path


def run(root: Path, *args: str) -> int:
    return main(["--root", str(root), "--size", "64", "--workers", "2", *args])


def stamps(root: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (root / "prepared-64/low").iterdir()}


def test_copies(root: Path, capsys) -> None:
    assert run(root) == 0
    folder = root / "prepared-64/low"
    sizes = {path.name: Image.open(path).size for path in folder.iterdir()}
    assert sizes == {
        "large.jpg": (82, 64),
        "wide.jpg": (300, 60),
        "small.jpg": (40, 50),
        "grey.png.jpg": (72, 64),
    }
    for path in folder.iterdir():
        assert (Image.open(path).format, Image.open(path).mode) == ("JPEG", "RGB")
    assert (folder / "small.jpg").read_bytes() == (root / "low/small.jpg").read_bytes()
    ours = read_image(str(folder / "large.jpg"))
    exact = read_image(str(root / "low/large.jpg")).resize((82, 64))
    assert np.abs(np.asarray(ours, dtype=float) - np.asarray(exact, dtype=float)).mean() < 1
    output = capsys.readouterr().out
    assert output.index("need about") < output.index("all copies are in")
    assert set(read_manifest(root / "prepared-64")) == {
        f"low/{n}" for n in ("large.jpg", "wide.jpg", "small.jpg", "grey.png")
    }


def test_orientation_is_left_alone_and_not_kept_twice(root: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees to show
    smooth(200, 100).save(root / "low/large.jpg", exif=exif)
    data, size = encode(str(root / "low/large.jpg"), 64)
    (root / "copy.jpg").write_bytes(data)
    assert size == (128, 64) and not Image.open(root / "copy.jpg").getexif()


def test_a_second_run_does_nothing_and_replaces_stale_copies(root: Path) -> None:
    assert run(root) == 0
    before = stamps(root)
    assert run(root) == 0 and stamps(root) == before
    smooth(120, 100).save(root / "low/wide.jpg")  # another original
    os.utime(root / "low/small.jpg", ns=(1, 1))  # touched
    (root / "prepared-64/low/large.jpg").write_bytes(b"torn")  # damaged
    assert run(root) == 0
    after = stamps(root)
    assert {name for name in after if after[name] != before[name]} == {
        "wide.jpg",
        "small.jpg",
        "large.jpg",
    }
    assert Image.open(root / "prepared-64/low/wide.jpg").size == (76, 64)
    (root / "low/wide.jpg").unlink()  # an original that is gone leaves its copy current
    assert run(root) == 0 and stamps(root) == after


def test_a_run_continues_after_an_interruption(root: Path, monkeypatch, capsys) -> None:
    real = prepare_images.run

    def interrupted(names, *args):
        yield from real(names[:2], *args)
        raise KeyboardInterrupt

    monkeypatch.setattr(prepare_images, "run", interrupted)
    assert run(root) == 130
    monkeypatch.undo()
    before = stamps(root)
    assert len(before) == 2
    assert run(root) == 0
    assert "2 of 4 copies" in capsys.readouterr().out
    assert before.items() < stamps(root).items() and len(stamps(root)) == 4


def test_unreadable_images_are_named_and_the_others_made(root: Path, capsys) -> None:
    data = (root / "low/large.jpg").read_bytes()
    (root / "low/large.jpg").write_bytes(data[: len(data) // 2])
    (root / "low/wide.jpg").unlink()
    assert run(root) == 1
    report = capsys.readouterr().err
    assert "2 images could not be prepared" in report
    assert "low/large.jpg: " in report
    assert "low/wide.jpg: " in report
    assert set(stamps(root)) == {"small.jpg", "grey.png.jpg"}  # and no temporary file
    assert set(read_manifest(root / "prepared-64")) == {"low/small.jpg", "low/grey.png"}
    (root / "low/large.jpg").write_bytes(data)
    shutil.copy(root / "low/large.jpg", root / "low/wide.jpg")
    assert run(root) == 0


def test_a_copy_that_does_not_verify_is_not_kept(root: Path, monkeypatch) -> None:
    monkeypatch.setattr(prepare_images, "encode", lambda path, size: (b"no image", (64, 64)))
    result = prepare_images.prepare_one("low/large.jpg", root=root, size=64)
    assert "cannot read image" in result
    assert not list((root / "prepared-64/low").iterdir())
    (root / "other.jpg").write_bytes((root / "low/small.jpg").read_bytes())
    monkeypatch.setattr(
        prepare_images, "encode", lambda path, size: ((root / "other.jpg").read_bytes(), (64, 64))
    )
    assert "expected JPEG RGB (64, 64)" in prepare_images.prepare_one(
        "low/large.jpg", root=root, size=64
    )


def test_too_little_disk_stops_before_anything_is_written(root: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(
        prepare_images.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(100, 0, 100)
    )
    assert run(root) == 2
    assert "make room" in capsys.readouterr().err and not (root / "prepared-64").exists()


def test_a_full_disk_ends_the_run_instead_of_failing_each_image(
    root: Path, monkeypatch, capsys
) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    # threads see the patches below, other processes may not
    monkeypatch.setattr(prepare_images, "ProcessPoolExecutor", ThreadPoolExecutor)
    monkeypatch.setattr(prepare_images.signal, "signal", lambda *args: None)
    monkeypatch.setattr(prepare_images, "_write_copy", full)
    assert run(root) == 2
    report = capsys.readouterr().err
    assert report.count("cannot continue: ") == 1
    assert "No space left" in report
    assert "could not be prepared" not in report


def test_faults_of_the_command_line(tmp_path: Path, capsys) -> None:
    assert main(["--root", str(tmp_path)]) == 2
    assert "no annotation files" in capsys.readouterr().err
    assert main(["--root", str(tmp_path), "--size", "8"]) == 2
    assert "--size is 8; expected at least 32" in capsys.readouterr().err


def test_a_file_where_the_copies_would_go_is_one_line(root: Path, capsys) -> None:
    (root / "prepared-64").write_text("")
    assert main(["--root", str(root), "--size", "64"]) == 2
    assert "prepared-64 is a file, expected a folder" in capsys.readouterr().err


def test_a_small_truncated_image_and_a_missing_one_are_named(root: Path, capsys) -> None:
    smooth(60, 50).save(root / "low/large.jpg")
    (root / "low/large.jpg").write_bytes((root / "low/large.jpg").read_bytes()[:-20])
    (root / "low/wide.jpg").unlink()
    assert run(root) == 1
    report = capsys.readouterr().err
    assert f"cannot read image {root}/low/large.jpg: " in report
    assert ".tmp" not in report
    assert "low/wide.jpg: there is no such file; python -m tools.download intentonomy" in report
