"""The data sets that list addresses: where their lists are, and where their images belong."""

import csv
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from core.errors import UserError, not_accepted
from datasets.download.addresses import SCHEMES, url_file_name
from datasets.images import IMAGE_SUFFIXES

MAX_NAME_BYTES = 240  # file systems allow 255; the suffixes of partial files need the rest
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
FINDINGEMO_FILE = "data/dataset_urls_exploded.json"


@dataclass(frozen=True)
class Item:
    """One image of a list.

    Attributes:
        name: path below the root, with ``/``.
        urls: addresses of the same image; the next one is tried if one fails.
    """

    name: str
    urls: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """A data set that lists addresses.

    Attributes:
        read: maps (root, splits, file) to the items; without splits, all that exist.
        splits: accepted values of ``--split``.
        takes_file: ``--file`` names the list.
    """

    read: Callable[[Path, Sequence[str], Path | None], list[Item]]
    splits: tuple[str, ...] = ()
    takes_file: bool = False


def read_items(
    source: str, root: Path, *, splits: Sequence[str] = (), file: Path | None = None
) -> list[Item]:
    """Return the images that a data set lists, each name once, in the order of the list.

    Args:
        source: a name in ``SOURCES``.
        root: folder of the data set.
        splits: the splits to read; empty for all that exist.
        file: the list itself, for sources that take one.

    Raises:
        UserError: a name is not accepted, a list is missing or broken, a file name leaves ``root``,
            or one file name has two addresses.
    """
    if source not in SOURCES:
        raise UserError(not_accepted("the data set", source, SOURCES))
    known = SOURCES[source]
    if splits and not known.splits:
        raise UserError(f"--split is not accepted: '{source}' has no splits")
    for split in splits:
        if split not in known.splits:
            raise UserError(not_accepted("--split", split, known.splits))
    if file is not None and not known.takes_file:
        raise UserError(f"--file is not accepted: '{source}' has its lists below --root")
    items = _unique(known.read(root, splits, file))
    for item in items:
        _check_image_name(item.name)
    return items


def check_name(name: Any, where: str) -> None:
    """Raise :class:`UserError` unless ``name`` is a plain path below the root.

    Args:
        where: file and entry, for the error.
    """
    if not isinstance(name, str) or _CONTROL.search(name):
        raise UserError(f"{where}: file name {name!r:.80}; expected a text without control signs")
    windows = PureWindowsPath(name)
    if windows.drive or windows.root or ".." in windows.parts:
        raise UserError(f"{where}: file name '{name}' leads out of --root")
    if "\\" in name or name != str(PurePosixPath(name)):
        raise UserError(f"{where}: file name '{name}'; expected a plain path with single '/'")


def _check_image_name(name: str) -> None:
    """Raise unless a file name leaves lists, manifest and partial files alone."""
    if not name.lower().endswith(IMAGE_SUFFIXES):
        accepted = ", ".join(IMAGE_SUFFIXES)
        raise UserError(f"file name '{name}' ends in no suffix of images: {accepted}")
    longest = max(len(os.fsencode(part)) for part in PurePosixPath(name).parts)
    if longest > MAX_NAME_BYTES:
        raise UserError(f"file name '{name:.80}...' is longer than {MAX_NAME_BYTES} bytes")


def read_intentonomy(
    root: Path, splits: Sequence[str] = (), file: Path | None = None
) -> list[Item]:
    """Return the images of ``<root>/annotations/intentonomy_<split>2020.json``.

    Raises:
        UserError: there is no such file, a file is broken, or a file name leaves ``root``.
    """
    folder = root / "annotations"
    paths = [folder / f"intentonomy_{split}2020.json" for split in splits]
    if not splits:
        paths = sorted(folder.glob("intentonomy_*2020.json"))
    if not paths:
        raise UserError(
            f"no annotation files intentonomy_*2020.json in {folder}; put them there first"
        )
    items = []
    for path in paths:
        for image in _read_images(path):
            check_name(image["filename"], str(path))
            items.append(Item(image["filename"], _addresses(image.get("unsplash_url"))))
    return items


def _read_images(path: Path) -> list[dict]:
    content = _read_json(path)
    try:
        images = content["images"]
        for image in images:
            image["filename"], image.get("unsplash_url")
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path}: expected 'images' with 'filename' and 'unsplash_url' ({error!r})"
        ) from None
    return images


