"""Read an image file: open it, choose a part and a size, decode no more than they need.

Three steps: :func:`open_image` reads the header, a viewer such as :class:`Squash` turns the size of
the source into a :class:`View`, and :func:`render` decodes, crops and resizes.
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from numpy import array, uint8
from PIL import Image, UnidentifiedImageError
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional

from core.errors import UserError, printable

# Of image files; compared in lower case.
IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm",
)  # fmt: skip
PROGRAMS = ("EPS",)  # formats for which Pillow starts a program, on files of unknown origin
# Of image files in formats that are not read, because Pillow alone does not read them everywhere.
UNREAD_SUFFIXES = (
    ".heic", ".heif", ".avif", ".jxl", ".svg", ".psd", ".raw", ".dng", ".cr2", ".cr3", ".nef",
    ".arw",
)  # fmt: skip
REPAIR = "; fetch or export the file again"  # ends the line about a damaged file
# A JPEG decodes straight to 1/8, 1/4 or 1/2 of its size, from its DCT coefficients.
REDUCTIONS = (8, 4, 2)
# A reduced decode keeps at least this many pixels per pixel of the result along either side. The
# antialiased resize that follows then hides most of the difference (docs/performance.md).
MARGIN = 1.25
SLIMMEST = 64  # longer side of a view that keeps its aspect, in shorter sides


class OutOfRange(ValueError):
    """The pixels of a picture have numbers whose black and white are not known."""


# Files ------------------------------------------------------------------------------------------


def open_image(path: str, box: Sequence[float] | None = None) -> Image.Image:
    """Open an image and read its header only; its size and format are known, no pixel is decoded.

    Args:
        path: file of the image.
        box: left, top, right, bottom in pixels of the part to return, which is then decoded; what
            lies outside of the image is left out. None: the whole image.

    Raises:
        UserError: the file is missing or is no image, or the box is outside; the message names it.
    """
    try:
        image = Image.open(path, formats=_formats())
    except Exception as error:  # Pillow's readers raise errors of any type for a damaged file
        raise _unreadable(path, error) from None
    if box is None:
        return image
    with image:
        return _crop(image, box, path)


@functools.cache
def _formats() -> list[str]:
    """Return the formats that Pillow reads by itself, also those of the user's own plug-ins."""
    Image.init()
    return [name for name in Image.OPEN if name not in PROGRAMS]


def _crop(image: Image.Image, box: Sequence[float], path: str) -> Image.Image:
    """Return a decoded part of an image, at least one pixel wide and high."""
    left, top = (max(math.floor(value), 0) for value in box[:2])
    right = min(math.ceil(box[2]), image.width)
    bottom = min(math.ceil(box[3]), image.height)
    if left >= right or top >= bottom:
        raise UserError(
            f"the box {tuple(box)} lies outside of the image {path} of {image.width} x "
            f"{image.height} pixels; expected left, top, right, bottom"
        )
    return load_rgb(image).crop((left, top, right, bottom))


def read_image(path: str) -> Image.Image:
    """Decode an image fully and return it as RGB; a rotation in its EXIF data is not applied.

    Raises:
        UserError: the file is missing, truncated or no image; the message names it.
    """
    with open_image(path) as image:
        return load_rgb(image)


def load_rgb(image: Image.Image) -> Image.Image:
    """Return an opened image as RGB; palettes, grey of 8 or 16 bits and CMYK are converted.

    Raises:
        UserError: the image does not decode; the message names its file.
    """
    try:
        _check_range(image)
        if image.mode.startswith("I"):  # convert() would clip grey of 16 bits to white
            image = Image.fromarray((array(image).clip(0, 65535) >> 8).astype(uint8))
        if image.mode == "RGB":
            image.load()
            return image  # convert() would copy the pixels
        return image.convert("RGB")
    except Exception as error:  # see open_image
        raise _unreadable(getattr(image, "filename", "") or "in memory", error) from None


def _check_range(image: Image.Image) -> None:
    """Raise :class:`OutOfRange` for pixels of 32 bits whose black and white are not known.

    Known are floats up to 255 and whole numbers up to 65,535. Floats up to 1 would become black.
    """
    if image.mode not in ("F", "I"):
        return
    low, high = image.getextrema()
    is_known = high <= 65535
    if image.mode == "F":
        is_known = 1 < high <= 255 or high == 0
    if low < 0 or not is_known:
        raise OutOfRange(f"its pixels of 32 bits go from {low:g} to {high:g}; save it with 8 bits")


