"""Which part of an image is seen and at what size: decided from the header, before a pixel is decoded."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from PIL import Image
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional

from datasets.images import REDUCTIONS, is_reducible, load_pixels

# A reduced decode keeps at least this many pixels per pixel of the result along either side. The antialiased resize
# that follows then hides most of the difference (docs/performance.md has it by size).
MARGIN = 1.25


@dataclass(frozen=True)
class View:
    """A box (top, left, height, width) of the source in pixels, and the size (height, width) that it is brought to."""

    box: tuple[int, int, int, int]
    size: tuple[int, int]


Viewer = Callable[
    [int, int], View
]  # (height, width) of the source -> view; geometric randomness is drawn here


@dataclass(frozen=True)
class Squash:
    """View the whole image at ``size`` (height, width), whatever its aspect."""

    size: tuple[int, int]

    def __call__(self, height: int, width: int) -> View:
        return View((0, 0, height, width), self.size)


@dataclass(frozen=True)
class Cover:
    """View the whole image with its shorter side at ``side`` and its aspect kept."""

    side: int

    def __call__(self, height: int, width: int) -> View:
        longer = int(
            self.side * max(height, width) / min(height, width)
        )  # rounds down as torchvision's Resize does
        return View(
            (0, 0, height, width), (self.side, longer) if height <= width else (longer, self.side)
        )


class RandomCrop:
    """View a random crop (area share within ``scale``) at ``size``; torchvision's own rule draws it."""

    def __init__(self, size: tuple[int, int], scale: tuple[float, float]) -> None:
        self.size = size
        self.sampler = v2.RandomResizedCrop(size, scale=scale)

    def __repr__(self) -> str:
        return f"RandomCrop(size={self.size}, scale={self.sampler.scale})"

    def __call__(self, height: int, width: int) -> View:
        crop = self.sampler.make_params([torch.empty(3, height, width, device="meta")])
        return View((crop["top"], crop["left"], crop["height"], crop["width"]), self.size)


def choose_reduction(view: View, *, margin: float = MARGIN) -> int:
    """Return the largest r of 8, 4, 2, 1 at which the view's box still has ``margin`` pixels for each of its result's.

    The box counts, not the image: a small crop of a large image needs the full decode.
    """
    (_, _, height, width), (out_height, out_width) = view.box, view.size
    return next(
        (
            r
            for r in REDUCTIONS
            if height >= r * margin * out_height and width >= r * margin * out_width
        ),
        1,
    )


def render(
    image: Image.Image, view: View, *, interpolation: InterpolationMode, reduced: bool
) -> torch.Tensor:
    """Decode an opened image and return its view (3, *size) uint8; ``reduced`` allows a reduced-scale decode.

    The resize is antialiased, on uint8; it is within 1 of 255 of Pillow's when it shrinks, at a fifth of the time.
    After a reduced decode the box is rounded to whole reduced pixels: a shift below half a pixel of the result.

    Raises:
        UserError: naming the file when it does not decode.
    """
    reduction = choose_reduction(view) if reduced and is_reducible(image) else 1
    pixels = load_pixels(image, reduction=reduction)  # (3, H / r, W / r)
    top, left, height, width = (round(length / reduction) for length in view.box)
    box = pixels[:, top : top + height, left : left + width]
    return functional.resize(box, list(view.size), interpolation, antialias=True)
