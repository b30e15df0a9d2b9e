"""Read annotation files in COCO's format, without the outlines of the objects.

A file of COCO's full size holds about 25 million coordinates of outlines. They are removed from the
text before it is parsed; with them, parsing takes ten times as long and 3.5 GB of memory.
"""

import gc
import json
import mmap
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import UserError
from datasets.reading import LISTS

# A list of numbers only: text in quotes cannot match, because its own quotes are escaped.
_OUTLINE = re.compile(rb'"(?:segmentation|counts)"\s*:\s*\[[-+\d\s.,\[\]eE]*\]')
MAX_ID = 2**63 - 1  # ids are kept as int64
MAX_DIGITS = 60  # of a value that an error shows


@dataclass(frozen=True, eq=False)
class Instances:
    """One annotation file with A annotations.

    Attributes:
        path: the file.
        categories: category id -> name, in ascending order of the ids.
        files: image id -> file name, in the order of the file.
        image_ids: int64 (A,), image of each annotation, in the order of the file.
        category_ids: int64 (A,), category of each annotation.
    """

    path: Path
    categories: dict[int, str]
    files: dict[int, str]
    image_ids: np.ndarray
    category_ids: np.ndarray


def coco_categories() -> dict[int, str]:
    """Return the 80 categories of COCO, id -> name, in ascending order of the ids."""
    content = json.loads((LISTS / "coco80.json").read_text(encoding="utf-8"))
    return {entry["coco_id"]: entry["name"] for entry in content}


def read_instances(path: Path) -> Instances:
    """Return the content of an annotation file.

    Two formats are read: COCO's ``images``, ``annotations`` and ``categories`` (where these are
    missing, the ids are those of COCO), and lists of names, ``{"classes": [NAME, ...], "images":
    [[FILE, [NAME, ...]], ...]}``.

    Raises:
        UserError: the file is missing or broken; the message names the entry.
    """
    content = _load(path)
    if "annotations" not in content and "classes" in content:
        return _from_names(path, content)
    categories = _read_categories(path, content)
    files = _read_images(path, content)
    entries = _list_of(path, content, "annotations")
    image_ids = _column(path, entries, "image_id", files)
    category_ids = _column(path, entries, "category_id", categories)
    return Instances(path, categories, files, image_ids, category_ids)


def first_appearance(image_ids: np.ndarray) -> list[int]:
    """Return the different ids of annotations (A,) in the order of their first annotation."""
    return list(dict.fromkeys(image_ids.tolist()))


def make_labels(
    instances: Instances, columns: Mapping[int, int], num_classes: int, images: list[int]
) -> np.ndarray:
    """Return labels, float32 (N, C): 1 where any annotation has the class, crowds included.

    Args:
        instances: the annotation file.
        columns: category id -> class index; other categories are left out.
        num_classes: C.
        images: N image ids in the wanted order; annotations of other images are left out.
    """
    labels = np.zeros((len(images), num_classes), dtype=np.float32)
    rows = {image: i for i, image in enumerate(images)}
    row = np.array([rows.get(i, -1) for i in instances.image_ids.tolist()], dtype=np.int64)
    column = column_of(instances, columns)
    counts = (row >= 0) & (column >= 0)
    labels[row[counts], column[counts]] = 1.0
    return labels


def column_of(instances: Instances, columns: Mapping[int, int]) -> np.ndarray:
    """Return the class index of each annotation, int64 (A,), -1 for categories left out."""
    ids = instances.category_ids.tolist()
    return np.array([columns.get(category, -1) for category in ids], dtype=np.int64)


# Parsing ----------------------------------------------------------------------------------------


def _load(path: Path) -> dict[str, Any]:
    """Return the file's object, with 0 in place of each outline."""
    try:
        with open(path, "rb") as file:
            text = _without_outlines(file.fileno())
    except OSError as error:
        raise UserError(
            f"annotation file: cannot read {path}: {error.strerror or error} (DATASET.ROOT, --root)"
        ) from None
    try:
        with _no_collection():
            content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected an object with the key 'annotations'")
    return content


