"""Image transforms: from an opened PIL image to a uint8 tensor ``(3, H, W)``.

Normalisation is not here: it applies to whole batches (:mod:`datasets.normalizer`). Augmentations
are torchvision's v2. All randomness is torch's default generator, so one seed fixes an image's
augmentation.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode, v2
from yacs.config import CfgNode

from core.config import Key, declare
from datasets.images import MARGIN, Cover, Part, RandomCrop, Squash, Viewer, render

INTERPOLATIONS = {
    "bilinear": InterpolationMode.BILINEAR,
    "bicubic": InterpolationMode.BICUBIC,
    "nearest": InterpolationMode.NEAREST_EXACT,
}


class Cutout(torch.nn.Module):
    """Fill square holes at random places with the mean colour, which is zero after normalisation.

    Holes are centred anywhere in the image, so they may reach over the border (DeVries and Taylor,
    2017). The published Cutout(0.5) of the method fills with a random colour or grey; the mean
    colour is used here because it carries no signal.

    Args:
        count: holes per image.
        length: side of a hole in pixels.
        ratio: side of a hole as a share of the image's shorter side; 0 uses ``length``.
        fill: colour (3,) from 0 to 1.
    """

    def __init__(self, count: int, length: int, *, ratio: float, fill: Sequence[float]) -> None:
        super().__init__()
        self.count, self.length, self.ratio = count, length, ratio
        self.fill = torch.tensor(fill).mul(255).round().to(torch.uint8).view(3, 1, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return a copy of the uint8 image ``(3, H, W)`` with holes."""
        height, width = image.shape[-2:]
        side = round(self.ratio * min(height, width)) if self.ratio > 0 else self.length
        image = image.clone()
        for _ in range(self.count):
            top = int(torch.randint(height, ())) - side // 2
            left = int(torch.randint(width, ())) - side // 2
            rows = slice(max(top, 0), max(top + side, 0))
            columns = slice(max(left, 0), max(left + side, 0))
            image[..., rows, columns] = self.fill
        return image


