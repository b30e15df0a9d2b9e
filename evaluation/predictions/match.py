"""Bring the predictions of a file into the order of a split. N: images, C: classes."""

from collections.abc import Sequence

import numpy as np

from core.errors import UserError, did_you_mean

from ..metrics import Array
from ..scored import Groups
from .columns import Columns, find_columns
from .data import MAX_NAMED, MatchedPredictions, Predictions, name_some, number_of
from .image_names import find_images


def match(
    predictions: Predictions,
    images: Sequence[str],
    names: Sequence[str],
    groups: Groups | None = None,
    *,
    words: Sequence[str] = (),
) -> MatchedPredictions:
    """Return the scores in the order of a split's images and of the data set's classes.

    Images are matched by the name in the annotation file, or else by the last parts of the path or
    by the name without folder and suffix, if these are unique. Classes are matched by key or by
    words. A column with the name of a group of the hierarchy holds the scores of this group;
    ``LEVEL/GROUP`` names a group whose name is also that of another level.

    Args:
        predictions: content of the file. Without image names the rows have the split's order,
            without class names the columns have the order of the classes.
        images: N image names of the split.
        names: C class keys.
        groups: groups of the hierarchy; None if there are none.
        words: C names of the classes in words; empty if there are none.

    Raises:
        UserError: an image or a class is missing, doubled or unknown, or a score is not finite; one
            message has all of it.
    """
    rows, image_faults, image_notes = _find_rows(predictions, images)
    columns, class_faults = _find_columns(predictions, names, groups or Groups(), words)
    faults = image_faults + class_faults + _not_finite(predictions)
    if faults:
        raise UserError(
            f"{predictions.source} does not match the {len(images):,} images and {len(names):,} "
            f"classes of the split: {'; '.join(faults)}"
        )
    scores = predictions.scores[rows]  # (N, K)
    order = [columns.classes[name] for name in names]
    labels = None if predictions.labels is None else predictions.labels[rows][:, order]
    parents: dict[str, dict[str, Array]] = {}
    for (level, group), column in columns.groups.items():
        parents.setdefault(level, {})[group] = scores[:, column]
    return MatchedPredictions(
        scores=scores[:, order],
        parents=parents,
        notes=[*image_notes, *columns.notes],
        images=list(images),
        names=list(names),
        source=predictions.source,
        labels=labels,
    )


def _find_rows(
    predictions: Predictions, images: Sequence[str]
) -> tuple[Array, list[str], list[str]]:
    """Return the row of each image ``(N,)``, faults and notes."""
    num_rows = len(predictions.scores)
    if predictions.images is None:
        faults = []
        if num_rows != len(images):
            faults.append(
                f"there are {num_rows:,} rows without image names; expected {len(images):,}, one "
                "per image in the order of the annotation file"
            )
        notes = [_without_names("image", "rows", "annotation file", predictions)]
        return np.arange(num_rows), faults, notes
    found, note = find_images(predictions.images, images)
    row_of: dict[int, int] = {}
    unknown, doubled = [], []
    for row, position in enumerate(found):
        if position is None:
            unknown.append(predictions.images[row])
        elif position in row_of:
            doubled.append(images[position])
        else:
            row_of[position] = row
    missing = [name for i, name in enumerate(images) if i not in row_of]
    faults = _describe(missing, doubled, unknown, ("image is", "images are"))
    rows = np.array([row_of[i] for i in sorted(row_of)], dtype=int)
    notes = [note] if note else []
    return rows, faults, notes


def _find_columns(
    predictions: Predictions, names: Sequence[str], groups: Groups, words: Sequence[str]
) -> tuple[Columns, list[str]]:
    """Return the columns of classes and groups, and faults."""
    num_columns = predictions.scores.shape[1]
    if predictions.classes is None:
        faults = []
        if num_columns != len(names):
            faults.append(
                f"there are {num_columns:,} columns without class names; expected "
                f"{len(names):,}, one per class in the order of the annotation file"
            )
        notes = [_without_names("class", "columns", "data set", predictions)]
        in_order = {name: column for column, name in enumerate(names)}
        return Columns(in_order, {}, notes=notes), faults
    columns = find_columns(predictions.classes, names, groups, words)
    missing = [name for name in names if name not in columns.classes]
    faults = _describe(missing, columns.doubled, columns.unknown, ("class is", "classes are"))
    if columns.unknown:
        accepted = missing or list(names)
        for level in groups.levels.values():
            accepted += level
        hint = did_you_mean(columns.unknown[0], accepted)
        faults[-1] += f".{hint}" if hint else ""
    return columns, faults


def _without_names(what: str, lines: str, order: str, predictions: Predictions) -> str:
    """Return the note that a file has no names; another array may have them."""
    note = f"The file has no {what} names: its {lines} are in the order of the {order}"
    if predictions.left_out:
        note += f" (arrays that are not read: {name_some(predictions.left_out)})"
    return note


def _describe(
    missing: Sequence[str], doubled: Sequence[str], unknown: Sequence[str], noun: tuple[str, str]
) -> list[str]:
    """Return the faults of images or classes in words; the unknown come last.

    Args:
        missing: names without a row or column.
        doubled: names with several.
        unknown: names that the data set does not have.
        noun: noun and verb for one and for several.
    """
    faults = []
    doubled = list(dict.fromkeys(doubled))
    for items, word in ((missing, "missing"), (doubled, "given twice"), (unknown, "unknown")):
        if items:
            faults.append(f"{number_of(items, *noun)} {word}: {name_some(items)}")
    return faults


def _not_finite(predictions: Predictions) -> list[str]:
    """Return one fault that counts the scores that are NaN, infinite or empty."""
    bad = np.argwhere(~np.isfinite(predictions.scores))
    if not len(bad):
        return []
    places = []
    for row, column in bad[:MAX_NAMED]:
        image = f"row {row + 1}"
        if predictions.images is not None:
            image = predictions.images[row]
        name = f"column {column + 1}"
        if predictions.classes is not None:
            name = predictions.classes[column]
        places.append(f"{image} / {name}")
    count = len(bad)
    text = name_some(places)
    if count > MAX_NAMED:
        text += f" and {count - MAX_NAMED:,} more"
    verb = "score is" if count == 1 else "scores are"
    return [f"{count:,} {verb} not finite or empty (image / class): {text}"]
