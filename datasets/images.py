"""Reading one image file: to a PIL image, or to pixels, at a reduced scale where that is enough."""

import torch
from numpy import array, uint8
from PIL import Image
from torchvision.io import ImageReadMode, decode_jpeg

from core.errors import UserError

REDUCTIONS = (
    8,
    4,
    2,
)  # scales 1/8, 1/4, 1/2, at which a JPEG decodes straight from its DCT coefficients
_FAULTS = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def open_image(path: str) -> Image.Image:
    """Open an image and read its header only: size and format are known, pixels are not decoded yet.

    Raises:
        UserError: naming the file when it is missing or no image.
    """
    try:
        return Image.open(path)
    except _FAULTS as error:
        raise _unreadable(path, error) from None


def read_image(path: str) -> Image.Image:
    """Decode an image fully and return it as RGB; EXIF rotation is left alone.

    Palettes, grey of 8 or 16 bits and CMYK are converted.

    Raises:
        UserError: naming the file when it is missing, truncated or no image.
    """
    with open_image(path) as image:
        return load_rgb(image)


def load_rgb(image: Image.Image) -> Image.Image:
    """Return an opened image as RGB; raise ``UserError`` naming the file when it does not decode."""
    try:
        if image.mode.startswith("I"):  # 16 bits of grey, which convert() would clip to white
            image = Image.fromarray((array(image).clip(0, 65535) >> 8).astype(uint8))
        return image.convert("RGB")
    except _FAULTS as error:
        raise _unreadable(getattr(image, "filename", "") or "in memory", error) from None


def load_pixels(image: Image.Image, *, reduction: int = 1) -> torch.Tensor:
    """Return the pixels (3, ceil(H / r), ceil(W / r)) uint8 of an opened image, r being ``reduction`` (1, 2, 4, 8).

    Only an undecoded JPEG can be reduced (:func:`is_reducible`). Without reduction torchvision's decoder is taken
    where it can: the same library and the same pixels as Pillow's, without Pillow's copies.

    Raises:
        UserError: naming the file when it does not decode.
    """
    if reduction > 1:
        image.draft("RGB", (image.width // reduction, image.height // reduction))
    elif is_reducible(image) and image.mode in ("RGB", "L"):
        pixels = _decode_jpeg(image)
        if pixels is not None:
            return pixels
    return torch.from_numpy(array(load_rgb(image))).permute(2, 0, 1)


def is_reducible(image: Image.Image) -> bool:
    """Say whether an opened image is a JPEG file whose pixels are not decoded yet."""
    return (
        image.format in ("JPEG", "MPO")
        and bool(getattr(image, "tile", None))
        and image.fp is not None
    )


def _decode_jpeg(image: Image.Image) -> torch.Tensor | None:
    """Return the pixels (3, H, W) of a JPEG file, or None when it does not decode: Pillow then says why."""
    try:
        image.fp.seek(0)
        data = torch.frombuffer(bytearray(image.fp.read()), dtype=torch.uint8)
        return decode_jpeg(data, mode=ImageReadMode.RGB)
    except (RuntimeError, ValueError, OSError):
        return None


def _unreadable(path: str, error: Exception) -> UserError:
    reason = " ".join(
        str(error).replace(f" file {path!r}", " file").replace(repr(path), "the file").split()
    )
    return UserError(f"cannot read image {path}: {reason}; fetch or export the file again")
