"""Predictions as JSON lines: an object per image."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import UserError

from .data import Predictions
from .wide_csv import IMAGE_HEADINGS, OWN_COLUMNS

EXPECTED = (
    'an object {"image": NAME, CLASS: SCORE, ...}, or {"image": NAME, "scores": ...} with an '
    "object or a list of scores"
)


def read_json_lines(path: Path) -> Predictions:
    """Read an object per line, or one JSON list of such objects.

    Raises:
        UserError: a line is no JSON, is no such object, or has other classes than the first one.
        OSError: the file cannot be read.
    """
    entries = _entries(path, path.read_bytes().decode("utf-8-sig"))
    images: list[str] = []
    rows: list[list[float]] = []
    classes: list[str] | None = None
    for where, entry in entries:
        image, values = _parts(where, entry)
        if isinstance(values, Mapping):
            keys = list(values)
        else:
            keys = None
        if not rows:
            classes = keys
        row = _row(where, values, classes, rows)
        images.append(image)
        rows.append(row)
    scores = np.array(rows, dtype=np.float64).reshape(len(rows), -1 if rows else 0)
    return Predictions(scores, images, classes, source=str(path))


def _entries(path: Path, text: str) -> list[tuple[str, Any]]:
    """Return each entry with its place in the file, for messages."""
    entries = []
    if text.lstrip().startswith("["):
        for number, entry in enumerate(_load(str(path), text)):
            entries.append((f"{path}: entry {number}", entry))
        return entries
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            where = f"{path}: line {number}"
            entries.append((where, _load(where, line)))
    return entries


def _load(where: str, text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=lambda pairs: _once(where, pairs))
    except json.JSONDecodeError as error:
        raise UserError(f"{where} is not valid JSON: {error}") from None
    except RecursionError:
        raise UserError(f"{where} is not valid JSON: it is nested too deeply") from None


def _once(where: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object; json.loads would keep the last one of equal keys silently."""
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise UserError(f"{where}: the key '{key}' is given twice")
        content[key] = value
    return content


def _parts(where: str, entry: Any) -> tuple[str, Any]:
    """Return image name and scores of an entry."""
    if not isinstance(entry, dict):
        raise UserError(f"{where} is {type(entry).__name__}; expected {EXPECTED}")
    for key in IMAGE_HEADINGS:
        if key in entry:
            break
    else:
        raise UserError(f"{where} has no image name; expected {EXPECTED}")
    if not isinstance(entry[key], str):
        raise UserError(f"{where}: '{key}' is {entry[key]!r:.40}; expected the name of an image")
    values = entry.get("scores")
    if not isinstance(values, (dict, list)):
        values = dict(entry)
        for name in (key, *OWN_COLUMNS[1:]):
            # A class may have this name: only text and lists are no scores.
            if not _is_number(values.get(name, "")):
                values.pop(name, None)
    return entry[key], values


def _row(
    where: str, values: Any, classes: list[str] | None, rows: list[list[float]]
) -> list[float]:
    """Return the scores of an entry in the order of the first entry."""
    if (classes is None) == isinstance(values, Mapping):
        raise UserError(f"{where}: scores are an object in one line and a list in another")
    if classes is None:
        items = [(str(number), value) for number, value in enumerate(values)]
    else:
        items = [(name, values.get(name, "")) for name in classes if name in values]
        for name in values:
            if name not in classes:
                raise UserError(f"{where}: class '{name}' is not in the first line")
        for name in classes:
            if name not in values:
                raise UserError(f"{where}: class '{name}' of the first line is missing")
    if rows and len(items) != len(rows[0]):
        raise UserError(
            f"{where} has {len(items)} scores; expected {len(rows[0])}, as in the first line"
        )
    numbers = []
    for name, value in items:
        if value is None:
            value = np.nan
        if not _is_number(value):
            raise UserError(f"{where}: the score of '{name}' is {value!r:.40}; expected a number")
        numbers.append(float(value))
    return numbers


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
