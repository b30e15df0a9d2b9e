"""The column of the splits in a table: found by its name, or else by its values."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.logging import get_logger
from datasets.own.cells import is_empty, shown
from datasets.own.items import fault, split_of, split_words
from datasets.own.table import Table, column_key, find_column

SPLIT_COLUMNS = ("split", "split_name", "is_valid", "ml_use")
# Say of one split alone which images are in it.
HALF_SPLITS = (
    "is_train", "is_training", "is_test", "is_testing", "is_val", "is_validation", "is_dev",
    "is_eval", "is_holdout", "is_held_out", "holdout", "held_out",
)  # fmt: skip
# Columns that hold splits in other forms, such as 0, 1, 2 or PublicTest.
LIKELY = (
    "partition", "subset", "phase", "usage", "set", "data_split", "fold", "folds", "kfold",
    "k_fold", "cv_fold",
)  # fmt: skip
UNASSIGNED = "unassigned"  # Google's word for an image that is in no split
MISSING = ("na", "nan", "n/a", "#n/a", "<na>", "null")  # a missing text, as R and pandas write it

log = get_logger()


def take_split(table: Table, free: list[int], labels: Sequence[int]) -> int | None:
    """Remove and return the column of the splits.

    Args:
        free: columns with no meaning yet.
        labels: those of them that hold the labels.

    Raises:
        UserError: two columns hold splits, or one holds them beside other words.
    """
    position = find_column([table.header[j] for j in free], SPLIT_COLUMNS)
    if position is not None:
        return free.pop(position)
    # A column "subset" that is not read would put test images into train.
    found = [j for j in free if j not in labels and _holds_splits(table, j)]
    if not found:
        return None
    names = " and ".join(shown(table.header[j]) for j in found)
    if len(found) > 1:
        raise fault(
            table.path,
            "line 1",
            f"columns {names} may both hold the splits; name the other ones in DATASET.IGNORE",
        )
    log.warning("%s: column %s gives the splits (DATASET.IGNORE prevents it)", table.path, names)
    free.remove(found[0])
    return found[0]


def split_field(path: Path, entries: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the key of objects that holds their splits, None without one; the log names it.

    Its name is one of ``SPLIT_COLUMNS``, or its values are words for splits and at least two occur.
    """
    keys = dict.fromkeys(key for entry in entries for key in entry)
    for key in keys:
        found = {entry[key] for entry in entries if isinstance(entry.get(key), str)}
        splits = {split_of(value) for value in found if not is_no_split(value)}
        is_named = column_key(key) in SPLIT_COLUMNS
        if splits and None not in splits and (is_named or len(splits) > 1):
            log.warning("%s: %s gives the splits", path, shown(key))
            return key
    return None


def _holds_splits(table: Table, j: int) -> bool:
    """Return True for a column of words for splits, with at least two splits.

    Raises:
        UserError: most cells are such words, but not all.
    """
    splits, others = [], []
    for row, where in zip(table.rows, table.wheres, strict=True):
        if is_no_split(row[j]):
            continue
        split = split_of(str(row[j]))
        if split is None:
            others.append((where, row[j]))
        else:
            splits.append(split)
    if len(set(splits)) < 2 or len(splits) < len(others):
        return False
    if others:
        where, value = others[0]
        raise fault(
            table.path,
            where,
            f"column {shown(table.header[j])} is {shown(value)}, but most rows have words for "
            f"splits; accepted: {split_words()}; if it holds no splits, name it in DATASET.IGNORE",
        )
    return True


def holds_only_splits(table: Table, j: int) -> bool:
    """Return True if all cells are words for splits, and at least two splits occur."""
    splits = {split_of(str(row[j])) for row in table.rows if not is_no_split(row[j])}
    return None not in splits and len(splits) > 1


def is_no_split(cell: object) -> bool:
    """Return True for a cell that puts an image into no split."""
    return is_empty(cell) or str(cell).strip().lower() in (*MISSING, UNASSIGNED)


def check_half_splits(table: Table, free: Sequence[int]) -> None:
    """Raise if a column says of one split alone which images are in it.

    Such a column has a name of ``HALF_SPLITS``, or that of a split and 0 and 1 alone.
    """
    for j in free:
        key = column_key(table.header[j])
        is_flag = split_of(key) is not None and _has_flags(table, j)
        if key in HALF_SPLITS or is_flag:
            by_class = "; if it is a class, list all classes in DATASET.CLASSES" if is_flag else ""
            raise fault(
                table.path,
                "line 1",
                f"column {shown(table.header[j])} may say which images are in a split, and is not "
                f"read; write one column 'split' with the words train, val and test{by_class}",
            )


def _has_flags(table: Table, j: int) -> bool:
    """Return True if all cells of a column are 0, 1, true, false or empty."""
    values = [
        table.value(row[j]) if not isinstance(row[j], list | dict) else 2 for row in table.rows
    ]
    return all(value in (0, 1) or (value is not None and math.isnan(value)) for value in values)


def warn_of_likely(table: Table, free: Sequence[int]) -> None:
    """Warn of a column that is left out and has the name of one with splits."""
    for j in free:
        if column_key(table.header[j]) in LIKELY:
            log.warning(
                "%s: column %s is not read, though its name is that of splits; for splits write a "
                "column 'split' with the words train, val and test",
                table.path,
                shown(table.header[j]),
            )
