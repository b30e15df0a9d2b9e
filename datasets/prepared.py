"""Resized copies of a data set's images, which are read instead of the originals.

``python -m tools.prepare_images`` writes them to ``<root>/prepared-<size>/<file name>``; ``size``
is the shorter side in pixels. A manifest beside them holds one JSON object per line and copy. A
copy is never larger than its original.
"""

import json
import math
import os
from collections.abc import Sequence
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
        "resized copies of the images (tools.prepare_images): auto reads <root>/prepared-<size> "
        "where one is large "
        "enough for INPUT.SIZE, a size reads that one, off reads none; a changed original is read "
        "itself",
    ),
)

log = get_logger()


@dataclass(frozen=True)
class Copy:
    """One line of the manifest.

    Attributes:
        name: file name of the original below the root.
        source_bytes: size of the original.
        source_mtime_ns: time at which the original was last changed.
        copy_bytes: size of the copy.
    """

    name: str
    source_bytes: int
    source_mtime_ns: int
    copy_bytes: int


def prepared_folder(root: Path, size: int) -> Path:
    """Return the folder of the copies with a shorter side of ``size`` pixels."""
    return root / f"{PREFIX}{size}"


def copy_name(name: str) -> str:
    """Return the file name of an image's copy; copies of other formats are JPEG files, too."""
    if name.lower().endswith((".jpg", ".jpeg")):
        return name
    return f"{name}.jpg"


def manifest_line(copy: Copy) -> str:
    """Return the manifest's line of a copy."""
    return json.dumps(asdict(copy)) + "\n"


def read_manifest(folder: Path) -> dict[str, Copy]:
    """Return ``{file name: copy}``, empty without a manifest.

    A later line replaces an earlier one of the same name. Unreadable lines are skipped: an
    interruption may leave half a line.
    """
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
    """Return True if the original has changed since the copy was made.

    A missing original has not changed.

    Args:
        by_time: compare the time of the last change, too. Moving a data set to another disk often
            changes it, so reading compares the size alone.
    """
    try:
        found = os.stat(os.path.join(root, copy.name))
    except OSError:
        return False
    if found.st_size != copy.source_bytes:
        return True
    return by_time and found.st_mtime_ns != copy.source_mtime_ns


def find_copies(cfg: CfgNode, root: Path, names: Sequence[str]) -> dict[str, str]:
    """Return ``{file name: path of its copy}`` for the images that ``DATASET.PREPARED`` covers.

    The log names the folder, and warns of images without a copy, whose originals are read.

    Raises:
        UserError: the configured size has no folder.
    """
    size = choose_size(cfg, root)
    if size is None:
        log.info("Images: the originals below %s", root)
        return {}
    folder = prepared_folder(root, size)
    manifest = read_manifest(folder)
    missing = set(find_missing(folder, map(copy_name, names)))
    copies, without = {}, []
    for name in names:
        has_copy = name in manifest and copy_name(name) not in missing
        if has_copy and not is_stale(manifest[name], root):
            copies[name] = os.path.join(folder, copy_name(name))
        else:
            without.append(name)
    log.info("Images: %d copies with a shorter side of %d px in %s", len(copies), size, folder)
    if without:
        log.warning(
            "%d of %d images have no copy in %s, or the original changed since (the first is %s); "
            "their originals are read. Complete the copies with: "
            "python -m tools.prepare_images --root %s --size %d",
            len(without), len(names), folder, without[0], root, size,
        )  # fmt: skip
    return copies


def choose_size(cfg: CfgNode, root: Path) -> int | None:
    """Return the size of the prepared folder to read, or None for the originals.

    Raises:
        UserError: ``DATASET.PREPARED`` names a size without a folder.
    """
    setting = str(cfg.DATASET.PREPARED)
    if setting in OFF:
        return None
    sizes = available_sizes(root)
    needed = needed_size(cfg)
    if setting == "auto":
        return min((size for size in sizes if size >= needed), default=None)
    if not setting.isdecimal() or int(setting) not in sizes:
        message = not_accepted("DATASET.PREPARED", setting, ["auto", "off", *map(str, sizes)])
        command = f"python -m tools.prepare_images --root {root} --size N"
        raise UserError(f"{message} Make copies of another size with: {command}")
    if int(setting) < needed:
        log.warning(
            "DATASET.PREPARED %s is too small for INPUT.SIZE; with %d nothing would be enlarged",
            setting,
            needed,
        )
    return int(setting)


def available_sizes(root: Path) -> list[int]:
    """Return the sizes of the prepared folders below ``root``, smallest first."""
    sizes = []
    for manifest in root.glob(f"{PREFIX}*/{MANIFEST}"):
        size = manifest.parent.name.removeprefix(PREFIX)
        if size.isdecimal():
            sizes.append(int(size))
    return sorted(sizes)


def needed_size(cfg: CfgNode) -> int:
    """Return the shorter side at which no image is enlarged to ``INPUT.SIZE``.

    With random crops this holds for a crop of mean area.
    """
    size = max(cfg.INPUT.SIZE)
    if "random_resized_crop" not in cfg.INPUT.TRANSFORMS or cfg.INPUT.NO_TRANSFORM:
        return size
    mean_area = sum(cfg.INPUT.RRCROP_SCALE) / 2
    if mean_area == 0:
        return size
    return math.ceil(size / math.sqrt(mean_area))
