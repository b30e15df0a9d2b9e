"""Reading images: every mode becomes RGB, views, and the scale of a decode (never too small)."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import InterpolationMode

from core.errors import UserError
from datasets.images import (
    MARGIN,
    SLIMMEST,
    Cover,
    RandomCrop,
    Squash,
    View,
    choose_reduction,
    is_reducible,
    load_pixels,
    load_rgb,
    open_image,
    read_image,
    render,
)
from datasets.transforms import build_test_transform, build_train_transform

side = st.integers(1, 6000)
out_side = st.integers(32, 600)


def smooth(height: int, width: int) -> Image.Image:
    """Return colour waves of the image's own length."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    waves = [np.sin(7 * x + phase) * np.cos(7 * y - phase) for phase in (0, 1, 2)]
    return Image.fromarray((np.stack(waves, axis=2) * 110 + 128).astype(np.uint8))


def save(image: Image.Image, path: Path, **options) -> str:
    image.save(path, quality=92, **options)
    return str(path)


def pixels(path: str, view: View, *, reduced: bool) -> torch.Tensor:
    with open_image(path) as image:
        return render(image, view, interpolation=InterpolationMode.BILINEAR, reduced=reduced)


@given(side, side, out_side, out_side)
def test_reduction_is_the_largest_that_keeps_the_margin(
    height: int, width: int, out_h: int, out_w: int
) -> None:
    reduction = choose_reduction(View((0, 0, height, width), (out_h, out_w)))
    assert reduction in (1, 2, 4, 8)

    def enough(r: int) -> bool:
        return height / r >= MARGIN * out_h and width / r >= MARGIN * out_w

    assert reduction == 1 or enough(reduction)
    assert reduction == 8 or not enough(2 * reduction)


