"""Download the images that Intentonomy's annotation files list and that are missing.

    python -m tools.download_intentonomy --root DIR [--size 384]

DIR/annotations must hold intentonomy_{train,val,test}2020.json. After an interruption, run it
again: only whole images that decode are kept. --size stores images with that shorter side, which
makes training faster; tools.prepare_images does it later and keeps the originals. The exit status
is 1 when some images could not be downloaded; all of them are listed.
"""

import argparse
import io
import json
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
from core.files import write_atomically
from tools import command

RETRIES = 3
TIMEOUT_S = 30


def list_images(root: Path) -> dict[str, str]:
    """Return ``{file name: address}`` of all images in the annotation files.

    Raises:
        UserError: there is no annotation file, a file is broken, or a file name leaves ``root``.
    """
    folder = root / "annotations"
    paths = sorted(folder.glob("intentonomy_*2020.json"))
    if not paths:
        raise UserError(
            f"no annotation files intentonomy_*2020.json in {folder}; put them there first"
        )
    urls: dict[str, str] = {}
    for path in paths:
        try:
            for image in json.loads(path.read_bytes())["images"]:
                urls[image["filename"]] = image.get("unsplash_url", "")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{path}: expected 'images' with 'filename' and 'unsplash_url' ({error!r})"
            ) from None
    for name in urls:
        place = PurePosixPath(name)
        if place.is_absolute() or ".." in place.parts:
            raise UserError(f"file name '{name}' in the annotation files leads out of {root}")
    return urls


def fetch(url: str, *, retries: int = RETRIES) -> bytes:
    """Return the bytes behind an address; repeat after a growing pause when the failure may pass.

    Raises:
        OSError: the last attempt failed, or the server refuses (404 and the like).
        ValueError: the address is not valid.
    """
    request = urllib.request.Request(url, headers={"User-Agent": "intclip-dataset-download"})
    for attempt in range(retries):
        is_last = attempt == retries - 1
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
                return response.read()
        except urllib.error.HTTPError as error:
            may_pass = error.code >= 500 or error.code == 429
            if is_last or not may_pass:
                raise
        except OSError:
            if is_last:
                raise
        time.sleep(0.5 * 2**attempt)
    raise AssertionError("unreachable")


def prepare(data: bytes, size: int) -> bytes:
    """Check that the bytes decode and return them, shrunk to shorter side ``size`` if positive."""
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        shorter = min(image.size)
        if size <= 0 or shorter <= size:
            return data
        scale = size / shorter
        shape = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        resized = image.convert("RGB").resize(shape, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    resized.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def download_one(item: tuple[str, str], *, root: Path, size: int) -> str | None:
    """Download one (file name, address); return None, or the reason of the failure."""
    name, url = item
    try:
        data = prepare(fetch(url), size)
        write_atomically(root / name, lambda temporary: temporary.write_bytes(data))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return f"{name} ({url or 'no address'}): {error}"
    return None


def download(root: Path, *, workers: int = 8, size: int = 0) -> list[str]:
    """Download all missing images below ``root``; return the failures, one line each."""
    todo = [item for item in list_images(root).items() if not (root / item[0]).is_file()]
    job = partial(download_one, root=root, size=size)
    with ThreadPoolExecutor(max_workers=workers) as pool:
        results: Iterable[str | None] = tqdm(
            pool.map(job, todo), total=len(todo), unit="image", disable=not todo
        )
        return [failure for failure in results if failure is not None]


def download_all(args: argparse.Namespace) -> int:
    """Download and report; return the exit status."""
    command.check_least(args.workers, "--workers", 1)
    command.check_least(args.size, "--size", 0)
    failures = download(args.root, workers=args.workers, size=args.size)
    if not failures:
        print(f"all images are in {args.root}")
    return command.report_failures(failures, "images could not be downloaded")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = command.make_parser("tools.download_intentonomy", __doc__)
    parser.add_argument("--root", required=True, type=Path, help="folder with annotations/")
    parser.add_argument("--workers", type=int, default=8, help="parallel downloads (8)")
    parser.add_argument(
        "--size", type=int, default=0, help="shorter side to store, in pixels; 0 keeps the original"
    )
    args = parser.parse_args(argv)
    return command.run(lambda: download_all(args))


if __name__ == "__main__":
    sys.exit(main())
