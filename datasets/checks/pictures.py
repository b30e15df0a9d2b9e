"""Read every image file once, in several processes: size, digests, thumbnail, faults.

The workers use Pillow and hashlib alone; everything that compares images works on the small results
(about 1.2 KB per file) in the calling process.
"""

import hashlib
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from core.errors import UserError
from datasets.images import REPAIR, load_rgb, open_image

SIDE = 32  # of a thumbnail
CHUNK = 8  # files that a worker gets at a time


@dataclass(frozen=True, slots=True)
class Picture:
    """What is kept of one image file.

    Attributes:
        path: path of the file.
        fault: why the file cannot be read; empty for a readable one.
        is_missing: True if there is no such file.
        size: (width, height) in pixels.
        file_digest: 16 bytes, of the bytes of the file.
        pixel_digest: 16 bytes, of size and RGB pixels.
        thumbnail: 32 x 32 grey pixels, row after row.
    """

    path: str
    fault: str = ""
    is_missing: bool = False
    size: tuple[int, int] = (0, 0)
    file_digest: bytes = b""
    pixel_digest: bytes = b""
    thumbnail: bytes = b""


def read_picture(path: str) -> Picture:
    """Read and decode one file; a fault is in the result, never raised."""
    try:
        data = Path(path).read_bytes()
        with open_image(path) as image:
            rgb = load_rgb(image)
    except (FileNotFoundError, NotADirectoryError):
        return Picture(path, fault="there is no such file", is_missing=True)
    except OSError as error:
        return Picture(path, fault=error.strerror or str(error))
    except UserError as error:
        return Picture(path, fault=_short(str(error), path))
    pixels = hashlib.blake2b(f"{rgb.width} {rgb.height} ".encode(), digest_size=16)
    pixels.update(rgb.tobytes())
    # Bilinear weights overlap, so that copies of other sizes have nearly the same thumbnail.
    small = rgb.convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return Picture(
        path=path,
        size=rgb.size,
        file_digest=hashlib.blake2b(data, digest_size=16).digest(),
        pixel_digest=pixels.digest(),
        thumbnail=small.tobytes(),
    )


def _short(message: str, path: str) -> str:
    """Return the reason alone of an error of :mod:`datasets.images`."""
    reason = message.removeprefix(f"cannot read image {path}: ")
    return reason.removesuffix(REPAIR)


def read_pictures(paths: Sequence[str], workers: int) -> Iterator[Picture]:
    """Yield the result of every file in the order of ``paths``.

    Args:
        paths: files, each once.
        workers: processes; 1 reads in the calling process.

    Raises:
        UserError: a worker process was killed.
    """
    if workers == 1 or len(paths) <= CHUNK:
        yield from map(read_picture, paths)
        return
    # An interruption from the keyboard reaches all processes; the calling one ends the others.
    pool = ProcessPoolExecutor(
        workers, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)
    )
    try:
        yield from pool.map(read_picture, paths, chunksize=CHUNK)
    except BrokenProcessPool:
        raise UserError(
            "a worker process was killed, perhaps for lack of memory; run the same command again "
            "with fewer --workers"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
