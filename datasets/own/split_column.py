"""The column of the splits in a table: found by its name, or else by its values."""

from collections.abc import Sequence

from core.logging import get_logger
from datasets.own.cells import is_empty, shown
from datasets.own.items import fault, split_of, split_words
from datasets.own.table import Table, column_key, find_column

SPLIT_COLUMNS = ("split", "split_name", "is_valid", "ml_use")
HALF_SPLITS = ("is_train", "is_training", "is_test", "is_testing")
# Columns that hold splits in other forms, such as 0, 1, 2 or PublicTest.
LIKELY = ("partition", "subset", "phase", "usage", "set", "data_split", "fold", "kfold")
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
    """Raise if a column says of one split alone which images are in it."""
    for j in free:
        if column_key(table.header[j]) in HALF_SPLITS:
            raise fault(
                table.path,
                "line 1",
                f"column {shown(table.header[j])} is not read; write one column 'split' with the "
                "words train, val and test",
            )


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
