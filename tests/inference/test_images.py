"""Images are shown upright, and a damaged file is an error, never another picture."""

import io
import struct
import warnings

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from PIL.Image import Transpose

from core.errors import UserError
from inference.images import ORIENTATION, open_upright, read_batches, silence_pillow, to_image

# Four colours, so that each turn and each reflection is another picture.
CORNERS = Image.new("RGB", (48, 32), "white")
CORNERS.paste("red", (0, 0, 24, 16))
CORNERS.paste("green", (24, 0, 48, 16))
CORNERS.paste("blue", (0, 16, 24, 32))
NOISE = Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 40, 3)).astype(np.uint8))
# What a camera does that stores the tag: the inverse of what a viewer does.
STORED = {
    1: None,
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_90,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_270,
}
OPTIONS = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}
FORMATS = ["JPEG", "PNG", "TIFF", "WEBP"]


def encode(image, form, **options):
    stream = io.BytesIO()
    image.save(stream, form, **OPTIONS.get(form, {}), **options)
    return stream.getvalue()


def exif_of(orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("orientation", STORED)
def test_each_orientation_shows_the_upright_picture(predictor, tmp_path, orientation, form):
    turn = STORED[orientation]
    stored = CORNERS if turn is None else CORNERS.transpose(turn)
    path = tmp_path / f"picture.{form}"
    path.write_bytes(encode(stored, form, exif=exif_of(orientation)))
    shown = open_upright(path).convert("RGB")
    assert shown.size == CORNERS.size
    np.testing.assert_allclose(np.asarray(shown, int), np.asarray(CORNERS, int), atol=4)
    found = predictor([path, Image.open(path)])
    np.testing.assert_array_equal(found[0].probabilities, found[1].probabilities)
    if form != "JPEG":
        expected = predictor([CORNERS, CORNERS])[0]
        np.testing.assert_array_equal(found[0].probabilities, expected.probabilities)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_unknown_orientation_changes_nothing(tmp_path, orientation):
    path = tmp_path / "picture.png"
    path.write_bytes(encode(CORNERS, "PNG", exif=exif_of(orientation)))
    np.testing.assert_array_equal(np.asarray(open_upright(path)), np.asarray(CORNERS))


def test_damaged_exif_data_with_a_good_orientation_still_turns(tmp_path):
    exif = exif_of(6)
    exif[0x0128] = 2  # a whole number, type 3; the damage makes it a text, type 2
    data = encode(CORNERS, "JPEG", exif=exif)
    entry = b"\x01\x28\x00\x03"
    assert data.count(entry) == 1
    path = tmp_path / "picture.jpg"
    path.write_bytes(data.replace(entry, b"\x01\x28\x00\x02"))
    with pytest.raises(struct.error):  # what Pillow's own function makes of it
        ImageOps.exif_transpose(Image.open(path))
    assert open_upright(path).size == CORNERS.size[::-1]


def test_an_upright_jpeg_is_not_decoded_yet(tmp_path):
    path = tmp_path / "picture.jpg"
    path.write_bytes(encode(CORNERS, "JPEG"))
    assert open_upright(path).tile


@pytest.mark.parametrize("form", FORMATS)
def test_half_a_file_is_an_error(predictor, tmp_path, form):
    path = tmp_path / f"picture.{form}"
    data = encode(NOISE, form)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match="cannot read image"):
        predictor.transform(open_upright(path))


def test_a_png_that_pillow_refuses_is_an_error(tmp_path):
    # Pillow reads EXIF data of a PNG by decoding it; a second attempt gives a black picture.
    data = bytearray(encode(NOISE, "PNG"))
    start = data.index(b"IDAT") + 4
    refused = 0
    for place in range(start, start + 60):
        changed = bytearray(data)
        changed[place] ^= 0xFF
        path = tmp_path / "picture.png"
        path.write_bytes(changed)
        try:
            expected = Image.open(path).convert("RGB")
        except OSError:
            refused += 1
            with pytest.raises(UserError, match="cannot read image"):
                open_upright(path)
        else:
            np.testing.assert_array_equal(np.asarray(open_upright(path)), np.asarray(expected))
    assert refused > 5


MUTATED = ["JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP", "PPM", "ICO", "TGA", "PCX"]


@pytest.mark.parametrize("form", MUTATED)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_any_damage_is_a_picture_or_one_line(predictor, tmp_path, form):
    exif = {"exif": exif_of(6)} if form in FORMATS else {}
    data = encode(NOISE.convert("P") if form == "GIF" else NOISE, form, **exif)
    random = np.random.default_rng(2)
    path = tmp_path / f"picture.{form}"
    outcomes = set()
    for _ in range(60):
        changed = bytearray(data)
        for place in random.integers(0, min(len(data), 400), random.integers(1, 6)):
            changed[place] = random.integers(256)
        path.write_bytes(changed[: random.integers(20, len(data))] if random.random() < 0.2
                         else changed)  # fmt: skip
        try:
            pixels = predictor.transform(open_upright(path))
        except UserError as error:
            outcomes.add("error")
            assert str(error).isprintable() and str(path) in str(error)
        else:
            outcomes.add("picture")
            assert pixels.shape == (3, 64, 64)
    assert "error" in outcomes


def test_a_floating_array_is_rounded_to_the_nearest_grey():
    shades = np.array([[0, 0.2 / 255, 0.8 / 255, 254.4 / 255, 1]])
    assert np.asarray(to_image(shades))[0, :, 0].tolist() == [0, 0, 1, 254, 255]


# Batches ----------------------------------------------------------------------------------------


def test_a_batch_has_its_readable_files_in_order(tmp_path):
    for name in ("a", "b"):
        Image.new("RGB", (4, 4), "white" if name == "a" else "black").save(tmp_path / f"{name}.png")
    paths = [str(tmp_path / name) for name in ("x.png", "b.png", "y.png", "a.png")]

    def transform(image):
        return torch.from_numpy(np.array(image)).permute(2, 0, 1)

    first, second = read_batches([paths, paths[:1]], transform)
    assert first.paths == paths and set(first.reasons) == {0, 2}
    assert first.pixels.shape == (2, 3, 4, 4)
    assert [int(pixels.max()) for pixels in first.pixels] == [0, 255]
    assert second.pixels is None and set(second.reasons) == {0}


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("no memory\nat line 3")])
def test_too_little_memory_for_one_file_is_its_reason(tmp_path, error):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")

    def transform(image):
        raise error

    (batch,) = read_batches([[str(tmp_path / "a.png")]], transform)
    assert batch.reasons[0].isprintable() and "memory" in batch.reasons[0]


def test_pillow_can_be_silenced(tmp_path, capfd):
    path = tmp_path / "picture.tif"
    path.write_bytes(encode(NOISE, "TIFF")[:60])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        silence_pillow()
        with pytest.raises(UserError):
            open_upright(path)
    assert caught == [] and capfd.readouterr() == ("", "")