def load_pixels(image: Image.Image, *, reduction: int = 1) -> torch.Tensor:
    """Decode an opened image to uint8 ``(3, ceil(H / reduction), ceil(W / reduction))``.

    Args:
        reduction: 1, 2, 4 or 8; above 1 only for an undecoded JPEG (:func:`is_reducible`).

    Raises:
        UserError: the image does not decode; the message names its file.
    """
    if reduction > 1:
        image.draft("RGB", (image.width // reduction, image.height // reduction))
    elif is_reducible(image) and image.mode in ("RGB", "L"):
        # torchvision uses the library that Pillow uses and gives the same pixels with fewer copies
        pixels = _decode_jpeg(image)
        if pixels is not None:
            return pixels
    return torch.from_numpy(array(load_rgb(image))).permute(2, 0, 1)


def is_reducible(image: Image.Image) -> bool:
    """Return True if an opened image is a JPEG file whose pixels are not decoded yet."""
    is_jpeg = image.format in ("JPEG", "MPO")
    is_undecoded = bool(getattr(image, "tile", None)) and image.fp is not None
    return is_jpeg and is_undecoded


def _decode_jpeg(image: Image.Image) -> torch.Tensor | None:
    """Return the pixels ``(3, H, W)`` of a JPEG file, or None where Pillow must report a fault."""
    try:
        image.fp.seek(0)
        data = torch.frombuffer(bytearray(image.fp.read()), dtype=torch.uint8)
        return decode_jpeg(data, mode=ImageReadMode.RGB)
    except (RuntimeError, ValueError, OSError):
        return None


def _unreadable(path: str, error: Exception) -> UserError:
    return UserError(printable(f"cannot read image {path}: {_reason(path, error)}"))


def _is_heif(path: str) -> bool:
    """Return True for a file of the family of HEIC and AVIF, by its first bytes."""
    try:
        with open(path, "rb") as file:
            return file.read(8)[4:] == b"ftyp"
    except OSError:
        return False


def _reason(path: str, error: Exception) -> str:
    """Return what is wrong with a file, and what helps where that is known."""
    if isinstance(error, Image.DecompressionBombError):
        return f"it has more than {2 * Image.MAX_IMAGE_PIXELS:,} pixels; save it smaller"
    if getattr(error, "strerror", None):  # of the file system, without number and path
        return error.strerror
    if isinstance(error, OutOfRange):
        return str(error)
    if isinstance(error, UnidentifiedImageError) and _is_heif(path):
        return "it is HEIC or AVIF, as telephones write it; convert it to JPEG"
    text = str(error).replace(f" file {path!r}", " file").replace(repr(path), "the file")
    return (" ".join(text.split()) or type(error).__name__) + REPAIR


# Views ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class View:
    """A part of an image and the size at which it is shown.

    Attributes:
        box: (top, left, height, width) in pixels of the source.
        size: (height, width) of the result in pixels.
    """

    box: tuple[int, int, int, int]
    size: tuple[int, int]


class Part(NamedTuple):
    """A part of an image in pixels, which may be fractions."""

    top: float
    left: float
    height: float
    width: float


# A viewer maps (height, width) of the source to a view; it draws all geometric randomness.
Viewer = Callable[[int, int], View]


@dataclass(frozen=True)
class Squash:
    """View the whole image at ``size`` (height, width); the aspect ratio may change."""

    size: tuple[int, int]

    def __call__(self, height: int, width: int) -> View:
        return View((0, 0, height, width), self.size)


@dataclass(frozen=True)
class Cover:
    """View the whole image with its shorter side at ``side`` pixels; the aspect ratio stays.

    Of an image more than ``SLIMMEST`` times as long as wide, view the middle alone: one row of
    20,000 pixels would become 3 GB at 224 px, and a crop of the centre shows little of it.
    """

    side: int

    def __call__(self, height: int, width: int) -> View:
        shorter = min(height, width)
        seen = min(max(height, width), SLIMMEST * shorter)
        start = (max(height, width) - seen) // 2
        # torchvision's Resize rounds the longer side down, too
        longer = int(self.side * seen / shorter)
        if height <= width:
            return View((0, start, height, seen), (self.side, longer))
        return View((start, 0, seen, width), (longer, self.side))


class RandomCrop:
    """View a random crop at ``size`` (height, width), drawn by torchvision's RandomResizedCrop.

    Args:
        scale: smallest and largest share of the image's area.
    """

    def __init__(self, size: tuple[int, int], scale: tuple[float, float]) -> None:
        self.size = size
        self.sampler = v2.RandomResizedCrop(size, scale=scale)

    def __repr__(self) -> str:
        return f"RandomCrop(size={self.size}, scale={self.sampler.scale})"

    def __call__(self, height: int, width: int) -> View:
        crop = self.sampler.make_params([torch.empty(3, height, width, device="meta")])
        return View((crop["top"], crop["left"], crop["height"], crop["width"]), self.size)


# Decoding a view --------------------------------------------------------------------------------


def choose_reduction(view: View, *, margin: float = MARGIN) -> int:
    """Return the largest of 8, 4, 2, 1 that leaves ``margin`` source pixels per pixel of the view.

    The box counts and not the image: a small crop of a large image needs the full decode.
    """
    _, _, height, width = view.box
    out_height, out_width = view.size
    for reduction in REDUCTIONS:
        enough = reduction * margin
        if height >= enough * out_height and width >= enough * out_width:
            return reduction
    return 1


def render(
    image: Image.Image, view: View, *, interpolation: InterpolationMode, reduced: bool
) -> torch.Tensor:
    """Decode an opened image and return its view, uint8 ``(3, *view.size)``.

    The resize is antialiased and works on uint8. When it shrinks, the result is within 1 of 255 of
    Pillow's. After a reduced decode the box is rounded to whole reduced pixels: a shift below half
    a pixel of the result.

    Args:
        reduced: allow a decode at a reduced scale.

    Raises:
        UserError: the image does not decode; the message names its file.
    """
    reduction = choose_reduction(view) if reduced and is_reducible(image) else 1
    pixels = load_pixels(image, reduction=reduction)  # (3, H / r, W / r)
    top, left, height, width = (round(length / reduction) for length in view.box)
    box = pixels[:, top : top + height, left : left + width]
    return functional.resize(box, list(view.size), interpolation, antialias=True)
