"""Tables and lists with one number per class, and the meaning of -1 in them."""

from collections.abc import Sequence

import numpy as np

from core.labels import UNKNOWN
from datasets.own.cells import shown
from datasets.own.columns import Columns, first_misfit, no_class
from datasets.own.items import Judgement, LabelFile, fault
from datasets.own.long import annotator_of, image_of, split_in
from datasets.own.table import Table

# Names in DATASET.LABEL_VALUES.
AUTO, IS_NO, IS_UNKNOWN = "auto", "minus_one_is_no", "minus_one_is_unknown"


def read_wide(table: Table, columns: Columns) -> LabelFile:
    """Return the content of a table with one column per class.

    Raises:
        UserError: a cell is no value of a class.
    """
    values = np.empty((len(table.rows), len(columns.classes)), dtype=np.float32)  # (N, C)
    for c, j in enumerate(columns.classes):
        values[:, c] = _read_column(table, j)
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
    classnames = [table.header[j] for j in columns.classes]
    return LabelFile(table.path, judgements, classnames, ignorable=tuple(table.header))


def _read_column(table: Table, j: int) -> list[float]:
    row = first_misfit(table, j)
    if row is not None:
        raise no_class(table, j, row)
    cells = [row[j] for row in table.rows]
    values = {cell: table.value(cell) for cell in set(cells)}
    return [values[cell] for cell in cells]


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
