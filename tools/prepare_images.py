"""Make a resized copy of every image that the annotation files name, which loads several times as fast.

    python -m tools.prepare_images --root DIR [--size 384] [--workers N]

Copies are JPEGs (RGB, quality 95) with that shorter side at DIR/prepared-SIZE/<file name>; an image that is not larger
keeps its size. Training picks them up by itself (DATASET.PREPARED). Run it again at any time: it goes on after an
interruption, makes anew what changed since, and leaves the rest. Exit status 1 when images could not be read; all of
them are listed.
"""

import argparse
import errno
import io
import os
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
from tools.download_intentonomy import list_images

QUALITY = 95
DRAFT_MARGIN = 2  # reduced-scale decoding of large originals keeps twice the pixels of the copy
SAMPLE = 24  # images that the disk need is estimated from
SPARE = 1.05  # of the estimate


def encode(path: str, size: int) -> tuple[bytes, tuple[int, int]]:
    """Return the JPEG of an image with shorter side ``size`` (never enlarged) and its (width, height).

    An RGB JPEG that is small enough is returned as it is.

    Raises:
        UserError: naming the file when it does not decode.
    """
    with open_image(path) as image:
        is_small = min(image.size) <= size
        if is_small and image.format == "JPEG" and image.mode == "RGB":
            load_rgb(image)  # a truncated one is found here, by its own name
            return Path(path).read_bytes(), image.size
        height, width = Cover(size)(image.height, image.width).size
        box = None
        if not is_small:
            drafted = image.draft("RGB", (DRAFT_MARGIN * width, DRAFT_MARGIN * height))
            box = drafted[1] if drafted else None
        rgb = load_rgb(image)
    if not is_small:
        rgb = rgb.resize((width, height), Image.Resampling.BICUBIC, box=box)
    buffer = io.BytesIO()
    rgb.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue(), rgb.size


def prepare_one(name: str, *, root: Path, size: int) -> Copy | str:
    """Write the copy of one image; return its manifest entry, or why it failed."""
    target = prepared_folder(root, size) / copy_name(name)
    temporary = target.with_name(target.name + ".part")
    try:
        source = (root / name).stat()
        data, shape = encode(str(root / name), size)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        verify(temporary, shape)
        os.replace(temporary, target)
    except FileNotFoundError:
        return f"{name}: there is no such file; python -m tools.download_intentonomy fetches what the annotations name"
    except (OSError, UserError) as error:
        temporary.unlink(missing_ok=True)
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise
        return f"{name}: {error}"
    return Copy(name, source.st_size, source.st_mtime_ns, len(data))


def verify(path: Path, shape: tuple[int, int]) -> None:
    """Decode what was written and raise ``UserError`` unless it is an RGB JPEG of (width, height) ``shape``."""
    with open_image(str(path)) as image:
        load_rgb(image)
        if (image.format, image.mode, image.size) != ("JPEG", "RGB", tuple(shape)):
            raise UserError(
                f"{path}: wrote {image.format} {image.mode} {image.size}; expected JPEG RGB {shape}"
            )


def is_current(copy: Copy | None, root: Path, size: int) -> bool:
    """Say whether a copy is whole and its original unchanged; an original that is gone is unchanged."""
    if copy is None or is_stale(copy, root, by_time=True):
        return False
    target = prepared_folder(root, size) / copy_name(copy.name)
    return target.is_file() and target.stat().st_size == copy.copy_bytes


def check_disk(names: Sequence[str], root: Path, size: int) -> str:
    """Return a line with the disk need, estimated from a sample of the images.

    Raises:
        UserError: when less is free below ``root``.
    """
    lengths = []
    for name in names[:: max(1, len(names) // SAMPLE)]:
        try:
            lengths.append(len(encode(str(root / name), size)[0]))
        except UserError:  # reported in its turn
            continue
    need = round(sum(lengths) / max(1, len(lengths)) * len(names))
    free = shutil.disk_usage(root).free
    line = f"{len(names)} copies need about {need / 1e6:.1f} MB; {free / 1e6:.0f} MB are free below {root}"
    if need * SPARE > free:
        raise UserError(f"{line}; make room, or choose a smaller --size")
    return line


def prepare(
    root: Path, *, size: int, workers: int, say: Callable[[str], None] = print
) -> list[str]:
    """Bring the copies below ``root`` up to date; return the failures, one line each."""
    folder = prepared_folder(root, size)
    if folder.exists() and not folder.is_dir():
        raise UserError(
            f"{folder} is a file, expected a folder; remove it or choose another --size"
        )
    names = list(list_images(root))
    manifest = read_manifest(folder)
    current = {name: manifest[name] for name in names if is_current(manifest.get(name), root, size)}
    todo = [name for name in names if name not in current]
    say(f"{len(current)} of {len(names)} copies in {folder} are up to date")
    if not todo:
        return []
    say(check_disk(todo, root, size))
    folder.mkdir(exist_ok=True)
    _write_manifest(folder, list(current.values()))
    failures = []
    with open(folder / MANIFEST, "a", encoding="utf-8", buffering=1) as file:
        for result in tqdm(run(todo, root, size, workers), total=len(todo), unit="image"):
            if isinstance(result, Copy):
                file.write(manifest_line(result))
            else:
                failures.append(result)
    return failures


def _write_manifest(folder: Path, copies: Sequence[Copy]) -> None:
    """Write the manifest so that it is either the old or the new one."""
    temporary = folder / f"{MANIFEST}.part"
    temporary.write_text("".join(map(manifest_line, copies)), encoding="utf-8")
    os.replace(temporary, folder / MANIFEST)


def run(names: Sequence[str], root: Path, size: int, workers: int) -> Iterator[Copy | str]:
    """Yield the result of every image, from ``workers`` processes."""
    pool = ProcessPoolExecutor(
        workers, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)
    )
    try:
        yield from pool.map(partial(prepare_one, root=root, size=size), names, chunksize=4)
    except BrokenProcessPool:
        raise UserError(
            "a worker process was ended from outside (memory?); run it again to go on"
        ) from None
    except OSError as error:
        raise UserError(f"cannot go on: {error}; run it again when that is mended") from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--root", required=True, type=Path, help="folder with annotations/ and the images"
    )
    parser.add_argument(
        "--size", type=int, default=384, help="shorter side of the copies in pixels (default 384)"
    )
    parser.add_argument(
        "--workers", type=int, default=usable_cores(), help="processes (default: the usable cores)"
    )
    args = parser.parse_args(argv)
    for name, low in (("size", 32), ("workers", 1)):
        if getattr(args, name) < low:
            parser.error(f"--{name} is {getattr(args, name)}; expected at least {low}")
    try:
        failures = prepare(args.root, size=args.size, workers=args.workers)
    except (UserError, OSError) as error:  # an OSError, such as no right to write, names its file
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    if failures:
        print(
            f"{len(failures)} images could not be prepared:", *failures, sep="\n  ", file=sys.stderr
        )
        return 1
    print(f"all copies are in {prepared_folder(args.root, args.size)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
