"""COCO JSON: a label is any annotation of the category in the image."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.logging import get_logger
from datasets.own.cells import shown
from datasets.own.items import Judgement, LabelFile, fault, split_of
from datasets.own.refused import OTHERS, TABLE
from datasets.own.split_column import split_field

LONGEST = 18  # digits of an id in text; int() refuses thousands of them

log = get_logger()


def read_coco(path: Path, content: Mapping[str, Any]) -> LabelFile:
    """Return the labels of a COCO file; crowd annotations count.

    The classes are the categories by id. Roboflow adds a category that is the parent of all others
    and has no annotations: it is left out, also where it has the name of a class.

    Raises:
        UserError: an id is unknown or given twice, a name is given twice, or a field is missing.
    """
    categories = _index(path, content, "categories", "name")
    if not categories:
        raise fault(path, "'categories'", f"no classes; use {TABLE} (VIA writes regions alone)")
    images = _index(path, content, "images", "file_name")
    _check_twice(path, "images", "file_name", images)
    if images and not _list(path, content, "annotations"):
        raise fault(
            path,
            "'annotations'",
            f"no image has a label (COCO has no tags of whole images; export as {OTHERS})",
        )
    labels: dict[Any, dict[str, None]] = {number: {} for number in images}
    used: set[Any] = set()
    for i, entry in enumerate(_list(path, content, "annotations")):
        where = f"annotations[{i}]"
        image = _known(path, entry, "image_id", where, images)
        category = _known(path, entry, "category_id", where, categories)
        labels[image][categories[category]] = None
        used.add(category)
    judgements = []
    key = split_field(path, content["images"])
    for i, (number, name) in enumerate(images.items()):
        split = split_of(str(content["images"][i].get(key))) or "" if key else ""
        judgements.append(Judgement(name, f"images[{i}]", tuple(labels[number]), split=split))
    kept = _without_parents(path, content["categories"], categories, used)
    _check_twice(path, "categories", "name", kept)
    return LabelFile(path, judgements, list(kept.values()))


def _without_parents(
    path: Path, entries: list, categories: Mapping[Any, str], used: set[Any]
) -> dict[Any, str]:
    """Return the categories by id without unused ones that are the parent of others.

    A class whose parent has its own name is no parent.
    """
    parents = {_number(entry["id"]): entry.get("supercategory") for entry in entries}
    names = {}
    for number in sorted(categories, key=lambda number: (str(type(number)), number)):
        name = categories[number]
        is_parent = parents[number] != name and name in parents.values()
        if is_parent and number not in used:
            log.info("%s: category %s has no annotations and is left out", path, shown(name))
            continue
        names[number] = name
    return names or dict(categories)


def _check_twice(path: Path, part: str, key: str, names: Mapping[Any, str]) -> None:
    """Raise if two entries have one name."""
    owner: dict[str, Any] = {}
    for number, name in names.items():
        other = owner.setdefault(name, number)
        if other != number:
            ids = f"ids {shown(other)} and {shown(number)}"
            raise fault(path, f"'{part}'", f"{key} {shown(name)} is given twice, with the {ids}")


def _index(path: Path, content: Mapping[str, Any], part: str, key: str) -> dict[Any, str]:
    """Return ``{id: entry[key]}`` of a list."""
    found: dict[Any, str] = {}
    for i, entry in enumerate(_list(path, content, part)):
        where = f"{part}[{i}]"
        number = _field(path, entry, "id", where)
        name = _field(path, entry, key, where)
        if not isinstance(name, str) or not name.strip():
            raise fault(path, where, f"'{key}' is {shown(name)}; expected text")
        if number in found:
            raise fault(path, where, f"id {shown(number)} is given twice")
        found[number] = name.strip()
    return found


def _known(path: Path, entry: Any, key: str, where: str, known: Mapping[Any, str]) -> Any:
    """Return the id of ``known`` that an annotation names; 1 and "1" are the same, if need be.

    Raises:
        UserError: there is no such id.
    """
    number = _field(path, entry, key, where)
    if number in known:
        return number
    other = number
    if isinstance(number, int):
        other = str(number)
    elif number.isascii() and number.isdecimal() and len(number) <= LONGEST:
        other = int(number)
    if other in known and str(other) == str(number):
        return other
    part = {"image_id": "images", "category_id": "categories"}[key]
    raise fault(path, where, f"{key} {shown(number)} is not in '{part}'")


def _number(value: Any) -> Any:
    """Return an id; pandas writes whole numbers as 1.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _list(path: Path, content: Mapping[str, Any], part: str) -> list:
    entries = content[part]
    if not isinstance(entries, list):
        raise fault(path, f"'{part}'", f"{shown(entries)} is no list")
    return entries


def _field(path: Path, entry: Any, key: str, where: str) -> Any:
    if not isinstance(entry, dict) or key not in entry:
        raise fault(path, where, f"no '{key}'; expected an object with it")
    value = _number(entry[key])
    if not isinstance(value, int | str):
        raise fault(path, where, f"'{key}' is {shown(value)}; expected a number or text")
    return value
