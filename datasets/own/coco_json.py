"""COCO JSON: a label is any annotation of the category in the image."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.logging import get_logger
from datasets.own.cells import shown
from datasets.own.items import Judgement, LabelFile, fault

log = get_logger()


def read_coco(path: Path, content: Mapping[str, Any]) -> LabelFile:
    """Return the labels of a COCO file; crowd annotations count.

    The classes are the categories by id. Roboflow adds a category that is the parent of all others
    and has no annotations: it is left out.

    Raises:
        UserError: an id is unknown or given twice, or a field is missing.
    """
    categories = _index(path, content, "categories", "name")
    images = _index(path, content, "images", "file_name")
    labels: dict[Any, dict[str, None]] = {number: {} for number in images}
    for i, entry in enumerate(_list(path, content, "annotations")):
        where = f"annotations[{i}]"
        image, category = (_field(path, entry, key, where) for key in ("image_id", "category_id"))
        if image not in labels:
            raise fault(path, where, f"image_id {shown(image)} is not in 'images'")
        if category not in categories:
            raise fault(path, where, f"category_id {shown(category)} is not in 'categories'")
        labels[image][categories[category]] = None
    judgements = []
    for i, (number, name) in enumerate(images.items()):
        judgements.append(Judgement(name, f"images[{i}]", tuple(labels[number])))
    used = {name for names in labels.values() for name in names}
    classnames = _without_parents(path, content["categories"], categories, used)
    return LabelFile(path, judgements, classnames)


def _without_parents(
    path: Path, entries: list, categories: Mapping[Any, str], used: set[str]
) -> list[str]:
    """Return the names by id without unused categories that are the parent of others."""
    parents = [entry.get("supercategory") for entry in entries]
    names = []
    for number in sorted(categories, key=lambda number: (str(type(number)), number)):
        name = categories[number]
        if name in parents and name not in used:
            log.info("%s: category %s has no annotations and is left out", path, shown(name))
            continue
        names.append(name)
    return names or list(categories.values())


def _index(path: Path, content: Mapping[str, Any], part: str, key: str) -> dict[Any, str]:
    """Return ``{id: entry[key]}`` of a list."""
    found: dict[Any, str] = {}
    names: set[str] = set()
    for i, entry in enumerate(_list(path, content, part)):
        where = f"{part}[{i}]"
        number = _field(path, entry, "id", where)
        name = _field(path, entry, key, where)
        if not isinstance(name, str) or not name.strip():
            raise fault(path, where, f"'{key}' is {shown(name)}; expected text")
        if number in found:
            raise fault(path, where, f"id {shown(number)} is given twice")
        if name in names:
            raise fault(path, where, f"{key} {shown(name)} is given twice")
        names.add(name)
        found[number] = name.strip()
    return found


def _list(path: Path, content: Mapping[str, Any], part: str) -> list:
    entries = content[part]
    if not isinstance(entries, list):
        raise fault(path, f"'{part}'", f"{shown(entries)} is no list")
    return entries


def _field(path: Path, entry: Any, key: str, where: str) -> Any:
    if not isinstance(entry, dict) or key not in entry:
        raise fault(path, where, f"no '{key}'; expected an object with it")
    value = entry[key]
    if not isinstance(value, int | str):
        raise fault(path, where, f"'{key}' is {shown(value)}; expected a number or text")
    return value
