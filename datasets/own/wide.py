"""Tables and lists with one number per class, and the meaning of -1 in them."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from core.labels import UNKNOWN
from core.logging import get_logger
from datasets.own.cells import (
    NUMBER,
    NotAList,
    is_empty,
    is_label_value,
    read_literal,
    read_value,
    shown,
)
from datasets.own.columns import Columns, first_misfit, no_class
from datasets.own.items import Judgement, LabelFile, ReadOptions, fault, unnamed_classes
from datasets.own.long import annotator_of, image_of, split_in
from datasets.own.table import Table, column_key

UNLABELED = "unlabeled"  # Roboflow's column for images without a label
BETWEEN_NUMBERS = re.compile(r"\s*[,;|\s]\s*")
# Names in DATASET.LABEL_VALUES.
AUTO, IS_NO, IS_UNKNOWN = "auto", "minus_one_is_no", "minus_one_is_unknown"

log = get_logger()


def read_wide(table: Table, columns: Columns, options: ReadOptions) -> LabelFile:
    """Return the content of a table with one column per class.

    Raises:
        UserError: a cell is no value of a class.
    """
    values = np.empty((len(table.rows), len(columns.classes)), dtype=np.float32)  # (N, C)
    for c, j in enumerate(columns.classes):
        values[:, c] = _read_column(table, j)
    classnames = [table.header[j] for j in columns.classes]
    for c, name in enumerate(classnames):
        if column_key(name) == UNLABELED and not options.classnames and _is_for_no_class(values, c):
            log.info("%s: column %s, 1 for images without a label, is left out", table.path, name)
            values = np.delete(values, c, axis=1)
            classnames.pop(c)
            break
    return _label_file(table, columns, values, classnames)


def _is_for_no_class(values: np.ndarray, c: int) -> bool:
    """Return True if column ``c`` of (N, C) is 1 exactly where all other classes are 0."""
    others = np.delete(values, c, axis=1)
    return bool(np.array_equal(values[:, c], (others == 0).all(axis=1)))


def _label_file(
    table: Table, columns: Columns, values: np.ndarray, classnames: list[str]
) -> LabelFile:
    """Return the content of a table from the values (N, C) of its rows."""
    judgements = []
    for row, where, label in zip(table.rows, table.wheres, values, strict=True):
        judgements.append(
            Judgement(
                name=image_of(table, columns, row, where),
                where=where,
                values=label,
                split=split_in(table, columns, row, where),
                annotator=annotator_of(columns, row),
            )
        )
    return LabelFile(table.path, judgements, classnames, ignorable=tuple(table.header))


def _read_column(table: Table, j: int) -> list[float]:
    row = first_misfit(table, j)
    if row is not None:
        raise no_class(table, j, row)
    cells = [row[j] for row in table.rows]
    values = {cell: table.value(cell) for cell in set(cells)}
    return [values[cell] for cell in cells]


def read_vectors(table: Table, columns: Columns, classnames: Sequence[str]) -> LabelFile | None:
    """Return the content of a table whose label column has lists of one number per class.

    ``[0, 1, 0]`` and ``0 1 0`` are such lists: as indices they would name one class twice. An empty
    cell or list is unknown for all classes.

    Returns:
        None if the cells are something else.

    Raises:
        UserError: the classes are not known, or there is another number of them.
    """
    vectors = []
    for row in table.rows:
        vector = _vector(row[columns.label])
        if vector is None:
            return None
        vectors.append(vector)
    widths = {len(vector) for vector in vectors if vector}
    repeats = any(len(set(vector)) < len(vector) for vector in vectors)
    if not repeats and (len(widths) != 1 or len(classnames) not in (0, *widths)):
        return None
    if widths == {1}:
        return None
    if not classnames:
        raise unnamed_classes(table.path, table.wheres[0], max(widths))
    values = np.full((len(vectors), len(classnames)), np.nan, dtype=np.float32)  # (N, C)
    for i, vector in enumerate(vectors):
        if len(vector) not in (0, len(classnames)):
            message = f"{len(vector)} values; expected {len(classnames)}, one per class"
            raise fault(table.path, table.wheres[i], message)
        if vector:
            values[i] = vector
    return _label_file(table, columns, values, list(classnames))


def _vector(cell: Any) -> list[float] | None:
    """Return the numbers of a list of values of classes, empty for an empty cell, else None."""
    if is_empty(cell):
        return []
    if isinstance(cell, str):
        cell = _plain_numbers(cell) if not cell.startswith("[") else cell
    if isinstance(cell, str):
        try:
            cell = read_literal(cell)
        except NotAList:
            return None
    if not isinstance(cell, list):
        return None
    numbers = [read_value(value) if isinstance(value, int | float) else None for value in cell]
    return numbers if all(map(is_label_value, numbers)) else None


def _plain_numbers(text: str) -> list[float] | None:
    """Return the numbers of ``0 1 0``, ``0,1,0`` or ``0|1|0``, None for other text."""
    parts = BETWEEN_NUMBERS.split(text.strip())
    if len(parts) < 2 or not all(map(NUMBER.fullmatch, parts)):
        return None
    return [float(part) for part in parts]


def settle_minus_one(files: Sequence[LabelFile], meaning: str) -> None:
    """Replace -1 of the files, and NaN, by ``core.labels.UNKNOWN`` or by 0, in place.

    Args:
        files: all files of the data set, which share one meaning.
        meaning: ``auto``, or the meaning of -1. Where -1 means no, 0 means unknown.

    Raises:
        UserError: -1 occurs with ``auto``. Counts do not tell the meanings apart: mostly 0 can be
            few unknown labels (-1), or mostly unknown labels (0).
    """
    wide = [judgement for file in files for judgement in file.judgements]
    wide = [judgement for judgement in wide if judgement.values is not None]
    if not wide:
        return
    counts = np.zeros(3, dtype=np.int64)
    for judgement in wide:
        counts += [(judgement.values == number).sum() for number in (-1, 0, 1)]
    if meaning == AUTO and counts[0]:
        raise _ask(files, *counts.tolist())
    for judgement in wide:
        _settle(judgement.values, meaning)


def _ask(files: Sequence[LabelFile], minus_ones: int, zeros: int, ones: int) -> Exception:
    return fault(
        *_first_minus_one(files),
        f"-1 may mean no or unknown ({minus_ones} values are -1, {zeros} are 0, {ones} are 1); "
        f"set DATASET.LABEL_VALUES to {IS_NO} (0 is then unknown, as in the files of ML-GCN and "
        f"HCP) or {IS_UNKNOWN} (0 is then no)",
    )


def _first_minus_one(files: Sequence[LabelFile]) -> tuple:
    """Return the file and place, with the class, of the first -1."""
    for file in files:
        for judgement in file.judgements:
            if judgement.values is None or not (judgement.values == -1).any():
                continue
            column = int((judgement.values == -1).argmax())
            if column < len(file.classnames):
                return file.path, f"{judgement.where}, column {shown(file.classnames[column])}"
            return file.path, judgement.where
    raise AssertionError("no value is -1")


def _settle(values: np.ndarray, meaning: str) -> None:
    empty = np.isnan(values)
    if meaning == IS_NO:
        zeros, minus_ones = values == 0, values == -1
        values[zeros] = UNKNOWN
        values[minus_ones] = 0
    values[empty] = UNKNOWN
