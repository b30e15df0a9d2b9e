"""Image transforms: an opened PIL image in, a uint8 tensor (3, H, W) out; whole batches are normalised later.

Augmentations are torchvision's v2. All randomness is torch's default generator, so that one seed fixes an image's
augmentation.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode, v2
from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError, not_accepted
from datasets.geometry import MARGIN, Cover, RandomCrop, Squash, Viewer, render

INTERPOLATIONS = {
    "bilinear": InterpolationMode.BILINEAR,
    "bicubic": InterpolationMode.BICUBIC,
    "nearest": InterpolationMode.NEAREST_EXACT,
}
GEOMETRY = (
    "random_resized_crop",
    "center_crop",
    "normalize",
)  # handled apart from the list's order

TRANSFORMS = (
    "random_flip",
    "random_resized_crop",
    "randaugment",
    "colorjitter",
    "cutout",
    "center_crop",
    "normalize",
)

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
        "decode a large JPEG at 1/2, 1/4 or 1/8 where that leaves 1.25 x the wanted size; faster, and pixels differ "
        "slightly from a full decode (1 to 3 of 255, docs/performance.md); smaller images are the same",
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


class Cutout(torch.nn.Module):
    """Fill ``count`` square holes at random places with the mean colour (3,), zero after normalisation.

    A hole's side is ``length`` pixels, or ``ratio`` of the image's shorter side when ``ratio`` is positive. Holes are
    centred anywhere, so that they may reach over the border (DeVries and Taylor, 2017). The published Cutout(0.5) of
    the method fills with a random colour or grey; the mean grey is used here because it carries no signal.
    """

    def __init__(self, count: int, length: int, *, ratio: float, fill: Sequence[float]) -> None:
        super().__init__()
        self.count, self.length, self.ratio = count, length, ratio
        self.fill = torch.tensor(fill).mul(255).round().to(torch.uint8).view(3, 1, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return a copy of the uint8 image (3, H, W) with holes."""
        height, width = image.shape[-2:]
        side = round(self.ratio * min(height, width)) if self.ratio > 0 else self.length
        image = image.clone()
        for _ in range(self.count):
            top = int(torch.randint(height, ())) - side // 2
            left = int(torch.randint(width, ())) - side // 2
            image[..., max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] = (
                self.fill
            )
        return image


class OnPillow(torch.nn.Module):
    """Apply a torchvision transform to the PIL form of a uint8 tensor (3, H, W).

    For chains of small photometric and geometric operations Pillow takes a third of the tensor form's time on a core,
    draws the same random numbers and gives the same pixels within rounding.
    """

    def __init__(self, transform: torch.nn.Module) -> None:
        super().__init__()
        self.transform = transform

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the transformed image, uint8 (3, H, W)."""
        result = self.transform(Image.fromarray(image.permute(1, 2, 0).numpy()))
        return torch.from_numpy(np.array(result)).permute(2, 0, 1)


class ImageTransform:
    """Decode the part of an image that ``viewer`` wants, at its size, then apply ``steps`` to the uint8 tensor."""

    def __init__(self, viewer: Viewer, cfg: CfgNode, steps: Sequence[Callable] = ()) -> None:
        self.viewer, self.steps = viewer, tuple(steps)
        self.interpolation = _interpolation(cfg)
        # nearest neighbour picks single pixels, and a reduced decode would average them
        self.reduced = (
            cfg.INPUT.REDUCED_DECODE and self.interpolation != InterpolationMode.NEAREST_EXACT
        )

    def __repr__(self) -> str:
        """Return all that decides the pixels: caches of what is computed from them are named by it."""
        reduced = MARGIN if self.reduced else None
        return f"ImageTransform({self.viewer}, {self.interpolation}, reduced={reduced}, steps={self.steps})"

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """Return uint8 (3, H, W) of an opened image; ``UserError`` names its file when it does not decode."""
        view = self.viewer(image.height, image.width)
        pixels = render(
            image, view, interpolation=self.interpolation, reduced=self.reduced
        )  # (3, h, w)
        for step in self.steps:
            pixels = step(pixels)
        return pixels  # (3, H, W)


def build_train_transform(cfg: CfgNode, mean: Sequence[float]) -> ImageTransform:
    """Resize to ``INPUT.SIZE`` (or crop at random), then apply ``INPUT.TRANSFORMS`` in their order.

    ``normalize`` is accepted in the list and changes nothing: normalisation always applies, to the batch. ``mean`` is
    the colour of Cutout's holes. ``center_crop`` concerns evaluation only. ``INPUT.NO_TRANSFORM`` leaves the
    evaluation transform.
    """
    _check_names(cfg)
    if cfg.INPUT.NO_TRANSFORM:
        return build_test_transform(cfg)
    size = tuple(cfg.INPUT.SIZE)
    crops = "random_resized_crop" in cfg.INPUT.TRANSFORMS
    viewer = RandomCrop(size, tuple(cfg.INPUT.RRCROP_SCALE)) if crops else Squash(size)
    makers = _augmentations(cfg, mean)
    return ImageTransform(
        viewer, cfg, [makers[name]() for name in cfg.INPUT.TRANSFORMS if name not in GEOMETRY]
    )


def build_test_transform(cfg: CfgNode) -> ImageTransform:
    """Resize to ``INPUT.SIZE``; with ``center_crop``, the image is scaled to cover it and cropped."""
    _check_names(cfg)
    size = tuple(cfg.INPUT.SIZE)
    if "center_crop" in cfg.INPUT.TRANSFORMS:
        return ImageTransform(Cover(max(size)), cfg, [v2.CenterCrop(size)])
    return ImageTransform(Squash(size), cfg)


def _interpolation(cfg: CfgNode) -> InterpolationMode:
    name = cfg.INPUT.INTERPOLATION
    if name not in INTERPOLATIONS:
        raise UserError(not_accepted("INPUT.INTERPOLATION", name, INTERPOLATIONS))
    return INTERPOLATIONS[name]


def _augmentations(cfg: CfgNode, mean: Sequence[float]) -> dict[str, Callable[[], Callable]]:
    """Return a maker for each augmentation that keeps the size."""
    inp = cfg.INPUT
    return {
        "random_flip": v2.RandomHorizontalFlip,
        "randaugment": lambda: OnPillow(
            v2.RandAugment(num_ops=inp.RANDAUGMENT_N, magnitude=int(inp.RANDAUGMENT_M)),
        ),
        "cutout": lambda: Cutout(
            inp.CUTOUT_N, inp.CUTOUT_LEN, ratio=inp.get("CUTOUT_RATIO", 0.0), fill=mean
        ),
        "colorjitter": lambda: OnPillow(
            v2.ColorJitter(
                brightness=inp.COLORJITTER_B,
                contrast=inp.COLORJITTER_C,
                saturation=inp.COLORJITTER_S,
                hue=inp.COLORJITTER_H,
            ),
        ),
    }


def _check_names(cfg: CfgNode) -> None:
    accepted = [*_augmentations(cfg, (0.5, 0.5, 0.5)), *GEOMETRY]
    for name in cfg.INPUT.TRANSFORMS:
        if name not in accepted:
            raise UserError(not_accepted("INPUT.TRANSFORMS entry", name, accepted))