def _without_outlines(handle: int) -> bytes:
    try:
        with mmap.mmap(handle, 0, access=mmap.ACCESS_READ) as data:
            return _OUTLINE.sub(b'"segmentation":0', data)
    except ValueError:  # an empty file cannot be mapped
        return b""


@contextmanager
def _no_collection() -> Iterator[None]:
    """Stop the garbage collector, which visits the growing content again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _list_of(path: Path, content: Mapping[str, Any], key: str) -> list:
    value = content.get(key)
    if not isinstance(value, list):
        raise UserError(f"{path}: expected a list under the key '{key}'")
    return value


def _read_categories(path: Path, content: Mapping[str, Any]) -> dict[int, str]:
    """Return the categories in ascending order of their ids."""
    if "categories" not in content:
        return coco_categories()
    categories: dict[int, str] = {}
    for i, entry in enumerate(_list_of(path, content, "categories")):
        number, name = _pair(path, f"categories[{i}]", entry, "name")
        if number in categories:
            raise UserError(
                f"{path}: categories[{i}] has the id {number}, which an earlier one has"
            )
        categories[number] = name
    return dict(sorted(categories.items()))


def _read_images(path: Path, content: Mapping[str, Any]) -> dict[int, str]:
    """Return image id -> file name in the order of the file."""
    files: dict[int, str] = {}
    for i, entry in enumerate(_list_of(path, content, "images")):
        number, name = _pair(path, f"images[{i}]", entry, "file_name")
        if files.setdefault(number, name) != name:
            raise UserError(f"{path}: images[{i}] has the id {number}, which an earlier one has")
    return files


def _pair(path: Path, where: str, entry: Any, key: str) -> tuple[int, str]:
    """Return the id and the text of an entry."""
    number = entry.get("id") if isinstance(entry, dict) else None
    text = entry.get(key) if isinstance(entry, dict) else None
    if not _is_id(number) or not isinstance(text, str) or not text:
        shown = str(entry)[:MAX_DIGITS]
        raise UserError(
            f"{path}: {where} is {shown}; expected 'id' (an integer of at most 64 bits) and "
            f"'{key}' (text)"
        )
    return number, text


def _is_id(value: Any) -> bool:
    """Return True for an integer of at most 64 bits."""
    return isinstance(value, int) and not isinstance(value, bool) and -MAX_ID <= value <= MAX_ID


def _column(path: Path, entries: list, key: str, known: Mapping[int, str]) -> np.ndarray:
    """Return one number of each annotation, int64 (A,)."""
    try:
        values = [entry[key] for entry in entries]
        if set(values) <= known.keys():
            return np.array(values, dtype=np.int64)
    except (KeyError, TypeError):
        pass
    raise UserError(f"{path}: {_first_fault(entries, key, known)}")


def _first_fault(entries: list, key: str, known: Mapping[int, str]) -> str:
    """Return in words which annotation has no value of ``known`` under ``key``."""
    listed = {"image_id": "images", "category_id": "categories"}[key]
    for i, entry in enumerate(entries):
        value = entry.get(key) if isinstance(entry, dict) else None
        if not _is_id(value):
            return f"annotations[{i}] has no '{key}' that is a number"
        if value not in known:
            return f"annotations[{i}] has {key} {value}, which is not among the {listed}"
    raise AssertionError(f"no fault in {key}")


def _from_names(path: Path, content: Mapping[str, Any]) -> Instances:
    """Return the content of a file with lists of class names."""
    names = [str(name) for name in _list_of(path, content, "classes")]
    numbers = {name: i for i, name in enumerate(names)}
    files: dict[int, str] = {}
    image_ids, category_ids = [], []
    for i, entry in enumerate(_list_of(path, content, "images")):
        if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[1], list):
            raise UserError(f"{path}: images[{i}] is no pair [FILE, [CLASS, ...]]")
        files[i] = str(entry[0])
        for name in entry[1]:
            if name not in numbers:
                raise UserError(f"{path}: images[{i}] has the class '{name}', not in 'classes'")
            image_ids.append(i)
            category_ids.append(numbers[name])
    return Instances(
        path,
        dict(enumerate(names)),
        files,
        np.array(image_ids, dtype=np.int64),
        np.array(category_ids, dtype=np.int64),
    )