class OnPillow(torch.nn.Module):
    """Apply a torchvision transform to the PIL form of a uint8 tensor ``(3, H, W)``.

    Chains of small operations take a third of the tensor form's time this way. The random numbers
    are the same, the pixels are the same within rounding.
    """

    def __init__(self, transform: torch.nn.Module) -> None:
        super().__init__()
        self.transform = transform

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the transformed image, uint8 ``(3, H, W)``."""
        result = self.transform(Image.fromarray(image.permute(1, 2, 0).numpy()))
        return torch.from_numpy(np.array(result)).permute(2, 0, 1)


def _random_flip(cfg: CfgNode, mean: Sequence[float]) -> Callable:
    return v2.RandomHorizontalFlip()


def _randaugment(cfg: CfgNode, mean: Sequence[float]) -> Callable:
    magnitude = int(cfg.INPUT.RANDAUGMENT_M)
    return OnPillow(v2.RandAugment(num_ops=cfg.INPUT.RANDAUGMENT_N, magnitude=magnitude))


def _colorjitter(cfg: CfgNode, mean: Sequence[float]) -> Callable:
    jitter = v2.ColorJitter(
        brightness=cfg.INPUT.COLORJITTER_B,
        contrast=cfg.INPUT.COLORJITTER_C,
        saturation=cfg.INPUT.COLORJITTER_S,
        hue=cfg.INPUT.COLORJITTER_H,
    )
    return OnPillow(jitter)


def _cutout(cfg: CfgNode, mean: Sequence[float]) -> Callable:
    inp = cfg.INPUT
    return Cutout(inp.CUTOUT_N, inp.CUTOUT_LEN, ratio=inp.CUTOUT_RATIO, fill=mean)


# Augmentations of the resized image: name in INPUT.TRANSFORMS -> maker from (cfg, mean colour).
AUGMENTATIONS: dict[str, Callable[[CfgNode, Sequence[float]], Callable]] = {
    "random_flip": _random_flip,
    "randaugment": _randaugment,
    "colorjitter": _colorjitter,
    "cutout": _cutout,
}
# The place of these names in INPUT.TRANSFORMS does not matter: the first two choose the view, and
# "normalize", which CoOp's configurations name, always applies.
POSITION_FREE = ("random_resized_crop", "center_crop", "normalize")
TRANSFORMS: tuple[str, ...] = (*AUGMENTATIONS, *POSITION_FREE)

declare(
    "INPUT",
    Key(
        "SIZE",
        (224, 224),
        "height and width in pixels; 32 at least; a multiple of a ViT's patch",
        low=32,
        length=2,
    ),
    Key("INTERPOLATION", "bilinear", "interpolation of resizing", choices=tuple(INTERPOLATIONS)),
    Key(
        "REDUCED_DECODE",
        True,
        "decode a large JPEG at 1/2, 1/4 or 1/8 where that leaves 1.25 x the wanted size; faster, "
        "and pixels differ "
        "slightly from a full decode (1 to 3 of 255, docs/performance.md); smaller images are the "
        "same",
    ),
    Key("TRANSFORMS", (), "training augmentation, in this order", choices=TRANSFORMS),
    Key("NO_TRANSFORM", False, "resize and normalise only, in training too"),
    Key(
        "RRCROP_SCALE",
        (0.08, 1.0),
        "area range of random_resized_crop",
        low=0.0,
        high=1.0,
        length=2,
    ),
    Key("CUTOUT_N", 1, "holes per image", low=0),
    Key("CUTOUT_LEN", 16, "side of a hole in pixels", low=1),
    Key(
        "CUTOUT_RATIO",
        0.0,
        "side of a hole as a share of the image's side; 0 uses CUTOUT_LEN",
        low=0.0,
        high=1.0,
    ),
    Key("RANDAUGMENT_N", 2, "operations per image", low=0),
    Key("RANDAUGMENT_M", 10, "magnitude of an operation", low=0, high=30),
    Key("COLORJITTER_B", 0.4, "brightness range of colorjitter", low=0.0),
    Key("COLORJITTER_C", 0.4, "contrast range of colorjitter", low=0.0),
    Key("COLORJITTER_S", 0.4, "saturation range of colorjitter", low=0.0),
    Key("COLORJITTER_H", 0.1, "hue range of colorjitter", low=0.0, high=0.5),
)


class ImageTransform:
    """Decode the view that ``viewer`` chooses, then apply ``steps`` in order to its pixels."""

    def __init__(self, viewer: Viewer, cfg: CfgNode, steps: Sequence[Callable] = ()) -> None:
        self.viewer, self.steps = viewer, tuple(steps)
        self.interpolation = INTERPOLATIONS[cfg.INPUT.INTERPOLATION]
        # nearest neighbour picks single pixels, which a reduced decode would average
        is_nearest = self.interpolation == InterpolationMode.NEAREST_EXACT
        self.reduced = cfg.INPUT.REDUCED_DECODE and not is_nearest

    def __repr__(self) -> str:
        """Return everything that decides the pixels; the feature cache uses it in its keys."""
        reduced = MARGIN if self.reduced else None
        details = f"{self.viewer}, {self.interpolation}, reduced={reduced}, steps={self.steps}"
        return f"ImageTransform({details})"

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """Return uint8 ``(3, H, W)`` of an opened image.

        Raises:
            UserError: the image does not decode; the message names its file.
        """
        view = self.viewer(image.height, image.width)
        pixels = render(image, view, interpolation=self.interpolation, reduced=self.reduced)
        for step in self.steps:
            pixels = step(pixels)
        return pixels  # (3, H, W)

    def visible_part(self, height: int, width: int) -> Part:
        """Return the part of an image of ``height`` x ``width`` pixels that the result shows.

        Every step must be a crop inside of the view, as in :func:`build_test_transform`.
        """
        assert all(isinstance(step, v2.CenterCrop) for step in self.steps), self.steps
        view = self.viewer(height, width)
        rows, columns = torch.meshgrid(*map(torch.arange, view.size), indexing="ij")
        places = torch.stack([rows, columns])  # (2, *view.size): the steps crop them like pixels
        for step in self.steps:
            places = step(places)
        top, left = places[:, 0, 0].tolist()
        bottom, right = (places[:, -1, -1] + 1).tolist()
        box_top, box_left, box_height, box_width = view.box
        y, x = box_height / view.size[0], box_width / view.size[1]  # source pixels per pixel
        return Part(box_top + y * top, box_left + x * left, y * (bottom - top), x * (right - left))


def build_train_transform(cfg: CfgNode, mean: Sequence[float]) -> ImageTransform:
    """Resize to ``INPUT.SIZE`` or crop at random, then apply ``INPUT.TRANSFORMS`` in their order.

    With ``INPUT.NO_TRANSFORM`` training images are transformed as in evaluation. ``center_crop``
    concerns evaluation only.

    Args:
        mean: colour (3,) from 0 to 1 of Cutout's holes.
    """
    if cfg.INPUT.NO_TRANSFORM:
        return build_test_transform(cfg)
    names = cfg.INPUT.TRANSFORMS
    size = tuple(cfg.INPUT.SIZE)
    viewer: Viewer = Squash(size)
    if "random_resized_crop" in names:
        viewer = RandomCrop(size, tuple(cfg.INPUT.RRCROP_SCALE))
    steps = [AUGMENTATIONS[name](cfg, mean) for name in names if name not in POSITION_FREE]
    return ImageTransform(viewer, cfg, steps)


def build_test_transform(cfg: CfgNode) -> ImageTransform:
    """Resize to ``INPUT.SIZE``; with ``center_crop``, cover that size and crop the centre."""
    size = tuple(cfg.INPUT.SIZE)
    if "center_crop" in cfg.INPUT.TRANSFORMS:
        return ImageTransform(Cover(max(size)), cfg, [v2.CenterCrop(size)])
    return ImageTransform(Squash(size), cfg)
