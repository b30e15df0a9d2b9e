"""Check a picture that a visitor sends before anything decodes it."""

import os
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image

from core.errors import UserError, printable
from inference.app.settings import MEBI, Limits

# Pillow's reader of EPS starts another program; no rare format of it is opened for strangers.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")


class Upload(NamedTuple):
    """A file that a visitor sent.

    Attributes:
        path: of the copy on this machine.
        name: that of the visitor's file, without folders.
    """

    path: str
    name: str


def make_upload(path: str, given_name: str | None) -> Upload:
    """Return an upload; folders of the given name are left out."""
    name = (given_name or path).replace("\\", "/").rsplit("/", 1)[-1]
    return Upload(path, name or "image")


def check_upload(upload: Upload, limits: Limits) -> None:
    """Raise :class:`UserError` for a file that is too large or no picture.

    Only the header is read. The message names the visitor's file, not the copy.
    """
    size = os.path.getsize(upload.path)
    name = printable(upload.name)
    if size > limits.bytes:
        raise UserError(
            f"{name} has {size / MEBI:.1f} MB; at most {limits.bytes / MEBI:g} MB are accepted"
        )
    width, height = _header_size(upload)
    if width * height > limits.pixels:
        raise UserError(
            f"{name} has {width} x {height} pixels; at most {limits.pixels / 1e6:g} million are "
            "accepted"
        )


def _header_size(upload: Upload) -> tuple[int, int]:
    try:
        with Image.open(upload.path, formats=FORMATS) as image:
            return image.size
    except Image.DecompressionBombError:
        reason = "it has too many pixels"
    except Exception:  # Pillow's readers raise errors of any type for a damaged file
        reason = "it is damaged, or no JPEG, PNG, WebP, BMP, GIF or TIFF file"
    raise UserError(f"cannot read {printable(upload.name)}: {reason}")


def check_batch(uploads: Sequence[Upload], limits: Limits) -> None:
    """Raise :class:`UserError` for too many files, or too many bytes together."""
    if len(uploads) > limits.files:
        raise UserError(
            f"{len(uploads)} files were sent; at most {limits.files} are accepted at a time. For "
            "more, use predict.py"
        )
    total = sum(os.path.getsize(upload.path) for upload in uploads)
    if total > limits.total:
        raise UserError(
            f"the files have {total / MEBI:.0f} MB together; at most {limits.total / MEBI:g} MB "
            "are accepted at a time. For more, use predict.py"
        )


def public_reason(reason: str, upload: Upload) -> str:
    """Return a reason that names the visitor's file instead of a path of this machine."""
    return reason.replace(printable(upload.path), printable(upload.name))
