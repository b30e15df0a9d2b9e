"""Tables whose labels stand as text in one column."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import first_names
from core.logging import get_logger
from datasets.own.cells import NotAList, is_empty, label_text, read_labels, shown
from datasets.own.columns import Columns
from datasets.own.items import Judgement, LabelFile, ReadOptions, fault, split_of, split_words
from datasets.own.table import Table, column_key

# Name in DATASET.LABEL_DELIMITER -> text between two labels of a cell, in the order of the search.
DELIMITERS = {"pipe": "|", "semicolon": ";", "comma": ",", "space": " "}
SINGLE_COLUMNS = ("label", "class")  # one label in each row means one class per image
UNASSIGNED = "unassigned"  # Google's word for an image that is in no split

log = get_logger()


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a label column: its text, or the labels of a list."""

    table: Table
    where: str
    text: str
    labels: tuple[str, ...] | None = None


def read_cells(table: Table, columns: Columns, known: Sequence[str]) -> list[Cell]:
    """Return the cells of the label column.

    Raises:
        UserError: a cell looks like a list of labels and is none.
    """
    names = set(known)
    column = [row[columns.label] for row in table.rows]
    # Where JSON has lists for several labels, a text beside them is one label.
    is_whole = columns.style == "whole" or any(isinstance(value, list) for value in column)
    cells = []
    for value, where in zip(column, table.wheres, strict=True):
        try:
            cells.append(_read_cell(table, where, value, names, is_whole=is_whole))
        except NotAList as error:
            name = shown(table.header[columns.label])
            raise fault(table.path, where, f"column {name} {error}") from None
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
        return Cell(table, where, "", ())
    if isinstance(value, str) and value in known:
        return Cell(table, where, value, (value,))
    labels = read_labels(value)
    if labels is not None:
        return Cell(table, where, "", labels)
    text = label_text(value)
    if is_whole:
        return Cell(table, where, text, (text,))
    return Cell(table, where, text)


def choose_delimiter(cells: Sequence[Cell], style: str, options: ReadOptions) -> str:
    """Return the name of the delimiter for all cells with text, ``none`` for one label per cell.

    With a list of classes it is the one at which every part is a class. Without one, ``|`` or
    ``;`` divide where they occur, then comma or space, but only in a column with a plural name.
    Spaces divide only if parts recur: ``clear water`` and ``water`` are labels with spaces between
    them, ``golden retriever`` and ``cat`` are not.

    Raises:
        UserError: it cannot be told whether a comma or space divides labels.
    """
    if options.delimiter != "auto":
        return options.delimiter
    open_cells = [cell for cell in cells if cell.labels is None]
    if options.classnames:
        return _known_delimiter(open_cells, options.classnames)
    for name in ("pipe", "semicolon"):
        if any(DELIMITERS[name] in cell.text for cell in open_cells):
            return name
    for name in ("comma", "space"):
        found = [cell for cell in open_cells if DELIMITERS[name] in cell.text]
        if not found:
            continue
        if style == "many":
            _check_parts(open_cells, found[0], name)
            return name
        if name == "comma" or _made_of_labels(found[0], open_cells):
            raise _ask(found[0], name)
    return "none"


def _known_delimiter(cells: Sequence[Cell], classnames: Sequence[str]) -> str:
    """Return the delimiter at which all parts are classes, or else the first that may divide."""
    accepted = set(classnames)
    possible = ["none"]
    for name, delimiter in DELIMITERS.items():
        occurs = any(delimiter in cell.text for cell in cells)
        if occurs and not any(delimiter in known for known in classnames):
            possible.append(name)
    for name in possible:
        if all(accepted.issuperset(divide(cell.text, name)) for cell in cells):
            return name
    return possible[1] if len(possible) > 1 else "none"


def _made_of_labels(cell: Cell, cells: Sequence[Cell]) -> bool:
    """Return True if each word of the cell is also a whole cell elsewhere."""
    whole = {other.text for other in cells}
    return whole.issuperset(cell.text.split())


def _check_parts(cells: Sequence[Cell], first: Cell, name: str) -> None:
    """Warn of the classes that a comma or space gives where one label may have it inside.

    Args:
        cells: all cells with text.
        first: the first one with the delimiter.
        name: of the delimiter.

    Raises:
        UserError: spaces give no label that occurs in two different cells.
    """
    counts: Counter[str] = Counter()
    divided: set[str] = set()
    for text in {cell.text for cell in cells}:
        parts = divide(text, name)
        counts.update(parts)
        if len(parts) > 1:
            divided.update(parts)
    recur = any(counts[part] > 1 for part in divided)
    if not divided:
        return
    if name == "space" and not recur:
        raise _ask(first, name)
    if name == "space" or not recur:
        log.warning(
            "%s: labels of one cell are divided at %s, which gives the classes %s; "
            "set DATASET.LABEL_DELIMITER to %s, or to none to keep each cell whole",
            first.table.path,
            name,
            first_names(sorted(counts), most=8),
            name,
        )


def _ask(cell: Cell, name: str) -> Exception:
    return fault(
        cell.table.path,
        cell.where,
        f"{shown(cell.text)} may be one label or several; set DATASET.LABEL_DELIMITER to none or "
        f"{name}, or list the classes in DATASET.CLASSES",
    )


def divide(text: str, delimiter: str) -> tuple[str, ...]:
    """Return the labels of a cell's text, each once, for the name of a delimiter."""
    if delimiter == "none":
        return (text,) if text else ()
    parts = (part.strip() for part in text.split(DELIMITERS[delimiter]))
    return tuple(dict.fromkeys(part for part in parts if part))


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
    if split is None and text == UNASSIGNED:
        return ""
    if split is None:
        accepted = "True, False" if column_key(name) == "is_valid" else split_words()
        raise fault(
            table.path, where, f"column {shown(name)} is {shown(value)}; accepted: {accepted}"
        )
    return split
