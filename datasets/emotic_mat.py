"""Read EMOTIC's ``Annotations.mat``: structs within structs, of which any may have one entry."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import UserError, not_accepted
from datasets.records import Box

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class Person:
    """One annotated person.

    Attributes:
        image: path of the image below the folder ``emotic``.
        box: left, top, right, bottom in whole pixels; None: no area of it is in the image.
        shares: float32 (C,), share of the annotators who chose a class.
        combined: float32 (C,), the official label of several annotators; without it, their union.
        annotators: number of annotators.
    """

    image: str
    box: Box | None
    shares: np.ndarray
    combined: np.ndarray
    annotators: int


def read_persons(path: Path, classnames: Sequence[str]) -> dict[str, list[Person]]:
    """Return the persons of train, val and test in the order of the file.

    Args:
        path: ``Annotations.mat``.
        classnames: the 26 categories.

    Raises:
        UserError: the file is broken or lacks a field, or has an unknown category.
    """
    # Here, because scipy takes long to import and no other data set needs it.
    from scipy.io import loadmat

    try:
        # Nothing is squeezed: a list of one entry stays a list.
        content = loadmat(str(path), variable_names=SPLITS)
    except Exception as error:  # scipy, zlib and struct have errors of their own for broken files
        reason = " ".join(str(error).split())
        raise UserError(f"{path} cannot be read as a MATLAB file: {reason}") from None
    found = {}
    for split in SPLITS:
        if split not in content:
            raise UserError(f"{path} has no struct '{split}'; expected {', '.join(SPLITS)}")
        persons: list[Person] = []
        for i, image in enumerate(_structs(content[split])):
            persons += _read_image(f"{path}: {split}({i + 1})", image, classnames)
        found[split] = persons
    return found


def _read_image(where: str, image: np.void, classnames: Sequence[str]) -> Iterator[Person]:
    """Yield the persons of one image."""
    name = _image_path(_text(where, image, "folder"), _text(where, image, "filename"))
    size = _image_size(image)
    for k, person in enumerate(_structs(_need(where, image, "person"))):
        place = f"{where}.person({k + 1})"
        marks = []
        for annotator in _structs(_need(place, person, "annotations_categories")):
            chosen = _texts(_need(place, annotator, "categories"))
            marks.append(_multi_hot(place, chosen, classnames))
        if not marks:
            raise UserError(f"{place} has no annotator in 'annotations_categories'")
        shares = np.mean(marks, axis=0, dtype=np.float64).astype(np.float32)
        combined = (shares > 0).astype(np.float32)
        official = _texts(_get(person, "combined_categories"))
        if official:
            combined = _multi_hot(place, official, classnames)
        box = _read_box(place, _need(place, person, "body_bbox"), size)
        yield Person(name, box, shares, combined, len(marks))


def _image_path(folder: str, file: str) -> str:
    """Return the path of an image: the folder may end in ``images`` or lack it."""
    folder = folder.replace("\\", "/").strip("/")
    if folder.split("/")[-1] != "images":
        folder = f"{folder}/images"
    return f"{folder}/{file}"


def _image_size(image: np.void) -> tuple[float, float]:
    """Return width and height in pixels, infinite where they are not given."""
    for size in _structs(_get(image, "image_size")):
        width = np.ravel(_get(size, "n_col"))
        height = np.ravel(_get(size, "n_row"))
        if width.size == 1 and height.size == 1:
            return float(width[0]), float(height[0])
    return np.inf, np.inf


def _read_box(where: str, value: Any, size: tuple[float, float]) -> Box | None:
    """Return a box in whole pixels, None if no area of it is in an image (width, height)."""
    numbers = np.ravel(value)
    if numbers.size != 4 or numbers.dtype.kind not in "iuf" or not np.isfinite(numbers).all():
        raise UserError(f"{where}: 'body_bbox' is {value}; expected x1, y1, x2, y2")
    left, top, right, bottom = (float(round(float(number))) for number in numbers)
    width = min(right, size[0]) - max(left, 0.0)
    height = min(bottom, size[1]) - max(top, 0.0)
    if width <= 0 or height <= 0:
        return None
    return left, top, right, bottom


def _multi_hot(where: str, names: Sequence[str], classnames: Sequence[str]) -> np.ndarray:
    """Return a label, float32 (C,)."""
    label = np.zeros(len(classnames), dtype=np.float32)
    for name in names:
        if name not in classnames:
            raise UserError(f"{where}: {not_accepted('category', name, classnames)}")
        label[classnames.index(name)] = 1.0
    return label


# Values of a MATLAB file ------------------------------------------------------------------------


def _structs(value: Any) -> list[np.void]:
    """Return the entries of a struct array, or of a cell array of structs; none of an empty one."""
    if isinstance(value, np.void):
        return [value]
    if not isinstance(value, np.ndarray):
        return []
    found: list[np.void] = []
    for entry in value.ravel():
        found += _structs(entry)
    return found


def _texts(value: Any) -> list[str]:
    """Return the texts of a cell array, of rows of characters or of one text, without spaces."""
    if isinstance(value, str):
        return [value.strip()] if value.strip() else []
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "OU":
        return []
    found: list[str] = []
    for entry in value.ravel():
        found += _texts(entry)
    return found


def _get(struct: np.void, name: str) -> Any:
    """Return a field, None if the struct has none of that name."""
    names = struct.dtype.names or ()
    return struct[name] if name in names else None


def _need(where: str, struct: np.void, name: str) -> Any:
    value = _get(struct, name)
    if value is None:
        raise UserError(f"{where} has no field '{name}'")
    return value


def _text(where: str, struct: np.void, name: str) -> str:
    texts = _texts(_need(where, struct, name))
    if len(texts) != 1:
        raise UserError(f"{where}: '{name}' is no text")
    return texts[0]
