"""Read text files, shipped lists and image paths of data sets; faults end in one line."""

import codecs
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError, did_you_mean, first_names, printable
from core.files import find_missing
from core.logging import get_logger
from datasets.images import UNREAD_SUFFIXES
from datasets.prepared import find_copies

LISTS = Path(__file__).parent / "lists"
log = get_logger()

SHOWN = 60  # characters of a line in a warning
SKIP = "DATASET.MISSING_IMAGES skip leaves them out"

declare(
    "DATASET",
    Key(
        "MISSING_IMAGES",
        "error",
        "images that are listed but not there: an error, or left out of their split, which log and "
        "report count (skip)",
        choices=("error", "skip"),
    ),
)


def root_of(cfg: CfgNode) -> Path:
    """Return the absolute folder of the data set, ``DATASET.ROOT``.

    Raises:
        UserError: there is no such folder.
    """
    root = Path(cfg.DATASET.ROOT).expanduser().absolute()
    if not root.is_dir():
        fault = "is a file" if root.exists() else "does not exist"
        siblings = []
        if root.parent.is_dir():
            siblings = [path.name for path in root.parent.iterdir() if path.is_dir()]
        raise UserError(
            f"DATASET.ROOT (--root) {cfg.DATASET.ROOT} {fault}; expected the folder of the data."
            + did_you_mean(root.name, siblings)
        )
    return root


def needed_files(splits: Sequence[str], files: Mapping[str, Path]) -> dict[str, Path]:
    """Return the files to read: of the given splits, and of train if it is there.

    Given predictions need no train labels, but the report shows them if they are there.
    """
    needed = {}
    for split, path in files.items():
        if split in splits or (split == "train" and path.is_file()):
            needed[split] = path
    return needed


def read_text(path: str | Path, needed: str = "") -> str:
    """Return the text of a file in UTF-8 (with or without a byte order mark), UTF-16 or cp1252.

    Line ends are ``\\n`` in the result. A warning shows a line of a file that is in neither UTF.

    Args:
        path: file to read.
        needed: says in an error what the file is, such as ``list of the test images``.

    Raises:
        UserError: the file is missing, is a folder, cannot be read, or is damaged UTF-8.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        what = f"{needed}: " if needed else ""
        reason = error.strerror or error
        raise UserError(f"{what}cannot read {path}: {reason} (DATASET.ROOT, --root)") from None
    return _decode(data, path).replace("\r\n", "\n").replace("\r", "\n")


def _decode(data: bytes, path: str | Path) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # Excel's "Unicode text"
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        damaged = data.decode("utf-8", errors="replace")
        wrong = damaged.count("\ufffd")
        if sum(not character.isascii() for character in damaged) > 2 * wrong:
            raise UserError(
                f"{path}: line {line}: a byte is not valid UTF-8, but the rest is; save the file "
                "as UTF-8"
            ) from None
    try:
        text = data.decode("cp1252")  # spreadsheets on Windows in western languages
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    log.warning(
        "%s: not UTF-8; it is read as Windows-1252, which makes line %d '%s'; if that is wrong, "
        "save the file as UTF-8",
        path, line, printable(text.split("\n")[line - 1].strip()[:SHOWN]),
    )  # fmt: skip
    return text


def read_lines(path: str | Path, needed: str = "") -> list[str]:
    """Return the lines of a text file without spaces around them and without empty ones.

    Raises:
        UserError: as in :func:`read_text`.
    """
    lines = [line.strip() for line in read_text(path, needed).split("\n")]
    return [line for line in lines if line]


def read_list(name: str) -> list[str]:
    """Return the lines of a shipped list, ``datasets/lists/<name>``."""
    return read_lines(LISTS / name)


def find_first(root: Path, candidates: Sequence[str], needed: str) -> Path:
    """Return the first of several places below ``root`` that exists.

    Raises:
        UserError: none exists; the message names all of them.
    """
    for candidate in candidates:
        path = root / candidate
        if path.exists():
            return path
    expected = " or ".join(candidates)
    raise UserError(f"{needed}: not found below {root} (DATASET.ROOT, --root); expected {expected}")


def report_skipped(place: Path, skipped: Mapping[str, int]) -> None:
    """Log how many files of a folder are skipped; it is a warning for images that are not read.

    Args:
        place: the folder.
        skipped: suffix in lower case -> number of files; the suffix may be empty.
    """
    unread = {suffix: n for suffix, n in skipped.items() if suffix in UNREAD_SUFFIXES}
    others = {suffix: n for suffix, n in skipped.items() if suffix not in UNREAD_SUFFIXES}
    if unread:
        log.warning(
            "%s: %d images are skipped because their format is not read (%s); save them as JPEG or "
            "PNG",
            place, sum(unread.values()), _by_suffix(unread),
        )  # fmt: skip
    if others:
        log.info(
            "%s: %d files that are no images of a class are skipped (%s)",
            place, sum(others.values()), _by_suffix(others),
        )  # fmt: skip


def _by_suffix(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{suffix or 'no suffix'} {counts[suffix]}" for suffix in sorted(counts))


def resolve_images(
    cfg: CfgNode, root: Path, names: Sequence[str], *, images: bool = True, advice: str = ""
) -> list[str]:
    """Return the path of each image; a prepared copy stands for its original.

    Args:
        cfg: configuration; ``DATASET.PREPARED`` and ``DATASET.MISSING_IMAGES`` are read.
        root: folder of the data set.
        names: paths of the images below ``root``, with ``/``.
        images: the files are needed; False gives the paths of the originals, which may be missing.
        advice: sentence for the error, such as the command that fetches the images.

    Raises:
        UserError: as in :func:`check_images`.
    """
    copies: dict[str, str] = {}
    if images:
        copies = find_copies(cfg, root, list(dict.fromkeys(names)))
        originals = [name for name in names if name not in copies]
        check_images(cfg, root, originals, advice=advice, others=len(copies))
    return [copies.get(name) or os.path.join(root, name) for name in names]


def check_images(
    cfg: CfgNode, root: Path, names: Sequence[str], *, advice: str = "", others: int = 0
) -> None:
    """Raise if images are missing, or with ``DATASET.MISSING_IMAGES skip``, if all of them are.

    Args:
        others: number of images that are there.

    Raises:
        UserError: images are missing; the message counts them, names the first ones and the key.
    """
    missing = find_missing(root, dict.fromkeys(names))
    if not missing or may_skip(cfg, len(missing), len(set(names)) + others):
        return
    count = f"{len(missing)} images are" if len(missing) > 1 else "1 image is"
    end = f"{advice}; or " if advice else ""
    raise UserError(f"{count} missing below {root}: {first_names(missing)}. {end}{SKIP}")


def may_skip(cfg: CfgNode, num_missing: int, num_images: int) -> bool:
    """Return True if missing images are left out; if all are missing, the folder is wrong."""
    return cfg.DATASET.MISSING_IMAGES == "skip" and num_missing < num_images
