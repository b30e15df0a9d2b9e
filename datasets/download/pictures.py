"""Decide whether downloaded bytes are the wanted picture."""

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from datasets.download.manifest import Entry

# Formats that a list may bring; Pillow reads others with outside programs (EPS) or many bugs.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
PLACEHOLDER_BYTES = 64_000
PLACEHOLDER_URLS = 5
_HTML = (b"<!doctype html", b"<html", b"<head", b"<script", b"<?xml")
_FAULTS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def find_fault(path: Path) -> str:
    """Decode a file fully; return the reason why it is no picture, empty if it is one.

    Raises:
        FileNotFoundError: there is no such file.
    """
    with open(path, "rb") as file:
        start = file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        if start.startswith(_HTML):
            return "a web page and no image"
        file.seek(0)
        try:
            with Image.open(file, formats=FORMATS) as image:
                image.load()
        except UnidentifiedImageError:
            return "no image of a known format"
        except _FAULTS as error:
            return f"a damaged image: {error}"
    return ""


def find_placeholders(
    entries: Iterable[Entry], *, least: int = PLACEHOLDER_URLS, most_bytes: int = PLACEHOLDER_BYTES
) -> dict[str, int]:
    """Find the pictures that hosts send in place of removed images.

    Args:
        entries: one per file.
        least: number of addresses that give the same bytes.
        most_bytes: a larger file is no placeholder.

    Returns:
        ``{SHA-256: number of different addresses}`` of the placeholders.
    """
    urls: dict[str, set[str]] = {}
    for entry in entries:
        if entry.url and entry.bytes <= most_bytes:
            urls.setdefault(entry.sha256, set()).add(entry.url)
    return {digest: len(found) for digest, found in urls.items() if len(found) >= least}


def placeholder_reason(number: int, size: int) -> str:
    """Return the reason for a placeholder of ``size`` bytes that ``number`` addresses gave."""
    return f"a placeholder: {number} addresses gave the same {size} bytes"
