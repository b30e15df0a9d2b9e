"""Predictions as JSON lines: an object per image."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import UserError

from .data import Predictions
from .wide_csv import IMAGE_HEADINGS

SCORE_KEYS = ("scores", "probabilities", "probs")
EXPECTED = (
    'an object {"image": NAME, CLASS: SCORE, ...}, or {"image": NAME, "scores": ...} with an '
    "object or a list of scores"
)


def read_json_lines(path: Path) -> Predictions:
    """Read an object per line, or one JSON list of such objects.

    A score that is null is NaN. The keys ``true`` and ``predicted`` are left out where they hold no
    number.

    Raises:
        UserError: a line is no JSON, is no such object, or has other classes than the first one.
        OSError: the file cannot be read.
    """
    images: list[str] = []
    rows: list[list[float]] = []
    classes: list[str] | None = None
    for where, entry in _entries(path, path.read_bytes().decode("utf-8-sig")):
        image, values = _parts(where, entry)
        if not rows and isinstance(values, Mapping):
            classes = list(values)
        values = _in_order(where, values, classes)
        if rows and len(values) != len(rows[0]):
            raise UserError(
                f"{where} has {len(values)} scores; expected {len(rows[0])}, as in the first entry"
            )
        images.append(image)
        rows.append(_numbers(where, values, classes))
    width = len(rows[0]) if rows else 0
    scores = np.array(rows, dtype=np.float64).reshape(len(rows), width)
    return Predictions(scores, images, classes, source=str(path))


def _entries(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    """Yield each entry after its place in the file."""
    if text.lstrip().startswith("["):
        for number, entry in enumerate(_load(str(path), text), start=1):
            yield f"{path}: entry {number}", entry
        return
    # Not splitlines(): a name may hold other line ends of Unicode.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            where = f"{path}: line {number}"
            yield where, _load(where, line)


def _load(where: str, text: str) -> Any:
    """Return the content of a JSON text."""

    def make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        # json.loads would silently keep the last one of equal keys.
        content: dict[str, Any] = {}
        for key, value in pairs:
            if key in content:
                raise UserError(f"{where}: the key {key!r:.60} is given twice")
            content[key] = value
        return content

    try:
        return json.loads(text, object_pairs_hook=make_object, parse_int=float)
    except json.JSONDecodeError as error:
        raise UserError(f"{where} is not valid JSON: {error}") from None
    except RecursionError:
        raise UserError(f"{where} is not valid JSON: it is nested too deeply") from None


def _parts(where: str, entry: Any) -> tuple[str, Any]:
    """Return the image name of an entry and its scores: a list, or an object by class."""
    if not isinstance(entry, dict):
        raise UserError(f"{where} is {entry!r:.40}; expected {EXPECTED}")
    key = next(filter(entry.__contains__, IMAGE_HEADINGS), None)
    if key is None:
        raise UserError(f"{where} has no image name; expected {EXPECTED}")
    image = entry[key]
    if not isinstance(image, str):
        raise UserError(f"{where}: '{key}' is {image!r:.40}; expected the name of an image")
    key_of_scores = next(filter(entry.__contains__, SCORE_KEYS), "")
    values = entry.get(key_of_scores)
    if isinstance(values, list):
        return image, _named(where, entry, values)
    if isinstance(values, dict):
        return image, values
    values = {name: value for name, value in entry.items() if name != key}
    for name in ("true", "predicted"):
        # A class may have this name: then it has a number.
        if isinstance(values.get(name), (str, list)):
            del values[name]
    return image, values


def _named(where: str, entry: dict[str, Any], values: list[Any]) -> Any:
    """Return the scores by class where the entry lists its classes, else the list of scores."""
    names = entry.get("classes", entry.get("class_names"))
    if not isinstance(names, list):
        return values
    if len(names) != len(values) or not all(isinstance(name, str) for name in names):
        raise UserError(
            f"{where} has {len(values)} scores and {len(names)} classes; expected a "
            "name for each score"
        )
    if len(set(names)) < len(names):
        raise UserError(f"{where} names a class twice")
    return dict(zip(names, values, strict=True))


def _in_order(where: str, values: Any, classes: Sequence[str] | None) -> Sequence[Any]:
    """Return the scores of an entry in the order of the first entry's classes."""
    if isinstance(values, list):
        if classes is not None:
            raise UserError(f"{where} has a list of scores, but the first entry names its classes")
        return values
    if classes is None:
        raise UserError(f"{where} names its classes, but the first entry has a list of scores")
    for name in values:
        if name not in classes:
            raise UserError(f"{where}: class {name!r:.60} is not in the first entry")
    for name in classes:
        if name not in values:
            raise UserError(f"{where}: class {name!r:.60} of the first entry is missing")
    return [values[name] for name in classes]


def _numbers(where: str, values: Sequence[Any], classes: Sequence[str] | None) -> list[float]:
    """Return the scores as numbers; null is NaN."""
    numbers = []
    for i, value in enumerate(values):
        if value is None:
            value = np.nan
        if not isinstance(value, float):
            name = i + 1 if classes is None else classes[i]
            raise UserError(
                f"{where}: the score of {name!r:.60} is {value!r:.40}; expected a number"
            )
        numbers.append(value)
    return numbers
