"""Each of many odd and hostile files is predicted or refused in one line; the others go on."""

import csv
import os
import signal

import numpy as np
import pytest
from PIL import Image

import predict
from inference.results import Unreadable
from tests.inference.hostile import CONTENTS, READ, REFUSED, write_all

SECONDS = 60  # far more than all files need


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def expected(folder):
    """Return name -> what must become of the file."""
    return write_all(folder)


@pytest.fixture(autouse=True)
def no_hang():
    """End a test that waits for a pipe or the like with an error."""

    def stop(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def names_of(outcome, expected):
    return [name for name in sorted(expected) if expected[name] == outcome]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_each_file_is_predicted_or_refused_in_one_line(predictor, folder, expected):
    names = sorted(expected)
    results = list(predictor.stream(folder / name for name in names))
    assert [result.image for result in results] == [str(folder / name) for name in names]
    for name, result in zip(names, results, strict=True):
        if isinstance(result, Unreadable):
            assert expected[name] != READ, result.reason
            assert result.reason.startswith("cannot read image ")
            assert result.reason.isprintable() and len(result.reason) < 1000
        else:
            assert expected[name] != REFUSED, name
            assert np.isfinite(result.probabilities).all()


def test_the_command_line_lists_the_refused_and_writes_the_others_in_order(
    run, folder, expected, tmp_path, capfd
):
    output = tmp_path / "found.csv"
    arguments = [str(folder), "--run", str(run), "--format", "csv", "--output", str(output)]
    assert predict.main(arguments) == 1
    with output.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
        found = [os.path.basename(row[0]) for row in csv.reader(stream)][1:]
    assert found == [name for name in sorted(expected) if name in found]
    assert set(names_of(READ, expected)) <= set(found)
    assert not set(names_of(REFUSED, expected)) & set(found)
    out, err = capfd.readouterr()
    # libjpeg itself writes a line for a damaged file
    lines = [line for line in err.splitlines() if not line.startswith("Corrupt JPEG data")]
    first, *listed = lines
    assert out == "" and first == f"{len(listed)} images that could not be read:"
    assert len(listed) == len(expected) - len(found)
    assert all(line.startswith("  cannot read image ") for line in listed)
    assert all(line.isprintable() for line in listed)


def test_a_folder_named_like_a_picture_is_looked_into(predictor, run, tmp_path, capsys):
    inside = tmp_path / "x.jpg"
    inside.mkdir()
    (inside / "a.png").write_bytes(CONTENTS["png.jpg"][1])
    assert predict.main([str(tmp_path), "--run", str(run)]) == 0
    assert capsys.readouterr().out.startswith(f"{inside}/a.png\n")
    (result,) = predictor.stream([inside])
    assert result.reason == f"cannot read image {inside}: it is a folder"


@pytest.mark.parametrize("name", ["pipe.jpg", "socket.jpg", "device.jpg"])
def test_what_is_no_regular_file_is_not_opened(predictor, folder, expected, name):
    (result,) = predictor.stream([folder / name])
    assert result.reason == f"cannot read image {folder / name}: it is no regular file"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("broken_link.jpg", "No such file or directory"),
        ("link_loop.jpg", "Too many levels of symbolic links"),
        ("n" * 300 + ".jpg", "File name too long"),
        ("zero\0.jpg", "embedded null byte; fetch or export the file again"),
    ],
)
def test_a_name_without_a_file_has_the_reason_of_the_system(predictor, folder, name, reason):
    (result,) = predictor.stream([str(folder / name)])
    assert result.reason.startswith("cannot read image ") and result.reason.endswith(f": {reason}")


def test_no_program_is_started_for_a_page_in_postscript(predictor, tmp_path):
    page = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\nshowpage\n%%EOF\n"
    (tmp_path / "page.jpg").write_bytes(page)
    (result,) = predictor.stream([tmp_path / "page.jpg"])
    assert "cannot identify image file" in result.reason


def test_a_photograph_of_a_telephone_has_advice(predictor, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64))
    Image.new("F", (8, 8), 0.5).save(tmp_path / "b.tif")
    photo, floats = predictor.stream([tmp_path / "a.jpg", tmp_path / "b.tif"])
    assert photo.reason.endswith("it is HEIC or AVIF, as telephones write it; convert it to JPEG")
    assert floats.reason.endswith("save it with 8 bits")


def test_a_picture_with_too_many_pixels_has_a_reason_of_its_own(predictor, tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    Image.new("RGB", (50, 50)).save(tmp_path / "large.png")
    (result,) = predictor.stream([tmp_path / "large.png"])
    assert result.reason.endswith("it has more than 2,000 pixels; save it smaller")