@given(side, side, out_side, st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_random_crops_are_judged_by_the_crop(height: int, width: int, out: int, seed: int) -> None:
    torch.manual_seed(seed)
    view = RandomCrop((out, out), (0.08, 1.0))(height, width)
    top, left, box_h, box_w = view.box
    assert box_h > 0 and box_w > 0
    assert 0 <= top <= top + box_h <= height
    assert 0 <= left <= left + box_w <= width
    reduction = choose_reduction(view)
    assert reduction == 1 or min(box_h, box_w) / reduction >= out


@given(side, side, out_side)
def test_cover_covers(height: int, width: int, out: int) -> None:
    view = Cover(out)(height, width)
    assert min(view.size) == out
    if max(height, width) <= SLIMMEST * min(height, width):
        assert view.box == (0, 0, height, width)


@given(st.integers(1, 3), st.integers(1, 100_000), out_side, st.booleans())
def test_the_middle_of_a_slim_image_is_the_same(
    short: int, long: int, out: int, upright: bool
) -> None:
    height, width = (long, short) if upright else (short, long)
    view = Cover(out)(height, width)
    assert max(view.size) <= SLIMMEST * out
    top, left, box_height, box_width = view.box
    # the middle of the view is that of the image, but for the half pixel of a rounded start
    assert abs(top + box_height / 2 - height / 2) <= 0.5
    assert abs(left + box_width / 2 - width / 2) <= 0.5
    assert (box_height, box_width) <= (height, width)
    if max(height, width) <= SLIMMEST * min(height, width):
        assert view.box == (0, 0, height, width)


@given(
    st.integers(64, 400),
    st.integers(64, 400),
    st.integers(32, 64),
    st.sampled_from([1, 2]),
    st.integers(0, 2**32),
)
@settings(max_examples=12, deadline=None)
def test_reduced_decode_is_close_and_small_images_are_the_same(
    tmp_path_factory, height: int, width: int, out: int, kind: int, seed: int
) -> None:
    path = save(smooth(height, width), tmp_path_factory.mktemp("reduced") / "image.jpg")
    torch.manual_seed(seed)
    viewer = Squash((out, out)) if kind == 1 else RandomCrop((out, out), (0.3, 1.0))
    view = viewer(height, width)
    full = pixels(path, view, reduced=False)
    reduced = pixels(path, view, reduced=True)
    assert full.shape == reduced.shape == (3, out, out)
    if choose_reduction(view) == 1:
        assert torch.equal(full, reduced)
    else:
        steepest = 110 * 7 / out  # grey levels per pixel of the result
        assert (full.float() - reduced.float()).abs().mean() < 0.5 * steepest


@pytest.mark.parametrize("size", [(720, 1080), (1081, 719), (2001, 1503)])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_reduced_decode_of_real_sizes(tmp_path: Path, size: tuple[int, int], mode: str) -> None:
    path = save(smooth(*size).convert(mode), tmp_path / "image.jpg")
    view = Squash((224, 224))(*size)
    assert choose_reduction(view) == {720: 2, 1081: 2, 2001: 4}[size[0]]
    difference = pixels(path, view, reduced=False).float() - pixels(path, view, reduced=True)
    assert difference.square().mean().sqrt() < 1
    assert difference.abs().max() < 8


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_pixels_are_pillows(tmp_path: Path, mode: str, options: dict) -> None:
    path = save(smooth(61, 47).convert(mode), tmp_path / "image.jpg", **options)
    with open_image(path) as image:
        ours = load_pixels(image)
    assert np.array_equal(ours.permute(1, 2, 0).numpy(), np.asarray(read_image(path)))


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_grey_of_16_bits_keeps_its_greys(tmp_path: Path, suffix: str) -> None:
    ramp = np.linspace(0, 65535, 64 * 48).reshape(48, 64).astype(np.uint16)
    Image.fromarray(ramp).save(tmp_path / f"image.{suffix}")
    with open_image(str(tmp_path / f"image.{suffix}")) as image:
        assert np.array_equal(load_pixels(image)[1].numpy(), ramp >> 8)


def test_other_formats_and_decoded_images_are_never_reduced(tmp_path: Path) -> None:
    smooth(720, 1080).save(tmp_path / "image.png")
    view = Squash((64, 64))(720, 1080)
    path = str(tmp_path / "image.png")
    assert torch.equal(pixels(path, view, reduced=True), pixels(path, view, reduced=False))
    with open_image(save(smooth(720, 1080), tmp_path / "image.jpg")) as image:
        assert is_reducible(image)
        image.load()
        assert not is_reducible(image)
        assert load_pixels(image).shape == (3, 720, 1080)


@pytest.mark.parametrize("reduced", [True, False])
@pytest.mark.parametrize("cut", [2, 5000])
def test_truncated_is_named(tmp_path: Path, reduced: bool, cut: int) -> None:
    path = Path(save(smooth(720, 1080), tmp_path / "image.jpg"))
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(UserError, match=f"cannot read image {path}: .*truncated"):
        pixels(str(path), Squash((64, 64))(720, 1080), reduced=reduced)


@pytest.mark.parametrize(("interpolation", "differs"), [("bilinear", True), ("nearest", False)])
def test_the_key_allows_the_reduced_decode_except_for_nearest_neighbour(
    cfg, tmp_path: Path, interpolation: str, differs: bool
) -> None:
    cfg.INPUT.SIZE, cfg.INPUT.TRANSFORMS = (64, 64), ()
    cfg.INPUT.INTERPOLATION = interpolation
    path = save(smooth(720, 1080), tmp_path / "image.jpg")
    results = []
    for allowed in (True, False):
        cfg.INPUT.REDUCED_DECODE = allowed
        with open_image(path) as image:
            results.append(build_test_transform(cfg)(image))
        with open_image(path) as image:
            assert torch.equal(build_train_transform(cfg, (0.5,) * 3)(image), results[-1])
    assert torch.equal(*results) != differs


@pytest.mark.parametrize(
    ("mode", "suffix"), [("P", "png"), ("CMYK", "jpg"), ("L", "jpg"), ("RGBA", "png"), ("1", "png")]
)
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str, suffix: str) -> None:
    path = tmp_path / f"image.{suffix}"
    Image.new(mode, (8, 6)).save(path)
    image = read_image(str(path))
    assert image.mode == "RGB"
    assert image.size == (8, 6)


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((4, 4), 0.5, np.float32),
        np.full((4, 4), 300, np.float32),
        np.full((4, 4), 70_000, np.int32),
        np.full((4, 4), -1, np.int32),
    ],
)
def test_pixels_of_32_bits_without_a_known_white_are_refused(tmp_path, pixels):
    path = tmp_path / "x.tif"
    Image.fromarray(pixels).save(path)
    with pytest.raises(UserError, match=r"x.tif: its pixels of 32 bits go from"):
        load_rgb(Image.open(path))
