"""Lists without a header: Google's ``ML_USE,uri,label,...`` and research lists ``path 0 1 0``."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from core.errors import UserError
from core.logging import get_logger
from datasets.own.cells import NotAList, is_label_value, read_labels, read_value, shown
from datasets.own.division import Cell, choose_delimiter, divide
from datasets.own.items import (
    Judgement,
    LabelFile,
    ReadOptions,
    fault,
    split_of,
    unnamed_classes,
)
from datasets.own.locate import has_image_suffix
from datasets.own.split_column import UNASSIGNED
from datasets.own.table import DELIMITERS, first_line, split_rows

SAMPLE = 100  # lines that are looked at
LONGEST_INDEX = 18  # digits; int() refuses thousands of them

log = get_logger()


@dataclass(frozen=True, slots=True)
class Row:
    """One row: place, split as written or empty, image, and the cells behind the image."""

    where: str
    use: str
    image: str
    cells: tuple[str, ...]


def read_headerless(path: Path, text: str, options: ReadOptions) -> LabelFile | None:
    """Return the content of a list without a header, None if the first line names no image.

    Raises:
        UserError: a row names no image or no known split, or numbers have no list of classes.
    """
    rows = _find_rows(path, text)
    if rows is None:
        return None
    is_google = any(row.use for row in rows)  # whose labels are names
    if not is_google:
        rows = _take_splits(path, rows)
    if not any(row.cells for row in rows):
        raise fault(path, rows[0].where, "only an image and no labels; expected labels behind it")
    if not is_google and all(_all_values(row.cells) for row in rows if row.cells):
        return _read_numbers(path, rows, options.classnames)
    return _read_names(path, rows, options, is_google=is_google)


def _take_splits(path: Path, rows: list[Row]) -> list[Row]:
    """Return the rows with the split from the one cell that is a split in all of them.

    As labels, the words ``train`` and ``test`` would put the test images into train. The cell has
    the same place in all rows, counted from the image or from the end of the row. One split alone,
    as in the file of a split, needs other cells beside it, which are the labels.
    """
    width = min(len(row.cells) for row in rows)
    for place in (*range(width), *range(-width, 0)):
        splits = {split_of(row.cells[place]) for row in rows}
        if None in splits or (len(splits) < 2 and width < 2):
            continue
        log.warning("%s: the %s column behind the image gives the splits", path, _place_word(place))
        return [replace(row, use=row.cells[place], cells=_without(row, place)) for row in rows]
    return rows


def _place_word(place: int) -> str:
    if place in (0, -1):
        return "first" if place == 0 else "last"
    return f"{place + 1}." if place > 0 else f"{-place}. last"


def _without(row: Row, place: int) -> tuple[str, ...]:
    cells = list(row.cells)
    del cells[place]
    return tuple(cells)


def _check_names(path: Path, rows: Sequence[Row]) -> None:
    """Raise if a column behind the image has numbers or addresses beside columns of words.

    They are confidences, boxes or copies of the image's name, and would become classes.
    """
    columns: dict[int, list[tuple[Row, str]]] = {}
    for row in rows:
        for place, cell in enumerate(row.cells):
            if cell:
                columns.setdefault(place, []).append((row, cell))
    odd = [place for place, found in columns.items() if all(is_odd(cell) for _, cell in found)]
    if odd and len(odd) < len(columns):
        row, cell = columns[odd[0]][0]
        raise fault(
            path,
            row.where,
            f"{shown(cell)} is a number or an address beside names of classes; without a header "
            "every cell behind the image is a label: remove the column, or write a header with "
            "file_name and labels",
        )


def is_odd(cell: str) -> bool:
    """Return True for a cell that is a number or an address, as labels hardly are."""
    return "://" in cell or read_value(cell) is not None


def _read_names(
    path: Path, rows: Sequence[Row], options: ReadOptions, *, is_google: bool
) -> LabelFile:
    """Return the content of a list whose cells behind the image are names of classes.

    Raises:
        UserError: a cell may be one label or several, or looks like a list and is none.
    """
    if not options.classnames:
        _check_names(path, rows)
    cells = [[_cell(path, row.where, text) for text in row.cells] for row in rows]
    delimiter = options.delimiter
    # Where rows have several cells, each is a label.
    has_columns = is_google or any(len(row) > 1 for row in cells)
    if delimiter == "auto" and has_columns and not options.classnames:
        delimiter = "none"
    if delimiter == "auto":
        delimiter = choose_delimiter([cell for row in cells for cell in row], "one", options)
    judgements = []
    for row, of_row in zip(rows, cells, strict=True):
        labels: dict[str, None] = {}
        for cell in of_row:
            found = divide(cell.text, delimiter) if cell.labels is None else cell.labels
            labels.update(dict.fromkeys(found))
        judgements.append(Judgement(row.image, row.where, tuple(labels), split=_split(path, row)))
    return LabelFile(path, judgements)


def _cell(path: Path, where: str, text: str) -> Cell:
    """Return a cell: text, or a list, which make-sense writes without quotes.

    Raises:
        UserError: the cell looks like a list of another form and is none.
    """
    try:
        return Cell(path, where, text, read_labels(text))
    except NotAList as error:
        if not text.startswith("["):
            raise fault(path, where, f"a label {error}") from None
        parts = (part.strip() for part in text[1:-1].split(","))
        return Cell(path, where, "", tuple(part for part in parts if part))


def _find_rows(path: Path, text: str) -> list[Row] | None:
    """Divide the lines at the first delimiter at which the first line names an image."""
    line = first_line(text)
    for delimiter in DELIMITERS:
        if not _begins_with_image(path, line, delimiter):
            continue
        # The first line may have no label and so no delimiter.
        if delimiter not in line and not _has_labelled(path, text, delimiter):
            continue
        rows = [_row(path, number, cells) for number, cells in split_rows(path, text, delimiter)]
        return rows if delimiter == "," else _with_decimal_points(rows)
    if _image_position(_words(line)) is None:
        return None
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            rows.append(_row(path, number, _words(line)))
    return rows


def _begins_with_image(path: Path, line: str, delimiter: str) -> bool:
    try:
        for _, cells in split_rows(path, line, delimiter):
            return _image_position(cells) is not None
    except UserError:  # quotes that belong to another delimiter, or a part of a cell
        return False
    return False


def _has_labelled(path: Path, text: str, delimiter: str) -> bool:
    """Return True if one of the first lines with the delimiter begins with an image."""
    lines = (line for line in text.split("\n") if delimiter in line)
    return any(_begins_with_image(path, line, delimiter) for line in islice(lines, SAMPLE))


def _with_decimal_points(rows: list[Row]) -> list[Row]:
    """Return the rows with ``0.7`` for ``0,7`` if all cells are numbers with or without a comma."""
    changed = []
    for row in rows:
        if any(read_value(cell, decimal_comma=True) is None for cell in row.cells):
            return rows
        cells = tuple(cell.replace(",", ".", 1) for cell in row.cells)
        changed.append(replace(row, cells=cells))
    return changed


def _words(line: str) -> list[str]:
    """Divide a line at spaces; spaces in the name of the image stay."""
    words = line.split()
    for i in range(len(words) - 1, -1, -1):
        if has_image_suffix(words[i]):
            image = line.strip()
            for word in reversed(words[i + 1 :]):
                image = image[: image.rindex(word)]
            return [image.strip(), *words[i + 1 :]]
    return words


def _image_position(cells: Sequence[str]) -> int | None:
    """Return 0, or 1 behind a split, where an image is named; None without one."""
    if not cells:
        return None
    if has_image_suffix(cells[0]) or "://" in cells[0]:
        return 0
    if len(cells) > 1 and (has_image_suffix(cells[1]) or "://" in cells[1]):
        is_split = split_of(cells[0]) is not None or cells[0].lower() in ("", UNASSIGNED)
        return 1 if is_split else None
    return None


def _row(path: Path, number: int, cells: list[str]) -> Row:
    where = f"line {number}"
    position = _image_position(cells)
    if position is None:
        raise fault(
            path,
            where,
            f"{shown(' '.join(cells))} names no image; expected 'image label ...' or "
            "'TRAIN,image,label,...' as in the first line",
        )
    rest = list(cells[position + 1 :])
    while rest and not rest[-1]:
        rest.pop()
    use = (cells[0] or UNASSIGNED) if position else ""
    return Row(where, use, cells[position], tuple(rest))


def _split(path: Path, row: Row) -> str:
    return split_of(row.use) or ""


def _all_values(cells: Sequence[str]) -> bool:
    return all(cell and read_value(cell) is not None for cell in cells)


def _read_numbers(path: Path, rows: Sequence[Row], classnames: Sequence[str]) -> LabelFile:
    """Return the content of a list of numbers: one per class, or the index of one class.

    Raises:
        UserError: the classes are not known, or a row has another number of values.
    """
    width = len(rows[0].cells)
    if not classnames:
        raise unnamed_classes(path, rows[0].where, width)
    if width == 1 and len(classnames) > 1:
        return _read_indices(path, rows, classnames)
    judgements = []
    for row in rows:
        if len(row.cells) != len(classnames):
            raise fault(
                path,
                row.where,
                f"{len(row.cells)} values; expected {len(classnames)}, one per class",
            )
        values = np.empty(len(classnames), dtype=np.float32)
        for c, cell in enumerate(row.cells):
            value = read_value(cell)
            if not is_label_value(value):
                raise fault(
                    path,
                    row.where,
                    f"the value of class {shown(classnames[c])} is {shown(cell)}; expected 1, 0, "
                    "a share between them or -1",
                )
            values[c] = value
        judgements.append(Judgement(row.image, row.where, values=values, split=_split(path, row)))
    return LabelFile(path, judgements, list(classnames))


def _read_indices(path: Path, rows: Sequence[Row], classnames: Sequence[str]) -> LabelFile:
    """Return the content of a list with the index of one class per image, from 0."""
    log.info("%s: numbers are indices of the classes, from 0", path)
    warn_of_shift(path, {row.cells[0] for row in rows if row.cells}, classnames)
    judgements = []
    for row in rows:
        if len(row.cells) != 1:
            raise fault(path, row.where, f"{len(row.cells)} values; expected one index of a class")
        name = class_at(path, row.where, row.cells[0], classnames)
        judgements.append(Judgement(row.image, row.where, (name,), split=_split(path, row)))
    return LabelFile(path, judgements, list(classnames), single=True)


def warn_of_shift(path: Path, indices: Collection[str], classnames: Sequence[str]) -> None:
    """Warn of indices that may count from 1."""
    if "0" not in indices and "1" in indices:
        log.warning(
            "%s: the index 0 does not occur; indices count from 0, so that 1 is %s",
            path,
            shown(classnames[min(1, len(classnames) - 1)]),
        )


def class_at(path: Path, where: str, index: object, classnames: Sequence[str]) -> str:
    """Return the class at an index, given as a number or text.

    Raises:
        UserError: the index is no whole number below the number of classes.
    """
    text = str(index)
    is_index = text.isascii() and text.isdecimal() and len(text) <= LONGEST_INDEX
    if not is_index or int(text) >= len(classnames):
        raise fault(
            path, where, f"class index is {shown(index)}; accepted: 0 to {len(classnames) - 1}"
        )
    return classnames[int(text)]
