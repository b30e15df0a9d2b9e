"""Tables whose labels stand as text in one column."""

from collections.abc import Iterable, Sequence
from typing import Any

from core.logging import get_logger
from datasets.own.cells import NotAList, is_empty, label_text, read_labels, shown
from datasets.own.columns import Columns
from datasets.own.division import Cell, divide
from datasets.own.items import Judgement, LabelFile, fault, split_of, split_words
from datasets.own.split_column import MISSING, is_no_split
from datasets.own.table import Table, column_key

SINGLE_COLUMNS = ("label", "class")  # one label in each row means one class per image

log = get_logger()


def read_cells(table: Table, columns: Columns, known: Sequence[str]) -> list[Cell]:
    """Return the cells of the label column.

    Raises:
        UserError: a cell looks like a list of labels and is none.
    """
    names = set(known)
    column = [row[columns.label] for row in table.rows]
    # Where JSON has lists for several labels, a text beside them is one label.
    is_whole = columns.style == "whole" or any(isinstance(value, list) for value in column)
    cells, missing = [], set()
    for value, where in zip(column, table.wheres, strict=True):
        if isinstance(value, str) and value.lower() in MISSING and value not in names:
            missing.add(value)
            value = ""
        try:
            cells.append(_read_cell(table, where, value, names, is_whole=is_whole))
        except NotAList as error:
            name = shown(table.header[columns.label])
            raise fault(table.path, where, f"column {name} {error}") from None
    if missing:
        log.warning(
            "%s: %s in column %s counts as an empty cell, which means no label; if it is a class, "
            "list all classes in DATASET.CLASSES",
            table.path,
            " and ".join(map(shown, sorted(missing))),
            shown(table.header[columns.label]),
        )
    return cells


def _read_cell(table: Table, where: str, value: Any, known: set[str], *, is_whole: bool) -> Cell:
    """Return one cell.

    Args:
        known: class names, which are never divided.
        is_whole: text is one label.

    Raises:
        NotAList: the cell looks like a list of labels and is none.
    """
    if is_empty(value):
        return Cell(table.path, where, "", ())
    if isinstance(value, str) and value in known:
        return Cell(table.path, where, value, (value,))
    labels = read_labels(value)
    if labels is not None:
        return Cell(table.path, where, "", labels)
    text = label_text(value)
    if is_whole:
        return Cell(table.path, where, text, (text,))
    return Cell(table.path, where, text)


def read_long(table: Table, columns: Columns, cells: Iterable[Cell], delimiter: str) -> LabelFile:
    """Return the content of a table with a label column.

    Args:
        cells: cells of the label column of this table.
        delimiter: name of the delimiter of labels in one cell.
    """
    judgements = []
    count = 0
    for row, cell in zip(table.rows, cells, strict=True):
        labels = cell.labels
        if labels is None:
            labels = divide(cell.text, delimiter)
        count += len(labels) > 1
        judgements.append(
            Judgement(
                name=image_of(table, columns, row, cell.where),
                where=cell.where,
                labels=tuple(dict.fromkeys(labels)),
                split=split_in(table, columns, row, cell.where),
                annotator=annotator_of(columns, row),
            )
        )
    if count:
        log.info("%s: labels of one cell are divided at: %s", table.path, delimiter)
    single = column_key(table.header[columns.label]) in SINGLE_COLUMNS
    return LabelFile(
        table.path,
        judgements,
        single=single,
        ignorable=tuple(table.header),
        label_column=table.header[columns.label],
    )


def image_of(table: Table, columns: Columns, row: Sequence, where: str) -> str:
    """Return the image of a row.

    Raises:
        UserError: the cell is empty or holds something else.
    """
    name = row[columns.path]
    if is_empty(name) or not isinstance(name, str | int):
        column = shown(table.header[columns.path])
        found = "empty" if is_empty(name) else shown(name)
        raise fault(table.path, where, f"column {column} is {found}; expected the name of an image")
    return str(name).strip()


def annotator_of(columns: Columns, row: Sequence) -> str | None:
    """Return the annotator of a row, None without such a column."""
    return None if columns.annotator is None else str(row[columns.annotator])


def split_in(table: Table, columns: Columns, row: Sequence, where: str) -> str:
    """Return the split of a row, empty without a split column.

    Raises:
        UserError: the value is no split.
    """
    if columns.split is None:
        return ""
    name, value = table.header[columns.split], row[columns.split]
    text = str(value).strip().lower()
    if column_key(name) == "is_valid" and text in ("true", "false", "1", "0", "1.0", "0.0"):
        return "val" if text in ("true", "1", "1.0") else "train"
    split = split_of(text)
    if split is None and is_no_split(value):
        return ""
    if split is None:
        accepted = "True, False" if column_key(name) == "is_valid" else split_words()
        raise fault(
            table.path, where, f"column {shown(name)} is {shown(value)}; accepted: {accepted}"
        )
    return split
