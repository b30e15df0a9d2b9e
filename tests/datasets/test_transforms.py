"""Transforms: shape, normalisation, resizing, Cutout."""

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import UserError
from datasets.transforms import Cutout, build_test_transform, build_train_transform

MEAN, STD = (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)
ALL = ("random_resized_crop", "random_flip", "randaugment", "colorjitter", "cutout", "normalize")


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (50, 40)) -> Image.Image:
    return Image.new("RGB", size, colour)


@pytest.mark.parametrize("build", [build_train_transform, build_test_transform])
@pytest.mark.parametrize("transforms", [(), ("normalize",), ("center_crop",), ALL])
def test_output_is_float_of_the_size(cfg, build, transforms: tuple[str, ...]) -> None:
    cfg.INPUT.SIZE, cfg.INPUT.TRANSFORMS = (24, 36), transforms
    out = build(cfg, MEAN, STD)(plain((10, 20, 30)))
    assert type(out) is torch.Tensor and out.shape == (3, 24, 36) and out.dtype == torch.float32


@pytest.mark.parametrize("build", [build_train_transform, build_test_transform])
def test_always_normalised_with_the_backbones_numbers(cfg, build) -> None:
    cfg.INPUT.TRANSFORMS = ()
    out = build(cfg, MEAN, STD)(plain((255, 0, 51)))
    expected = (torch.tensor([1.0, 0.0, 0.2]) - torch.tensor(MEAN)) / torch.tensor(STD)
    torch.testing.assert_close(out.mean((1, 2)), expected)


def test_no_transform_is_the_evaluation_transform(cfg) -> None:
    cfg.INPUT.TRANSFORMS, cfg.INPUT.NO_TRANSFORM = ALL, True
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8))
    train, test = (build(cfg, MEAN, STD)(image) for build in (build_train_transform, build_test_transform))
    torch.testing.assert_close(train, test, rtol=0, atol=0)


def test_center_crop_keeps_the_aspect(cfg) -> None:
    cfg.INPUT.SIZE, cfg.INPUT.TRANSFORMS = (32, 32), ("center_crop",)
    image = plain((0, 0, 0), (96, 32))
    image.paste((255, 255, 255), (32, 0, 64, 32))
    assert (build_test_transform(cfg, (0, 0, 0), (1, 1, 1))(image) == 1).all()


def test_resize_is_antialiased(cfg) -> None:
    cfg.INPUT.TRANSFORMS = ()
    checks = (np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)
    out = build_test_transform(cfg, (0, 0, 0), (1, 1, 1))(Image.fromarray(checks).convert("RGB"))
    assert (out - 0.5).abs().max() < 0.05


@pytest.mark.parametrize(("length", "ratio", "most"), [(8, 0.0, 64), (8, 0.5, 256), (0, 0.0, 0)])
def test_cutout_fills_with_the_mean(length: int, ratio: float, most: int) -> None:
    cutout = Cutout(1, length, ratio=ratio, fill=MEAN)
    image = torch.zeros(3, 32, 32, dtype=torch.uint8)
    holes = [(cutout(image) != 0).all(0).sum().item() for _ in range(200)]
    assert max(holes) == most and min(holes) >= most // 4
    assert not image.any()
    filled = cutout(image).amax((1, 2))
    assert not most or filled.tolist() == [round(m * 255) for m in MEAN]


def test_unknown_names_get_a_hint(cfg) -> None:
    cfg.INPUT.TRANSFORMS = ("randaugmnt",)
    with pytest.raises(UserError, match="Did you mean 'randaugment'"):
        build_train_transform(cfg, MEAN, STD)
    cfg.INPUT.TRANSFORMS, cfg.INPUT.INTERPOLATION = (), "bicubik"
    with pytest.raises(UserError, match="Did you mean 'bicubic'"):
        build_test_transform(cfg, MEAN, STD)