def read_webemo(root: Path, splits: Sequence[str] = (), file: Path | None = None) -> list[Item]:
    """Return the images of WEBEmo's ``{train25,test25}.txt``, lines ``address label``.

    The lists lie in ``<root>`` or, as in the release, in ``<root>/WEBEmo``. The release has no file
    names, so :func:`url_file_name` gives them.

    Raises:
        UserError: a list is missing, or a line has no label.
    """
    paths = [_webemo_list(root, split) for split in splits or WEBEMO_SPLITS]
    if not splits:
        paths = [path for path in paths if path.is_file()]
    if not paths:
        raise UserError(f"no lists train25.txt and test25.txt in {root / 'WEBEmo'} or {root}")
    items = []
    for path in paths:
        for number, line in _read_lines(path):
            words = line.rsplit(None, 1)
            if len(words) != 2 or not words[1].isdecimal():
                raise UserError(f"{path}:{number}: '{line:.80}'; expected an address and a label")
            items.append(Item(url_file_name(words[0]), _addresses(words[0])))
    return items


def _webemo_list(root: Path, split: str) -> Path:
    outer = root / f"{split}25.txt"
    return outer if outer.is_file() else root / "WEBEmo" / outer.name


def read_findingemo(root: Path, splits: Sequence[str] = (), file: Path | None = None) -> list[Item]:
    """Return the images of FindingEmo's ``data/dataset_urls_exploded.json``.

    The file holds a list of objects ``{"rel_path": "/Run_1/...", "idx_url": 1, "url": ...}``. Many
    images have several addresses, which are tried in the order of ``idx_url``. Images belong to
    ``<root>/images/<rel_path>``.

    Args:
        file: the list, if it is not at ``<root>/data/dataset_urls_exploded.json``.

    Raises:
        UserError: the file is missing or broken, or a file name leaves ``root``.
    """
    path = file or root / FINDINGEMO_FILE
    rows = _read_json(path)
    found: dict[str, list[tuple[int, str]]] = {}
    try:
        for row in rows:
            found.setdefault(row["rel_path"], []).append((int(row["idx_url"]), str(row["url"])))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path}: expected a list of objects with 'rel_path', 'idx_url' and 'url' ({error!r})"
        ) from None
    items = []
    for relative, numbered in found.items():
        name = f"images/{str(relative).lstrip('/')}"
        check_name(name, str(path))
        urls = [url for _, url in sorted(numbered)]
        items.append(Item(name, _addresses(*urls)))
    return items


def read_list(root: Path, splits: Sequence[str] = (), file: Path | None = None) -> list[Item]:
    """Return the images of a text or CSV file with rows ``address[,relative path]``.

    A first row whose first column is named ``url`` is a header. An address with a comma needs
    double quotes. Images without a path are named by :func:`url_file_name`.

    Raises:
        UserError: no file is given, it is missing, a row has another form or no address, or a file
            name leaves ``root``.
    """
    if file is None:
        raise UserError("--file is missing; 'list' needs a file with rows url[,relative path]")
    items = []
    lines = _read_lines(file)
    for number, line in lines:
        row = [cell.strip() for cell in next(csv.reader([line], skipinitialspace=True))]
        where = f"{file}:{number}"
        if not items and row[0].lower() == "url":
            continue
        if len(row) > 2 or not row[0].startswith(SCHEMES):
            raise UserError(
                f"{where}: '{line:.80}'; expected url[,relative path], an address with a comma "
                "in double quotes"
            )
        name = row[1] if len(row) == 2 and row[1] else url_file_name(row[0])
        check_name(name, where)
        items.append(Item(name, _addresses(row[0])))
    return items


WEBEMO_SPLITS = ("train", "test")
SOURCES = {
    "intentonomy": Source(read_intentonomy, splits=("train", "val", "test")),
    "webemo": Source(read_webemo, splits=WEBEMO_SPLITS),
    "findingemo": Source(read_findingemo, takes_file=True),
    "list": Source(read_list, takes_file=True),
}


def _addresses(*urls: Any) -> tuple[str, ...]:
    """Return each address once, without the empty ones."""
    texts = [str(url or "").strip() for url in urls]
    return tuple(dict.fromkeys(filter(None, texts)))


def _unique(items: list[Item]) -> list[Item]:
    """Drop repeated items; raise if two different addresses belong to one file name."""
    by_name: dict[str, Item] = {}
    for item in items:
        known = by_name.setdefault(item.name, item)
        if not known.urls:
            by_name[item.name] = item
        elif item.urls and item != known:
            raise UserError(
                f"file name '{item.name}' is listed with two addresses: "
                f"{', '.join(known.urls)} and {', '.join(item.urls)}"
            )
    return list(by_name.values())


def _read_json(path: Path) -> Any:
    try:
        return json.loads(_read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON: {error}") from None


def _read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (number, text) of the lines that are not empty and no comment."""
    try:
        text = _read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no text in UTF-8: {error}") from None
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            yield number, line.strip()


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
