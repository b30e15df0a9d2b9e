"""The words of a command line name files, folders, patterns and a list."""

import io
import os
import re
from collections import Counter

import pytest
from PIL import Image

from core.errors import UserError
from inference import files
from inference.files import describe_skipped, find_images
from inference.images import open_upright


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the current folder, with pictures (empty files), one of them with brackets."""
    monkeypatch.chdir(tmp_path)
    names = ["b.jpg", "a.PNG", "notes.txt", "in/d.webp", "in/deep/e.tif", "a/c.gif", "x[1].jpg"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    return tmp_path


def found(*words, listed=b""):
    return list(find_images(words, io.BytesIO(listed)))


def test_files_keep_their_order_and_come_as_often_as_they_are_named(folder):
    words = ("b.jpg", "notes.txt", "a.PNG", "b.jpg", "gone.jpg", "./b.jpg")
    assert found(*words) == list(words)


def test_a_folder_stands_for_its_pictures_by_name(folder):
    below = ["a.PNG", "b.jpg", "x[1].jpg", "a/c.gif", "in/d.webp", "in/deep/e.tif"]
    assert found(".") == [f"./{name}" for name in below]
    assert found("in/", "a") == ["in/d.webp", "in/deep/e.tif", "a/c.gif"]


def test_the_other_files_of_a_folder_are_counted_by_suffix(folder):
    for name in ("c.HEIC", "in/e.heic", "in/README", "in/.hidden", "d.jfif"):
        (folder / name).touch()
    skipped = Counter()
    paths = list(find_images([".", "in", "notes.txt", "*.txt"], io.BytesIO(), skipped))
    assert "./d.jfif" in paths
    assert skipped == {".heic": 3, ".txt": 1, "without a suffix": 2}
    line = describe_skipped(skipped)
    assert line.startswith("skipped 6 files in folders: 3 .heic, 2 without a suffix, 1 .txt; ")
    assert ".jfif" in line


def test_a_folder_of_other_files_names_their_suffixes(folder):
    (folder / "empty" / "a.heic").touch()
    with pytest.raises(UserError, match=r"no image file; skipped 1 file in folders: 1 \.heic; "):
        found("empty")


@pytest.mark.skipif(".avif" not in files.SUFFIXES, reason="Pillow reads no AVIF")
def test_an_avif_file_in_a_folder_is_read(folder, tmp_path):
    Image.new("RGB", (8, 8), "red").save(tmp_path / "empty" / "a.avif")
    (path,) = found("empty")
    assert open_upright(path).getpixel((4, 4))[0] > 200


def test_a_pattern_stands_for_the_files_that_fit(folder):
    assert found("*.jpg") == ["b.jpg", "x[1].jpg"]
    assert found("**/*.[wt]*") == ["in/d.webp", "in/deep/e.tif", "notes.txt"]


def test_a_file_with_the_signs_of_a_pattern_is_a_file(folder):
    assert found("x[1].jpg") == ["x[1].jpg"]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("empty", "the folder empty has no image file"),
        ("*.bmp", r"no file fits the pattern \*\.bmp"),
        ("em*", r"no file fits the pattern em\*"),  # a folder is no file
    ],
)
def test_a_word_without_a_picture_is_found_before_any_work(folder, word, expected):
    with pytest.raises(UserError, match=expected):
        find_images([word], io.BytesIO())  # no path is taken
    empty = []
    paths = find_images(["b.jpg", word, "in"], io.BytesIO(), empty=empty)
    assert len(empty) == 1 and re.search(expected, empty[0])
    assert list(paths) == ["b.jpg", "in/d.webp", "in/deep/e.tif"]


def test_several_words_without_a_picture_are_named_together(folder):
    with pytest.raises(UserError, match=r"folder empty has no image file; no file fits .* \*\.bmp"):
        find_images(["empty", "*.bmp"], io.BytesIO())


@pytest.mark.parametrize("left_out", ["in", "./in/", "in/../in", "link"])
def test_a_folder_that_results_are_written_to_does_not_count(folder, left_out):
    (folder / "link").symlink_to("in")

    def of(word):
        return list(find_images([word], io.BytesIO(), left_out=left_out))

    assert of(".") == [f"./{name}" for name in ("a.PNG", "b.jpg", "x[1].jpg", "a/c.gif")]
    assert of("**/*.[wgt]*") == ["a/c.gif", "notes.txt"]
    # what is named itself is wanted
    assert of("in/d.webp") == ["in/d.webp"]
    assert of("in/*.webp") == ["in/d.webp"]
    assert of("in/deep") == ["in/deep/e.tif"]


def test_pictures_of_an_earlier_explanation_are_no_photographs(folder):
    maps = folder / "in" / "maps"
    maps.mkdir()
    for name in ("d-1.png", "e-2.png", "own.png"):
        (maps / name).touch()
    lines = ['{"picture": "d-1.png"}', "not json", "[1]", '{"picture": "e-2.png", "intents": []}']
    (maps / "explanations.jsonl").write_text("\n".join(lines))
    assert found("in") == ["in/d.webp", "in/deep/e.tif", "in/maps/own.png"]


def test_pictures_that_are_written_meanwhile_are_not_taken(folder):
    paths = find_images(["."], io.BytesIO(), left_out="maps")
    taken = [next(paths)]
    (folder / "maps").mkdir()
    (folder / "maps" / "a.png").touch()
    assert not any("maps" in path for path in [*taken, *paths])


def test_a_folder_that_cannot_be_listed_is_named_among_the_images(folder, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    paths = found("in")
    assert "in/deep" in paths and len(paths) > 1  # reading it names the reason


LISTS = [
    (b"a.jpg\nb.jpg\n", ["a.jpg", "b.jpg"]),
    (b"a.jpg\n\n  \n b.jpg", ["a.jpg", " b.jpg"]),
    (b"a.jpg\r\nb.jpg\r\n", ["a.jpg", "b.jpg"]),
    (b"a.jpg\0b.jpg\0", ["a.jpg", "b.jpg"]),
    (b"two\nlines.jpg\0b.jpg\r\0\0c.jpg", ["two\nlines.jpg", "b.jpg\r", "c.jpg"]),
    (b"-x.jpg\n*.jpg\n-\n", ["-x.jpg", "*.jpg", "-"]),
    ("é.jpg\n€\n".encode(), ["é.jpg", "€"]),
    (b"caf\xe9.jpg\n", [os.fsdecode(b"caf\xe9.jpg")]),
    (b"", []),
    (b"\n\n", []),
    (b"\0", []),
]


@pytest.mark.parametrize(("listed", "expected"), LISTS, ids=lambda value: repr(value)[:30])
def test_a_list_has_a_path_per_line_or_per_zero_byte(folder, listed, expected):
    assert found("-", listed=listed) == expected
    assert found("b.jpg", "-", "a.PNG", listed=listed) == ["b.jpg", *expected, "a.PNG"]


@pytest.mark.parametrize("end", [b"\n", b"\0"])
def test_a_long_list_is_taken_as_it_is_needed(monkeypatch, end):
    class Endless(io.RawIOBase):
        taken = 0

        def read1(self, size):
            self.taken += 1
            return b"".join(b"%d/%d.jpg" % (self.taken, i) + end for i in range(10))

    stream = Endless()
    paths = find_images(["-"], stream)
    assert stream.taken == 0
    assert [next(paths) for _ in range(25)][-1] == "3/4.jpg"
    assert stream.taken == 3


@pytest.mark.parametrize("end", [b"\n", b"\0"])
def test_paths_that_two_chunks_share_are_whole(monkeypatch, end):
    monkeypatch.setattr(files, "CHUNK", 13)
    names = [b"picture%d.jpg" % i for i in range(50)]
    assert found("-", listed=end.join(names)) == [os.fsdecode(name) for name in names]


def test_a_closed_standard_input_is_one_line():
    with pytest.raises(UserError, match="'-' stands for a list on standard input, which is closed"):
        find_images(["-"], None)
