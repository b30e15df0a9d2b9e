"""Transforms: shape, resizing, augmentation on uint8, Cutout, numbers after normalisation."""

import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode, v2

from datasets.normalizer import Normalizer
from datasets.transforms import (
    INTERPOLATIONS,
    TRANSFORMS,
    Cutout,
    build_test_transform,
    build_train_transform,
)

MEAN, STD = (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)
ALL = ("random_resized_crop", "random_flip", "randaugment", "colorjitter", "cutout", "normalize")


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (50, 40)) -> Image.Image:
    return Image.new("RGB", size, colour)


def noise(height: int = 40, width: int = 50) -> Image.Image:
    return Image.fromarray(
        np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    )


def train_transform(cfg):
    return build_train_transform(cfg, MEAN)


@pytest.mark.parametrize("build", [train_transform, build_test_transform])
@pytest.mark.parametrize("transforms", [(), ("normalize",), ("center_crop",), ALL])
def test_output_is_uint8_of_the_size(cfg, build, transforms: tuple[str, ...]) -> None:
    cfg.INPUT.SIZE, cfg.INPUT.TRANSFORMS = (24, 36), transforms
    transform = pickle.loads(pickle.dumps(build(cfg)))  # workers may be started by pickling
    out = transform(plain((10, 20, 30)))
    assert type(out) is torch.Tensor
    assert out.shape == (3, 24, 36)
    assert out.dtype == torch.uint8


@pytest.mark.parametrize("transforms", [("randaugment",), ALL[1:]])
def test_numbers_equal_normalising_each_image(cfg, transforms: tuple[str, ...]) -> None:
    """The straightforward form augments one image, makes it float, normalises it and stacks."""
    cfg.INPUT.SIZE, cfg.INPUT.TRANSFORMS = (40, 50), transforms
    transform = train_transform(cfg)
    alone = v2.Compose(
        [v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean=list(MEAN), std=list(STD))]
    )
    straightforward = v2.Compose([v2.PILToTensor(), *transform.steps, alone])
    ours, theirs = [], []
    for seed in range(12):
        torch.manual_seed(seed)
        ours.append(transform(noise()))
        torch.manual_seed(seed)
        theirs.append(straightforward(noise()))
    batch = Normalizer(MEAN, STD)(torch.stack(ours))
    assert torch.equal(batch, torch.stack(theirs)) and batch.is_contiguous()
    assert len({tuple(image.flatten().tolist()) for image in ours}) > 1


@pytest.mark.parametrize("name", ["randaugment", "colorjitter"])
def test_augmentation_on_pillow_is_the_tensor_form(cfg, name: str) -> None:
    cfg.INPUT.TRANSFORMS = (name,)
    (step,) = train_transform(cfg).steps
    y, x = np.mgrid[0:40, 0:50]
    image = torch.from_numpy(np.stack([x * 5, y * 6, x + y]).astype(np.uint8))  # (3, 40, 50)
    changed = 0
    for seed in range(12):
        torch.manual_seed(seed)
        ours, drawn = step(image), torch.rand(())
        torch.manual_seed(seed)
        theirs = step.transform(image)
        assert drawn == torch.rand(()) and ours.dtype == torch.uint8
        assert (ours.int() - theirs.int()).abs().float().mean() < 2
        changed += not torch.equal(ours, image)
    assert changed > 6


def test_the_name_of_a_transform_says_what_it_does(cfg) -> None:
    names = [repr(build_test_transform(cfg)), repr(build_test_transform(cfg.clone()))]
    assert names[0] == names[1]
    assert " at 0x" not in names[0]  # the feature cache finds its entries by the name
    for key, value in (("SIZE", (48, 48)), ("INTERPOLATION", "bicubic"), ("REDUCED_DECODE", False)):
        changed = cfg.clone()
        changed.INPUT[key] = value
        names.append(repr(build_test_transform(changed)))
    cfg.INPUT.TRANSFORMS = ("center_crop",)
    names.append(repr(build_test_transform(cfg)))
    assert len(set(names)) == 5
    cfg.INPUT.TRANSFORMS = ALL
    assert " at 0x" not in repr(train_transform(cfg))
    assert repr(Normalizer(MEAN, STD)) != repr(Normalizer(MEAN, MEAN))


