"""Make a resized copy of every image in the annotation files, which loads several times as fast.

    python -m tools.prepare_images --root DIR [--size 384] [--workers N]

Copies are JPEG files (RGB, quality 95) with that shorter side at DIR/prepared-SIZE/<file name>; an
image that is not larger keeps its size. Training finds them itself (DATASET.PREPARED). A second run
continues after an interruption, replaces the copies of changed originals and keeps the others. The
exit status is 1 when images could not be read; all of them are listed.
"""

import argparse
import errno
import io
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from core.cpu import usable_cores
from core.errors import UserError
from core.files import write_atomically, write_text
from datasets.download.sources import read_intentonomy
from datasets.images import Cover, load_rgb, open_image
from datasets.prepared import (
    MANIFEST,
    Copy,
    copy_name,
    is_stale,
    manifest_line,
    prepared_folder,
    read_manifest,
)
from tools import command

QUALITY = 95
DRAFT_MARGIN = 2  # reduced-scale decoding of large originals keeps twice the pixels of the copy
SAMPLE = 24  # images from which the need of disk space is estimated
SPARE = 1.05  # of the estimate


def encode(path: str, size: int) -> tuple[bytes, tuple[int, int]]:
    """Return the copy of an image as JPEG bytes and its (width, height).

    The shorter side is ``size`` or, for a small image, its own. A small RGB JPEG file is returned
    unchanged.

    Raises:
        UserError: the image does not decode; the message names its file.
    """
    with open_image(path) as image:
        is_small = min(image.size) <= size
        if is_small and image.format == "JPEG" and image.mode == "RGB":
            load_rgb(image)  # finds a truncated file
            return Path(path).read_bytes(), image.size
        rgb = load_rgb(image) if is_small else _shrink(image, size)
    buffer = io.BytesIO()
    rgb.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue(), rgb.size


def _shrink(image: Image.Image, size: int) -> Image.Image:
    """Return an opened image as RGB with shorter side ``size``."""
    height, width = Cover(size)(image.height, image.width).size
    # draft() returns the box of the image within the reduced pixels, or None for other formats
    draft = image.draft("RGB", (DRAFT_MARGIN * width, DRAFT_MARGIN * height))
    box = draft[1] if draft else None
    return load_rgb(image).resize((width, height), Image.Resampling.BICUBIC, box=box)


def prepare_one(name: str, *, root: Path, size: int) -> Copy | str:
    """Write the copy of one image; return its manifest entry, or the reason of the failure.

    Raises:
        OSError: the disk is full.
    """
    try:
        source = (root / name).stat()
        data, shape = encode(str(root / name), size)
        _write_copy(prepared_folder(root, size) / copy_name(name), data, shape)
    except FileNotFoundError:
        return (
            f"{name}: there is no such file; python -m tools.download intentonomy downloads the "
            "images of the annotation files"
        )
    except (OSError, UserError) as error:
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise
        return f"{name}: {error}"
    return Copy(name, source.st_size, source.st_mtime_ns, len(data))


def _write_copy(path: Path, data: bytes, shape: tuple[int, int]) -> None:
    """Write a copy and read it back before it takes its place."""

    def write(temporary: Path) -> None:
        temporary.write_bytes(data)
        verify(temporary, shape)

    write_atomically(path, write)


def verify(path: Path, shape: tuple[int, int]) -> None:
    """Decode a written copy.

    Raises:
        UserError: it is not an RGB JPEG of (width, height) ``shape``.
    """
    with open_image(str(path)) as image:
        load_rgb(image)
        found = (image.format, image.mode, image.size)
    if found != ("JPEG", "RGB", tuple(shape)):
        form, mode, size = found
        raise UserError(f"{path}: wrote {form} {mode} {size}; expected JPEG RGB {shape}")


