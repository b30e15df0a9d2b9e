"""Meaning of the columns of a table: image, split, annotator, labels or one column per class."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.errors import did_you_mean, first_names
from core.logging import get_logger
from datasets.own.annotator_column import ANNOTATOR_COLUMNS, take_annotator
from datasets.own.cells import is_empty, is_label_value, shown
from datasets.own.items import ReadOptions, fault
from datasets.own.marked import LABEL_STUDIO, is_label_studio_table, is_prodigy_table
from datasets.own.split_column import (
    LIKELY,
    SPLIT_COLUMNS,
    check_half_splits,
    holds_only_splits,
    take_split,
    warn_of_likely,
)
from datasets.own.table import (
    PATH_COLUMNS,
    Table,
    column_key,
    find_column,
    path_column,
    take_column,
)

MANY = ("labels", "tags", "posi_labels", "classes", "categories", "choices")
ONE = (
    "label", "tag", "class", "category", "choice",
    "label_name", "class_name", "category_name",
)  # fmt: skip
PERSONS = ("annotator", "worker", "user", "rater")  # can also be a class of photographs
NUMBERED = re.compile(r"(label|tag|class|category|choice)s?_?\d+")  # one of several label columns
# Columns of numbers from 0 to 1 that are no class.
NO_CLASSES = (*LIKELY, "confidence", "score", "weight")
# Columns of Label Studio's CSV; its label column has the name of the user's form field.
LABEL_STUDIO_OTHERS = (*LABEL_STUDIO, "created_at", "updated_at", "id", "agreement")
PRODIGY_OTHERS = ("answer", "options", "config")  # and all with an underscore in front
LABEL_STUDIO_IMAGES = ("image", "img", "url")

log = get_logger()


@dataclass
class Columns:
    """Positions of the columns of a table.

    Attributes:
        path: image.
        split: split; None without one.
        annotator: annotator; None without one.
        label: labels as text; None where each class has a column.
        classes: one column per class; empty with ``label``.
        style: cells of ``label``: "many" labels, "one", or "whole", which is never divided.
    """

    path: int
    split: int | None = None
    annotator: int | None = None
    label: int | None = None
    classes: list[int] = field(default_factory=list)
    style: str = "one"


def assign_columns(table: Table, options: ReadOptions) -> Columns:
    """Return the meaning of each column.

    Raises:
        UserError: the images or the labels have no column, two columns have one name, or a column
            can be read in two ways.
    """
    _check_names(table)
    if is_label_studio_table(table):
        return _label_studio_columns(table, options)
    columns = Columns(path_column(table))
    free = _free_columns(table, options, columns)
    if any(table.header[j] in options.classnames for j in free):
        return _known_classes(table, options, columns, free)
    labels = _label_columns(table, options, free)
    columns.split = take_split(table, free, labels)
    check_half_splits(table, free)
    _check_numbered(table, free, labels)
    if not labels:
        _check_annotator(table, free)
    columns.annotator = take_annotator(table, free, columns.path)
    if not labels:
        columns.classes = _class_columns(table, free)
        return columns
    if len(labels) > 1:
        names = " and ".join(shown(table.header[j]) for j in labels)
        raise fault(
            table.path,
            "line 1",
            f"columns {names} may both hold the labels; name the other ones in DATASET.IGNORE, or, "
            "if each is a class, list all classes in DATASET.CLASSES",
        )
    columns.label = labels[0]
    columns.style = "many" if column_key(table.header[labels[0]]) in MANY else "one"
    free.remove(columns.label)
    _leave_out(table, columns.path, columns.label, free)
    return columns


def _check_names(table: Table) -> None:
    seen: set[str] = set()
    for name in table.header:
        if name and name in seen:
            raise fault(table.path, "line 1", f"column {shown(name)} is given twice")
        seen.add(name)


def _free_columns(table: Table, options: ReadOptions, columns: Columns) -> list[int]:
    """Return the columns beside the image that are neither ignored nor without a name."""
    ignored = {column_key(name) for name in options.ignore}
    is_prodigy = is_prodigy_table(table)
    free = []
    for j, name in enumerate(table.header):
        if j == columns.path or column_key(name) in ignored:
            continue
        if is_prodigy and _is_of_prodigy(name):
            continue
        if not name or name.startswith("Unnamed: "):  # row numbers of pandas
            _check_nameless(table, j)
            log.info("%s: column %d without a name is left out", table.path, j + 1)
            continue
        free.append(j)
    return free


def _is_of_prodigy(name: str) -> bool:
    """Return True for a key that Prodigy writes for itself, but not for that of the annotator."""
    if column_key(name) in ANNOTATOR_COLUMNS:
        return False
    return name.startswith("_") or name in PRODIGY_OTHERS


def _check_nameless(table: Table, j: int) -> None:
    """Raise if a column without a name, behind others, holds more than row numbers."""
    filled = [i for i, row in enumerate(table.rows) if not is_empty(row[j])]
    cells = [str(table.rows[i][j]) for i in filled]
    if j == 0 or (all(map(str.isdecimal, cells)) and len(set(cells)) == len(cells)):
        return
    raise fault(
        table.path,
        table.wheres[filled[0]],
        f"column {j + 1} is {shown(cells[0])}, but has no name in the header; write all labels of "
        "an image into one cell, such as joy|fear, or give the column a name",
    )


def _label_columns(table: Table, options: ReadOptions, free: Sequence[int]) -> list[int]:
    """Return the columns that by their names hold labels.

    Raises:
        UserError: one of them holds the splits.
    """
    # FiftyOne writes ground_truth.label beside the tags of a sample, which are often its split.
    nested = [j for j in free if column_key(table.header[j]).endswith((".label", ".labels"))]
    if nested:
        return nested
    if is_prodigy_table(table) and "accept" in table.header:  # the chosen ones of "options"
        return [table.header.index("accept")]
    labels = [j for j in free if column_key(table.header[j]) in MANY + ONE]
    for j in labels:
        if len(free) > 1 and not options.classnames and holds_only_splits(table, j):
            raise fault(
                table.path,
                "line 1",
                f"column {shown(table.header[j])} has the name of labels but holds splits; rename "
                "it to 'split', and the column of the labels to 'labels'; if these are labels, "
                "list all classes in DATASET.CLASSES",
            )
    return labels


def _check_numbered(table: Table, free: list[int], labels: list[int]) -> None:
    """Raise if the labels of an image are in several columns: ``label1``, ``label2``."""
    for j in free:
        name = table.header[j]
        if j in labels or not NUMBERED.fullmatch(column_key(name)):
            continue
        if first_misfit(table, j) is None:  # a column of 0 and 1, such as class_1
            continue
        raise fault(
            table.path,
            "line 1",
            f"column {shown(name)} is one of several columns of labels; write all labels of an "
            "image into one cell of a column 'labels', such as joy|fear, or name the column in "
            "DATASET.IGNORE",
        )


def _check_annotator(table: Table, free: list[int]) -> None:
    """Raise if the annotator may be one more column of a class."""
    for j in free:
        name = table.header[j]
        if column_key(name) in PERSONS and first_misfit(table, j) is None:
            raise fault(
                table.path,
                "line 1",
                f"column {shown(name)} may be a class or the annotator, because it only has values "
                f"of a class; list the classes in DATASET.CLASSES, with {shown(name)} or without",
            )


def _known_classes(
    table: Table, options: ReadOptions, columns: Columns, free: list[int]
) -> Columns:
    """Return the columns of a table with one column per class of a given list."""
    by_name = {table.header[j]: j for j in free}
    for name in options.classnames:
        if name not in by_name:
            raise fault(
                table.path,
                "line 1",
                f"class {shown(name)} of the list of classes has no column."
                + did_you_mean(name, by_name),
            )
        columns.classes.append(by_name[name])
        free.remove(by_name[name])
    columns.split = take_split(table, free, ())
    check_half_splits(table, free)
    warn_of_likely(table, free)
    columns.annotator = take_annotator(table, free, columns.path)
    if free:
        names = ", ".join(shown(table.header[j]) for j in free)
        log.info("%s: columns that are no class of the list are left out: %s", table.path, names)
    return columns


def _class_columns(table: Table, free: list[int]) -> list[int]:
    """Return the columns that are classes, with one number per image each.

    Raises:
        UserError: a column holds something else, or there is none.
    """
    classes, wrong = [], []
    for j in free:
        name = table.header[j]
        row = first_misfit(table, j)
        if row is None and column_key(name) in NO_CLASSES:
            raise fault(
                table.path,
                "line 1",
                f"column {shown(name)} has values of a class but hardly is one; name it in "
                "DATASET.IGNORE, or list all classes in DATASET.CLASSES",
            )
        if row is None:
            classes.append(j)
        elif column_key(name) in PATH_COLUMNS and table.value(table.rows[row][j]) is None:
            log.info("%s: column %s is left out", table.path, shown(name))
        else:
            wrong.append(j)
    if wrong:
        raise no_class(table, wrong[0], first_misfit(table, wrong[0]), wrong[1:])
    if not classes:
        accepted = ", ".join(ONE[:1] + MANY[:2] + ("class",))
        nearest = did_you_mean(" ".join(map(column_key, table.header[1:2])), MANY + ONE)
        raise fault(
            table.path,
            "line 1",
            f"no column holds labels; expected one named {accepted}, or one column with 0 and 1 "
            f"per class.{nearest}",
        )
    return classes


def first_misfit(table: Table, j: int) -> int | None:
    """Return the first row whose cell is no value of a class, None if all are."""
    cells = [row[j] for row in table.rows]
    try:
        distinct = set(cells)
    except TypeError:  # lists or objects of JSON
        return next(i for i, cell in enumerate(cells) if isinstance(cell, list | dict))
    wrong = {cell for cell in distinct if not is_label_value(table.value(cell))}
    if not wrong:
        return None
    return next(i for i, cell in enumerate(cells) if cell in wrong)


def no_class(table: Table, j: int, row: int, others: Sequence[int] = ()) -> Exception:
    """Return the error of a cell that is no value of a class.

    Args:
        table: with the cell.
        j: column of the cell.
        row: of the cell.
        others: further columns with such cells.
    """
    cell = table.rows[row][j]
    further = ""
    if others:
        names = first_names([shown(table.header[k]) for k in others])
        further = f"; the same holds for {names}"
    labels = ""
    if isinstance(cell, str) and table.value(cell) is None:
        labels = "if it holds the labels, rename it to 'labels'; "
    return fault(
        table.path,
        table.wheres[row],
        f"column {shown(table.header[j])} is {shown(cell)}; a class has 1, 0, a share between "
        f"them, -1 or an empty cell; {labels}if the column is no class, name it in DATASET.IGNORE"
        f"{further}",
    )


def _leave_out(table: Table, path: int, label: int, free: list[int]) -> None:
    """Log the columns beside the images, at ``path``, and the labels that are not read.

    Raises:
        UserError: one of them looks like a class, so that labels may be meant in both forms.
    """
    texts = {str(row[label]) for row in table.rows}
    images = {str(row[path]) for row in table.rows}
    for j in free:
        values = [row[j] for row in table.rows if not is_empty(row[j]) and row[j] not in ([], {})]
        if values and first_misfit(table, j) is None:
            raise _beside_labels(table, label, j, repeated=len(images) < len(table.rows))
        if values and texts.issuperset(map(str, values)):
            raise fault(
                table.path,
                "line 1",
                f"columns {shown(table.header[label])} and {shown(table.header[j])} hold the same "
                "words; write all labels of an image into one cell, such as joy|fear, or name the "
                "column that is no label in DATASET.IGNORE",
            )
    warn_of_likely(table, free)
    if free:
        names = ", ".join(shown(table.header[j]) for j in free)
        log.info("%s: columns beside the labels are left out: %s", table.path, names)


def _beside_labels(table: Table, label: int, j: int, *, repeated: bool) -> Exception:
    """Return the error of column ``j``, which looks like a class beside the labels.

    Args:
        repeated: images have several rows, so that it may say which rows count.
    """
    name = shown(table.header[j])
    if repeated:
        message = (
            f"column {name} has values from -1 to 1 beside the labels, and images have several "
            "rows; if it says whether an image has the label of its row, leave out the rows with 0 "
            "and the column, because every row counts as yes; if it says something else, name it "
            "in DATASET.IGNORE"
        )
    else:
        message = (
            f"labels are in column {shown(table.header[label])}, but column {name} has values from "
            "-1 to 1 as a class has; if both are classes, list all classes in DATASET.CLASSES; "
            "else name the one that is no label in DATASET.IGNORE"
        )
    return fault(table.path, "line 1", message)


def _label_studio_columns(table: Table, options: ReadOptions) -> Columns:
    """Return the columns of Label Studio's CSV or JSON-MIN."""
    position = find_column(table.header, LABEL_STUDIO_IMAGES)
    columns = Columns(path_column(table) if position is None else position, style="whole")
    free = _free_columns(table, options, columns)
    columns.annotator = take_annotator(table, free, columns.path)
    columns.split = take_column(table, free, SPLIT_COLUMNS)  # other columns may be the choices
    fields = [j for j in free if column_key(table.header[j]) not in LABEL_STUDIO_OTHERS]
    if len(fields) > 1 and columns.split is None:
        columns.split = take_split(table, fields, ())
    if len(fields) == 1:
        columns.label = fields[0]
        return columns
    names = ", ".join(shown(table.header[j]) for j in fields) or "none"
    raise fault(
        table.path,
        "line 1",
        f"expected one column with the choices of Label Studio; found {names}; name those that "
        "are no labels in DATASET.IGNORE",
    )
