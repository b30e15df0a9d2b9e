"""Fetch the images that Intentonomy's annotation files list and that are not there yet.

    python -m tools.download_intentonomy --root DIR [--size 384]

DIR/annotations must hold intentonomy_{train,val,test}2020.json. Run it again to go on after an interruption: an image
is renamed into place only when it is whole and decodes. With --size the images are stored with that shorter side, which
makes training faster (tools/prepare_images.py does it later, beside the originals). Exit status 1 when some images
could not be fetched; all of them are listed.
"""

import argparse
import io
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath

from PIL import Image
from tqdm import tqdm

from core.errors import UserError

RETRIES = 3
TIMEOUT_S = 30
SHOWN_FAILURES = 1000


def list_images(root: Path) -> dict[str, str]:
    """Return file name -> address of all images of the annotation files.

    Raises:
        UserError: when there is no annotation file, one is broken, or a file name leaves ``root``.
    """
    paths = sorted((root / "annotations").glob("intentonomy_*2020.json"))
    if not paths:
        raise UserError(
            f"no annotation files intentonomy_*2020.json in {root / 'annotations'}; put them there first"
        )
    urls: dict[str, str] = {}
    for path in paths:
        try:
            images = json.loads(path.read_bytes())["images"]
            urls.update((image["filename"], image.get("unsplash_url", "")) for image in images)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{path}: expected 'images' with 'filename' and 'unsplash_url' ({error!r})"
            ) from None
    outside = [
        name
        for name in urls
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts
    ]
    if outside:
        raise UserError(
            f"file name '{outside[0]}' in the annotation files leads out of {root}; refusing to write there"
        )
    return urls


def fetch(url: str, *, retries: int = RETRIES) -> bytes:
    """Return the bytes behind an address; transient failures are tried again after a growing pause."""
    request = urllib.request.Request(url, headers={"User-Agent": "intclip-dataset-download"})
    for attempt in range(retries):
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
                return response.read()
        except urllib.error.HTTPError as error:
            if (error.code < 500 and error.code != 429) or attempt == retries - 1:
                raise
        except OSError:
            if attempt == retries - 1:
                raise
        time.sleep(0.5 * 2**attempt)
    raise AssertionError("unreachable")


def prepare(data: bytes, size: int) -> bytes:
    """Check that the bytes decode; with a positive ``size``, return a JPEG with that shorter side (never enlarged)."""
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        shorter = min(image.size)
        if size <= 0 or shorter <= size:
            return data
        scaled = tuple(max(1, round(side * size / shorter)) for side in image.size)
        buffer = io.BytesIO()
        image.convert("RGB").resize(scaled, Image.Resampling.BICUBIC).save(
            buffer, "JPEG", quality=95
        )
        return buffer.getvalue()


def download_one(item: tuple[str, str], *, root: Path, size: int) -> str | None:
    """Fetch one (file name, address); return None, or why it failed."""
    name, url = item
    target = root / name
    temporary = target.with_name(target.name + ".part")
    try:
        data = prepare(fetch(url), size)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        os.replace(temporary, target)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return f"{name} ({url or 'no address'}): {error}"
    return None


def download(root: Path, *, workers: int = 8, size: int = 0) -> list[str]:
    """Fetch all missing images below ``root``; return the failures, one line each."""
    todo = [(name, url) for name, url in list_images(root).items() if not (root / name).is_file()]
    job = partial(download_one, root=root, size=size)
    with ThreadPoolExecutor(max_workers=workers) as pool:
        results: Iterable[str | None] = tqdm(
            pool.map(job, todo), total=len(todo), unit="image", disable=not todo
        )
        return [failure for failure in results if failure is not None]


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", required=True, type=Path, help="folder with annotations/")
    parser.add_argument("--workers", type=int, default=8, help="parallel downloads (default 8)")
    parser.add_argument(
        "--size", type=int, default=0, help="shorter side to store, in pixels; 0 keeps the original"
    )
    args = parser.parse_args(argv)
    try:
        failures = download(args.root, workers=max(1, args.workers), size=args.size)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if failures:
        print(
            f"{len(failures)} images could not be fetched:",
            *failures[:SHOWN_FAILURES],
            sep="\n  ",
            file=sys.stderr,
        )
        return 1
    print(f"all images are in {args.root}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
