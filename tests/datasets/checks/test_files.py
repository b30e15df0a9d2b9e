"""Image files: reading them in processes, faults, and planted duplicates counted exactly."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import UserError
from datasets.checks import pictures
from datasets.checks.files import FileCheck, check_files
from datasets.checks.findings import file_findings
from datasets.checks.pictures import read_picture, read_pictures
from datasets.checks.splits import places_of
from tests.datasets.checks.pictures import brighter, encoded, record, textured, views_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of 24 different pictures, 00.jpg to 23.jpg."""
    for number in range(24):
        (tmp_path / f"{number:02d}.jpg").write_bytes(encoded(textured(number)))
    return tmp_path


def check(folder: Path, *, workers: int = 1, **splits: list[str]) -> FileCheck:
    """Check the files of these names."""
    records = {name: [record(folder / file, 1) for file in files] for name, files in splits.items()}
    places = places_of(views_of(["x"], **records))
    return check_files(places, read_pictures(list(places), workers))


def names(duplicate) -> list[str]:
    return [f"{place.split} {Path(place.path).name}" for place in duplicate.places]


def test_planted_duplicates_are_counted_exactly(folder: Path):
    shutil.copy(folder / "00.jpg", folder / "copy.jpg")
    image = Image.open(folder / "01.jpg")
    image.save(folder / "pixels.png")
    (folder / "encoded.jpg").write_bytes(encoded(Image.open(folder / "02.jpg"), quality=60))
    half = Image.open(folder / "03.jpg").resize((60, 45), Image.Resampling.BICUBIC)
    (folder / "half.jpg").write_bytes(encoded(half))
    (folder / "bright.jpg").write_bytes(encoded(brighter(Image.open(folder / "04.jpg"))))
    train = [f"{number:02d}.jpg" for number in range(24)] + ["bright.jpg"]
    found = check(folder, train=train, test=["copy.jpg", "pixels.png", "encoded.jpg", "half.jpg"])
    assert [(one.kind, names(one)) for one in found.exact] == [
        ("file", ["train 00.jpg", "test copy.jpg"]),
        ("pixels", ["train 01.jpg", "test pixels.png"]),
    ]
    assert [names(one) for one in found.near] == [
        ["train 02.jpg", "test encoded.jpg"],
        ["train 03.jpg", "test half.jpg"],
        ["train 04.jpg", "train bright.jpg"],
    ]
    assert [one.is_across for one in found.duplicates] == [True, True, True, True, False]
    kinds = {finding.kind: finding.is_fault for finding in file_findings(found)}
    expected = {"exact_across": True, "near_across": True, "near_within": False}
    assert {kind: kinds[kind] for kind in expected} == expected


def test_a_near_copy_of_equal_images_is_one_pair_that_shows_the_splits(folder: Path):
    for name in ("twin.jpg", "other.jpg"):
        shutil.copy(folder / "00.jpg", folder / name)
    (folder / "near.jpg").write_bytes(encoded(Image.open(folder / "00.jpg"), quality=60))
    found = check(folder, train=["00.jpg", "twin.jpg", "near.jpg"], test=["other.jpg"])
    assert [names(one) for one in found.exact] == [
        ["train 00.jpg", "train twin.jpg", "test other.jpg"]
    ]
    assert [names(one) for one in found.near] == [["test other.jpg", "train near.jpg"]]


def test_missing_truncated_foreign_and_tiny_files_are_told_apart(folder: Path):
    data = (folder / "05.jpg").read_bytes()
    (folder / "05.jpg").write_bytes(data[: len(data) // 2])
    (folder / "06.jpg").write_text("<html>not found</html>")
    textured(50, 200, 63).save(folder / "tiny.png")
    textured(51, 200, 64).save(folder / "enough.png")
    files = ["gone.jpg", "05.jpg", "06.jpg", "tiny.png", "enough.png"]
    found = check(folder, val=files)
    assert [Path(place.path).name for place in found.missing] == ["gone.jpg"]
    (cut, reason), (foreign, _) = found.unreadable
    assert Path(cut.path).name == "05.jpg" and "truncated" in reason and str(folder) not in reason
    assert Path(foreign.path).name == "06.jpg"
    assert [(Path(place.path).name, size) for place, size in found.tiny] == [
        ("tiny.png", (200, 63))
    ]
    assert found.num_files == 5 and found.sizes.tolist() == [[200, 63], [200, 64]]


def test_a_folder_in_the_place_of_an_image_is_unreadable(folder: Path):
    (folder / "sub.jpg").mkdir()
    assert not read_picture(str(folder / "sub.jpg")).is_missing
    assert read_picture(str(folder / "sub.jpg")).fault
    assert read_picture(str(folder / "00.jpg" / "x.jpg")).is_missing


def test_several_processes_give_the_results_of_one_in_the_same_order(folder: Path):
    paths = [str(folder / f"{number:02d}.jpg") for number in range(24)] + [str(folder / "no.jpg")]
    assert list(read_pictures(paths, 3)) == list(read_pictures(paths, 1))


def test_a_killed_worker_ends_in_one_line(folder: Path, monkeypatch):
    class Broken:
        def __init__(self, *args, **settings):
            pass

        def map(self, *args, **settings):
            raise pictures.BrokenProcessPool

        def shutdown(self, **settings):
            pass

    monkeypatch.setattr(pictures, "ProcessPoolExecutor", Broken)
    with pytest.raises(UserError, match="fewer --workers"):
        list(read_pictures([str(folder / f"{number:02d}.jpg") for number in range(20)], 2))


def test_an_image_in_two_splits_is_read_once_and_is_no_copy_of_itself(folder: Path):
    found = check(folder, train=["00.jpg", "00.jpg"], test=["00.jpg"])
    assert found.num_files == 1 and found.duplicates == []


def test_files_of_no_image_give_empty_arrays(folder: Path):
    found = check(folder, train=["gone.jpg"])
    assert found.sizes.shape == (0, 2) and found.sizes.dtype == np.int64
    assert found.duplicates == []