def test_normaliser_leaves_normalised_batches_and_its_input_alone() -> None:
    normalizer = Normalizer(MEAN, STD)
    pixels = torch.randint(256, (2, 3, 4, 5), dtype=torch.uint8)
    before = pixels.clone()
    once = normalizer(pixels)
    assert normalizer(once) is once
    assert torch.equal(pixels, before)
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    expected = (pixels.double() / 255 - mean) / std
    torch.testing.assert_close(once.double(), expected, rtol=0, atol=1e-6)


def test_no_transform_is_the_evaluation_transform(cfg) -> None:
    cfg.INPUT.TRANSFORMS, cfg.INPUT.NO_TRANSFORM = ALL, True
    train, test = (build(cfg)(noise()) for build in (train_transform, build_test_transform))
    torch.testing.assert_close(train, test, rtol=0, atol=0)


@pytest.mark.parametrize("transforms", [(), ("center_crop",)])
@pytest.mark.parametrize("name", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(300, 200), (97, 200), (64, 48)])
def test_resize_is_pillows(
    cfg, name: str, size: tuple[int, int], transforms: tuple[str, ...]
) -> None:
    cfg.INPUT.SIZE, cfg.INPUT.INTERPOLATION, cfg.INPUT.TRANSFORMS = (48, 64), name, transforms
    image = noise(*size)
    geometry = [v2.Resize([64]), v2.CenterCrop((48, 64))] if transforms else [v2.Resize((48, 64))]
    geometry[0].interpolation = InterpolationMode(name)
    theirs = v2.functional.pil_to_tensor(v2.Compose(geometry)(image))
    ours = build_test_transform(cfg)(image)
    difference = (ours.int() - theirs.int()).abs()  # on noise, the hardest content
    is_enlarged = size == (64, 48)  # where the two round bicubic's overshoot differently
    assert difference.max() <= (16 if is_enlarged else 2)
    assert difference.float().mean() < 0.5


def test_random_crop_is_torchvisions(cfg) -> None:
    cfg.INPUT.SIZE, cfg.INPUT.TRANSFORMS = (32, 32), ("random_resized_crop",)
    image = noise(200, 300)
    for seed in range(8):
        torch.manual_seed(seed)
        ours = train_transform(cfg)(image)
        torch.manual_seed(seed)
        theirs = v2.functional.pil_to_tensor(v2.RandomResizedCrop((32, 32), antialias=True)(image))
        assert (ours.int() - theirs.int()).abs().max() <= 2


def test_center_crop_keeps_the_aspect(cfg) -> None:
    cfg.INPUT.SIZE, cfg.INPUT.TRANSFORMS = (32, 32), ("center_crop",)
    image = plain((0, 0, 0), (96, 32))
    image.paste((255, 255, 255), (32, 0, 64, 32))
    assert (build_test_transform(cfg)(image) == 255).all()


def test_resize_is_antialiased(cfg) -> None:
    cfg.INPUT.TRANSFORMS = ()
    checks = (np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)
    out = build_test_transform(cfg)(Image.fromarray(checks).convert("RGB"))
    assert (out.float() - 127.5).abs().max() < 13


@pytest.mark.parametrize(("length", "ratio", "most"), [(8, 0.0, 64), (8, 0.5, 256), (0, 0.0, 0)])
def test_cutout_fills_with_the_mean(length: int, ratio: float, most: int) -> None:
    cutout = Cutout(1, length, ratio=ratio, fill=MEAN)
    image = torch.zeros(3, 32, 32, dtype=torch.uint8)
    holes = [(cutout(image) != 0).all(0).sum().item() for _ in range(200)]
    assert max(holes) == most and min(holes) >= most // 4
    assert not image.any()
    filled = cutout(image).amax((1, 2))
    assert not most or filled.tolist() == [round(m * 255) for m in MEAN]


def test_every_accepted_name_is_applied(cfg) -> None:
    cfg.INPUT.TRANSFORMS = TRANSFORMS
    kinds = [type(step).__name__ for step in train_transform(cfg).steps]
    assert kinds == ["RandomHorizontalFlip", "OnPillow", "OnPillow", "Cutout"]
    assert set(TRANSFORMS) == {*ALL, "center_crop"}


@pytest.mark.parametrize("name", INTERPOLATIONS)
def test_every_accepted_interpolation_is_applied(cfg, name: str) -> None:
    cfg.INPUT.INTERPOLATION = name
    assert build_test_transform(cfg).interpolation == INTERPOLATIONS[name]
