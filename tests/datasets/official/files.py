"""Small images and text files for the generators."""

import json
import random
from collections.abc import Collection, Iterable
from pathlib import Path

from PIL import Image, ImageDraw

NAMES = Path(__file__).parent / "names"
# Files of at most this size count as removed photos in one protocol of NUS-WIDE.
PLACEHOLDER_BYTES = 4000


def draw(path: Path, *, seed: int = 0, padded: bool = False) -> tuple[int, int]:
    """Write a picture that differs for each seed and path; return (width, height) in pixels.

    Args:
        path: the suffix gives the format; folders are created.
        seed: another seed draws another picture.
        padded: enlarge a JPEG file above ``PLACEHOLDER_BYTES`` with a comment.
    """
    rng = random.Random(f"{seed} {path.parent.name}/{path.name}")
    width, height = rng.randint(16, 40), rng.randint(16, 40)
    image = Image.new("RGB", (width, height), _colour(rng))
    pen = ImageDraw.Draw(image)
    for _ in range(3):
        left, top = rng.randrange(width - 8), rng.randrange(height - 8)
        pen.rectangle((left, top, left + 7, top + 7), fill=_colour(rng))
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"comment": b" " * PLACEHOLDER_BYTES} if padded else {}
    image.save(path, **options)
    return width, height


def write_text(
    path: Path,
    lines: Iterable[str],
    *,
    newline: str = "\n",
    bom: bool = False,
    last_newline: bool = True,
) -> None:
    """Write lines with the given line end; ``bom`` puts a UTF-8 byte order mark in front."""
    text = newline.join(lines)
    if last_newline:
        text += newline
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8-sig" if bom else "utf-8"))


def write_json(path: Path, content: object) -> None:
    """Write a JSON file in one line; folders are created."""
    write_text(path, [json.dumps(content)])


def flags(labels: Collection[str], classes: Iterable[str]) -> list[str]:
    """Return ``1`` for each class in ``labels`` and ``0`` for the others."""
    return [str(int(name in labels)) for name in classes]


def write_clutter(folder: Path) -> None:
    """Write files that operating systems leave beside images."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0 no image")
    (folder / ".DS_Store").write_bytes(b"\x00\x00\x00\x01Bud1 no image")
    # macOS writes such a twin of each file on foreign disks; only its name looks like an image.
    (folder / "._1.jpg").write_bytes(b"\x00\x05\x16\x07 no image")


def read_names(file: str) -> list[str]:
    """Return the lines of a list in ``names/``."""
    return (NAMES / file).read_text(encoding="utf-8").splitlines()


def _colour(rng: random.Random) -> tuple[int, int, int]:
    return rng.randrange(256), rng.randrange(256), rng.randrange(256)