def is_current(copy: Copy | None, root: Path, size: int) -> bool:
    """Return True if a copy is whole and its original has not changed; a missing one has not."""
    if copy is None or is_stale(copy, root, by_time=True):
        return False
    target = prepared_folder(root, size) / copy_name(copy.name)
    return target.is_file() and target.stat().st_size == copy.copy_bytes


def check_disk(names: Sequence[str], root: Path, size: int) -> str:
    """Return a line with the need of disk space, estimated from a sample of the images.

    Raises:
        UserError: less space is free below ``root``.
    """
    lengths = []
    for name in names[:: max(1, len(names) // SAMPLE)]:
        try:
            lengths.append(len(encode(str(root / name), size)[0]))
        except UserError:  # reported when its copy is made
            continue
    need = round(sum(lengths) / max(1, len(lengths)) * len(names))
    free = shutil.disk_usage(root).free
    line = (
        f"{len(names)} copies need about {need / 1e6:.1f} MB; "
        f"{free / 1e6:.0f} MB are free below {root}"
    )
    if need * SPARE > free:
        raise UserError(f"{line}; make room, or choose a smaller --size")
    return line


def prepare(
    root: Path, *, size: int, workers: int, say: Callable[[str], None] = print
) -> list[str]:
    """Bring the copies below ``root`` up to date; return the failures, one line each.

    Raises:
        UserError: the annotation files are missing or broken, or the disk is too small.
    """
    folder = prepared_folder(root, size)
    if folder.exists() and not folder.is_dir():
        raise UserError(
            f"{folder} is a file, expected a folder; remove it or choose another --size"
        )
    names = list(dict.fromkeys(item.name for item in read_intentonomy(root)))
    manifest = read_manifest(folder)
    current, todo = [], []
    for name in names:
        if is_current(manifest.get(name), root, size):
            current.append(manifest[name])
        else:
            todo.append(name)
    say(f"{len(current)} of {len(names)} copies in {folder} are up to date")
    if not todo:
        return []
    say(check_disk(todo, root, size))
    write_text(folder / MANIFEST, "".join(map(manifest_line, current)))
    failures = []
    with open(folder / MANIFEST, "a", encoding="utf-8", buffering=1) as file:
        for result in tqdm(run(todo, root, size, workers), total=len(todo), unit="image"):
            if isinstance(result, Copy):
                file.write(manifest_line(result))
            else:
                failures.append(result)
    return failures


def run(names: Sequence[str], root: Path, size: int, workers: int) -> Iterator[Copy | str]:
    """Yield the result of every image, from ``workers`` processes.

    Raises:
        UserError: a worker was killed, or the disk is full.
    """
    # an interruption from the keyboard reaches all processes; the first one ends the others
    pool = ProcessPoolExecutor(
        workers, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)
    )
    try:
        yield from pool.map(partial(prepare_one, root=root, size=size), names, chunksize=4)
    except BrokenProcessPool:
        raise UserError(
            "a worker process was killed, perhaps for lack of memory; run the same command again "
            "to continue, with fewer --workers"
        ) from None
    except OSError as error:
        raise UserError(
            f"cannot continue: {error}; make room and run the same command again to continue"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def prepare_all(args: argparse.Namespace) -> int:
    """Prepare and report; return the exit status."""
    command.check_least(args.size, "--size", 32)
    command.check_least(args.workers, "--workers", 1)
    failures = prepare(args.root, size=args.size, workers=args.workers)
    if not failures:
        print(f"all copies are in {prepared_folder(args.root, args.size)}")
    return command.report_failures(failures, "images could not be prepared")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = command.make_parser("tools.prepare_images", __doc__)
    parser.add_argument(
        "--root", required=True, type=Path, help="folder with annotations/ and the images"
    )
    parser.add_argument(
        "--size", type=int, default=384, help="shorter side of the copies in pixels (384)"
    )
    parser.add_argument(
        "--workers", type=int, default=usable_cores(), help="processes (the usable cores)"
    )
    args = parser.parse_args(argv)
    return command.run(lambda: prepare_all(args))


if __name__ == "__main__":
    sys.exit(main())
