"""Resized copies of a data set's images, read instead of the originals.

``tools/prepare_images.py`` writes them to ``<root>/prepared-<size>/<file name>``, ``size`` being the shorter side, with
a manifest beside them: one JSON object per line and copy. A copy is never larger than its original.
"""

import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError, not_accepted
from core.files import find_missing
from core.logging import get_logger

MANIFEST = "manifest.jsonl"
PREFIX = "prepared-"
OFF = ("off", "False")  # YAML reads a bare off as False

declare(
    "DATASET",
    Key(
        "PREPARED",
        "auto",
        "resized copies of the images (tools.prepare_images): auto reads <root>/prepared-<size> where one is large "
        "enough for INPUT.SIZE, a size reads that one, off reads none; a changed original is read itself",
    ),
)

log = get_logger()


@dataclass(frozen=True)
class Copy:
    """One line of the manifest: the image's file name, size and time of its original, size of the copy in bytes."""

    name: str
    source_bytes: int
    source_mtime_ns: int
    copy_bytes: int


def prepared_folder(root: Path, size: int) -> Path:
    """Return the folder of the copies whose shorter side is ``size``."""
    return root / f"{PREFIX}{size}"


def copy_name(name: str) -> str:
    """Return the file name of an image's copy, which is a JPEG whatever the original is."""
    return name if name.lower().endswith((".jpg", ".jpeg")) else f"{name}.jpg"


def read_manifest(folder: Path) -> dict[str, Copy]:
    """Return file name -> copy; later lines replace earlier ones, a line torn by an interruption is skipped."""
    copies: dict[str, Copy] = {}
    try:
        lines = (folder / MANIFEST).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return copies
    for line in lines:
        try:
            copy = Copy(**json.loads(line))
        except (ValueError, TypeError):
            continue
        copies[copy.name] = copy
    return copies


def is_stale(copy: Copy, root: Path, *, by_time: bool = False) -> bool:
    """Say whether an image has another length than when its copy was made; one that is gone has not changed.

    ``by_time`` counts another time of change, too, which a copied data set often has.
    """
    try:
        found = os.stat(os.path.join(root, copy.name))
    except OSError:
        return False
    return found.st_size != copy.source_bytes or (
        by_time and found.st_mtime_ns != copy.source_mtime_ns
    )


def manifest_line(copy: Copy) -> str:
    """Return the manifest's line of a copy."""
    return json.dumps(asdict(copy)) + "\n"


def find_copies(cfg: CfgNode, root: Path, names: Sequence[str]) -> dict[str, str]:
    """Return file name -> path of the copy, for the images that ``DATASET.PREPARED`` lets be read from copies.

    Logs which files will be read, and warns of images that have no copy: their originals are read.

    Raises:
        UserError: when the configured size has no folder.
    """
    size = choose_size(cfg, root)
    if size is None:
        log.info("Images: the originals below %s", root)
        return {}
    folder = prepared_folder(root, size)
    manifest = read_manifest(folder)
    absent = set(find_missing(folder, [copy_name(name) for name in names]))
    copies = {
        name: os.path.join(folder, copy_name(name))
        for name in names
        if name in manifest and copy_name(name) not in absent and not is_stale(manifest[name], root)
    }
    log.info("Images: %d copies with a shorter side of %d px in %s", len(copies), size, folder)
    _warn_of_lacking(root, size, [name for name in names if name not in copies], len(names))
    return copies


def choose_size(cfg: CfgNode, root: Path) -> int | None:
    """Return the size of the prepared folder to read, or None for the originals."""
    setting, sizes, needed = str(cfg.DATASET.PREPARED), available_sizes(root), needed_size(cfg)
    if setting in OFF:
        return None
    if setting == "auto":
        return min((size for size in sizes if size >= needed), default=None)
    if not setting.isdecimal() or int(setting) not in sizes:
        have = not_accepted("DATASET.PREPARED", setting, ["auto", "off", *map(str, sizes)])
        raise UserError(
            f"{have} tools/prepare_images.py --root {root} --size N makes copies of another size"
        )
    if int(setting) < needed:
        log.warning(
            "DATASET.PREPARED %s is small for INPUT.SIZE: %d would not be enlarged", setting, needed
        )
    return int(setting)


def available_sizes(root: Path) -> list[int]:
    """Return the sizes of the prepared folders below ``root``, smallest first."""
    folders = [path.parent.name.removeprefix(PREFIX) for path in root.glob(f"{PREFIX}*/{MANIFEST}")]
    return sorted(int(name) for name in folders if name.isdecimal())


def needed_size(cfg: CfgNode) -> int:
    """Return the shorter side at which nothing is enlarged; with random crops, the crop of mean area is not."""
    size = max(cfg.INPUT.SIZE)
    if "random_resized_crop" not in cfg.INPUT.TRANSFORMS or cfg.INPUT.NO_TRANSFORM:
        return size
    mean_area = sum(cfg.INPUT.RRCROP_SCALE) / 2
    return math.ceil(size / math.sqrt(mean_area)) if mean_area > 0 else size


def _warn_of_lacking(root: Path, size: int, lacking: Iterable[str], total: int) -> None:
    lacking = list(lacking)
    if lacking:
        log.warning(
            "%d of %d images have no copy in %s, or another original (the first is %s); their originals are read. "
            "Complete it with: python -m tools.prepare_images --root %s --size %d",
            len(lacking), total, prepared_folder(root, size), lacking[0], root, size,
        )  # fmt: skip
