"""Files that a folder of pictures may have, from the facts of their formats: good, odd, hostile.

:func:`write_all` writes them and says which must be read, which must be refused, and which may be
either, because it depends on the version of Pillow.
"""

import gzip
import io
import os
import socket
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

READ, REFUSED, EITHER = "read", "refused", "either"
PICTURE = Image.fromarray(np.random.default_rng(4).integers(0, 256, (48, 64, 3)).astype(np.uint8))
LONG = "n" * 250 + ".png"  # 254 of the 255 bytes that a name may have


def encode(form: str, image: Image.Image = PICTURE, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG: length, kind, data, CRC."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *more: bytes, depth: int = 8, colour: int = 2) -> bytes:
    """Return a PNG with these sizes in its header, and grey or coloured rows of zeros."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    row = 1 + width * (3 if colour == 2 else 1) * depth // 8
    rows = zlib.compress(bytes(min(row * height, 1 << 20)), 9)  # of a huge picture a part
    parts = [chunk(b"IHDR", header), *more, chunk(b"IDAT", rows), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def text_bomb() -> bytes:
    """Return a chunk of compressed text that grows to 200 MB."""
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()
    return chunk(b"zTXt", b"Comment\0\0" + data)


def tiff(offset: int, entries: bytes = b"", count: int = 0) -> bytes:
    """Return a TIFF header whose directory begins at ``offset``, and entries after the header."""
    return b"II*\0" + struct.pack("<IH", offset, count) + entries


def tiff_entry(tag: int, kind: int, count: int, value: int) -> bytes:
    return struct.pack("<HHII", tag, kind, count, value)


def wrong_strip() -> bytes:
    """Return a TIFF of 8 x 8 grey pixels whose strip lies far behind the end of the file."""
    values = [(256, 8), (257, 8), (258, 8), (259, 1), (262, 1), (273, 1 << 30), (277, 1), (278, 8),
              (279, 64)]  # fmt: skip
    entries = b"".join(tiff_entry(tag, 4, 1, value) for tag, value in values)
    return tiff(8, entries + bytes(4), len(values))


def with_exif(exif: bytes) -> bytes:
    """Return a JPEG whose first segment is these EXIF data."""
    data = encode("JPEG")
    body = b"Exif\0\0" + exif
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def orientation(value: int) -> bytes:
    return tiff(8, tiff_entry(274, 3, 1, value) + bytes(4), 1)


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.jpg", encode("JPEG"))
    return stream.getvalue()


def frames(form: str) -> bytes:
    others = [PICTURE.rotate(90), PICTURE.rotate(180)]
    return encode(form, save_all=True, append_images=others)


def transparent() -> Image.Image:
    palette = PICTURE.convert("P")
    palette.info["transparency"] = bytes(range(256))
    return palette


def deep() -> Image.Image:
    return Image.fromarray(np.linspace(0, 65535, 48 * 64).reshape(48, 64).astype(np.uint16))


JPEG, PNG, TIFF = encode("JPEG"), encode("PNG"), encode("TIFF")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9"/></svg>'
ICC = b"no profile" * 9

CONTENTS: dict[str, tuple[str, bytes]] = {
    # damaged
    "truncated.jpg": (REFUSED, JPEG[: len(JPEG) // 2]),
    "truncated.png": (REFUSED, PNG[: len(PNG) // 2]),
    "truncated.gif": (REFUSED, encode("GIF")[:600]),
    "truncated.webp": (REFUSED, encode("WEBP")[:400]),
    "truncated.tif": (REFUSED, encode("TIFF", compression="tiff_adobe_deflate")[:3000]),
    "truncated.gz.tif": (REFUSED, gzip.compress(TIFF)[:500]),
    "empty.jpg": (REFUSED, b""),
    "one_byte.png": (REFUSED, b"\x89"),
    "header_only.jpg": (REFUSED, JPEG[:20]),
    "text.jpg": (REFUSED, b"this is no picture\n" * 9),
    "zeros.jpg": (REFUSED, bytes(4096)),
    "wrong_sum.png": (REFUSED, PNG[:80] + bytes([PNG[80] ^ 255]) + PNG[81:]),
    "exif_broken.jpg": (READ, with_exif(b"II*\0\xff\xff\xff\x7f")),
    "exif_9.jpg": (READ, with_exif(orientation(9))),
    "exif_6.jpg": (READ, with_exif(orientation(6))),
    "icc_garbage.jpg": (READ, encode("JPEG", icc_profile=ICC)),
    "icc_garbage.png": (READ, encode("PNG", icc_profile=ICC)),
    "offset.tif": (REFUSED, tiff(1 << 31)),
    "loop.tif": (REFUSED, tiff(8, struct.pack("<I", 8))),
    "strip.tif": (REFUSED, wrong_strip()),
    "many_entries.tif": (REFUSED, tiff(8, bytes(60), 65535)),
    # other formats under the name of a picture
    "svg.png": (REFUSED, SVG),
    "pdf.jpg": (REFUSED, b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"),
    "zip.jpg": (REFUSED, zipped()),
    "html.jpg": (REFUSED, b"<!DOCTYPE html><title>404</title><p>not found"),
    "png.jpg": (READ, PNG),
    "script.png": (REFUSED, b"#!/bin/sh\nexit 1\n"),
    "postscript.jpg": (REFUSED, b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"),
    # unusual, and still pictures
    "animated.gif": (READ, frames("GIF")),
    "animated.webp": (READ, frames("WEBP")),
    "animated.png": (READ, frames("PNG")),
    "pages.tif": (READ, frames("TIFF")),
    "cmyk.jpg": (READ, encode("JPEG", PICTURE.convert("CMYK"))),
    "grey.jpg": (READ, encode("JPEG", PICTURE.convert("L"))),
    "deep.png": (READ, encode("PNG", deep())),
    "deep.tif": (READ, encode("TIFF", deep())),
    "float.tif": (READ, encode("TIFF", PICTURE.convert("L").convert("F"))),
    "lab.tif": (EITHER, encode("TIFF", Image.new("LAB", (8, 8)))),
    "palette.png": (READ, encode("PNG", transparent())),
    "one_bit.png": (READ, encode("PNG", PICTURE.convert("1"))),
    "alpha.png": (READ, encode("PNG", PICTURE.convert("LA"))),
    "progressive.jpg": (READ, encode("JPEG", progressive=True)),
    "restart.jpg": (READ, encode("JPEG", restart_marker_blocks=1)),
    "two.mpo.jpg": (EITHER, frames("MPO")),  # Pillow 10.3 writes a damaged one
    "icon.ico.png": (READ, encode("ICO")),
    # of unusual size
    "one_pixel.png": (READ, encode("PNG", Image.new("RGB", (1, 1)))),
    "thin.png": (READ, encode("PNG", Image.new("RGB", (1, 5000)))),
    "wide.jpg": (READ, encode("JPEG", Image.new("L", (20000, 3)))),
    "bomb.png": (REFUSED, png(60000, 60000)),
    "huge.png": (REFUSED, png(2**31 - 1, 2**31 - 1)),
    "no_width.png": (REFUSED, png(0, 8)),
    "text_bomb.png": (REFUSED, png(8, 8, text_bomb())),
    # names
    "two\nlines.png": (READ, PNG),
    "tab\tand\rreturn.png": (READ, PNG),
    "\"quotes\" 'and' `signs`.png": (READ, PNG),
    "-dash.png": (READ, PNG),
    "%s {0} {name} $HOME.png": (READ, PNG),
    "ünï çødé 漢字 🙂.png": (READ, PNG),
    "\x1b[31mred\x07.jpg": (REFUSED, b"no picture"),
    "new\nline.jpg": (REFUSED, b"no picture"),
    os.fsdecode(b"caf\xe9.png"): (READ, PNG),
    os.fsdecode(b"bad\xff.jpg"): (REFUSED, b"no picture"),
    LONG: (READ, PNG),
    " .png": (READ, PNG),
}


def write_all(folder: Path) -> dict[str, str]:
    """Write all files below ``folder``; return what must become of each, by name."""
    expected = {}
    for name, (outcome, content) in CONTENTS.items():
        (folder / name).write_bytes(content)
        expected[name] = outcome
    (folder / "link.png").symlink_to(folder / "one_pixel.png")
    (folder / "broken_link.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / "link_loop.jpg").symlink_to(folder / "link_loop.jpg")
    (folder / "device.jpg").symlink_to(os.devnull)
    os.mkfifo(folder / "pipe.jpg")
    _bind(folder, "socket.jpg")
    for name in ("broken_link.jpg", "link_loop.jpg", "device.jpg", "pipe.jpg", "socket.jpg"):
        expected[name] = REFUSED
    expected["link.png"] = READ
    if os.geteuid() != 0:  # root may read every file
        (folder / "secret.png").write_bytes(PNG)
        (folder / "secret.png").chmod(0)
        expected["secret.png"] = REFUSED
    return expected


def _bind(folder: Path, name: str) -> None:
    """Create a socket in the file system; its path may have about 100 bytes only."""
    current = os.getcwd()
    os.chdir(folder)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(name)
    finally:
        os.chdir(current)
