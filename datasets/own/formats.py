"""Recognise the format of a label file by its content, and read all files of a data set."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import UserError, did_you_mean
from core.logging import get_logger
from datasets.own.cells import same_form, shown
from datasets.own.coco_json import read_coco
from datasets.own.columns import Columns, assign_columns
from datasets.own.cvat import read_cvat
from datasets.own.division import Cell, check_scores, choose_delimiter, warn_of_joined
from datasets.own.fiftyone import read_fiftyone
from datasets.own.headerless import class_at, read_headerless, warn_of_shift
from datasets.own.items import LabelFile, ReadOptions, fault
from datasets.own.label_studio import is_label_studio, read_label_studio
from datasets.own.long import read_cells, read_long
from datasets.own.marked import drop_marked
from datasets.own.refused import refuse_known, refuse_known_text
from datasets.own.table import (
    DELIMITERS,
    PATH_COLUMNS,
    Table,
    find_column,
    header_delimiter,
    path_column,
    read_objects,
    read_table,
    take_separator_line,
)
from datasets.own.wide import read_vectors, read_wide, settle_minus_one
from datasets.reading import read_text

COCO_KEYS = ("images", "annotations", "categories")
FIFTYONE_KEYS = ("classes", "labels")
SAMPLE = 20  # lines among which a header is looked for
LONG_NUMBER = "a number has thousands of digits"  # for which json raises a plain ValueError
# First bytes of files that are no text -> the word for them in an error.
BINARY = {
    b"PK\x03\x04": "a spreadsheet or archive; save the sheet as CSV, or unpack it",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet; save the sheet as CSV",
    b"\xff\xd8\xff": "an image",
    b"\x89PNG": "an image",
    b"%PDF-": "a PDF; write its table as CSV",
    b"PAR1": "a Parquet file; write it as CSV",
    b"\x1f\x8b": "compressed; unpack it",
}

log = get_logger()


@dataclass(eq=False)
class Pending:
    """A table whose labels are divided once all files are known."""

    table: Table
    columns: Columns
    cells: list[Cell]


def read_label_files(paths: Sequence[Path], options: ReadOptions) -> list[LabelFile]:
    """Read all label files of a data set.

    The delimiter of labels and the meaning of -1 are the same in all files, so they are chosen from
    all of them.

    Raises:
        UserError: a fault; the message names the file, the place and what was expected.
    """
    contents = [_open(path, options) for path in paths]
    pending = [content for content in contents if isinstance(content, Pending)]
    delimiter = "none"
    if pending:
        cells = [cell for content in pending for cell in content.cells]
        delimiter = choose_delimiter(cells, pending[0].columns.style, options)
    files = []
    for content in contents:
        if isinstance(content, Pending):
            content = read_long(content.table, content.columns, content.cells, delimiter)
        files.append(content)
        if not content.judgements:
            raise fault(content.path, "", "no images; expected one row or entry per image")
    _check_ignored(files, options.ignore)
    if not options.classnames:
        labels = {label for file in files for one in file.judgements for label in one.labels}
        check_scores(files[0].path, labels)
        warn_of_joined(files[0].path, labels)
    _name_indices(files, options.classnames)
    settle_minus_one(files, options.label_values)
    return files


def _open(path: Path, options: ReadOptions) -> LabelFile | Pending:
    """Return the content of one file."""
    text = _text_of(path)
    start = text.lstrip()[:1]
    if start == "<":
        return read_cvat(path, options.ignore)
    if start in ("{", "["):
        return _open_json(path, text, options)
    text, delimiter = take_separator_line(path, text)
    delimiter = delimiter or header_delimiter(text)
    if delimiter is not None:
        return _open_table(read_table(path, text, delimiter), options)
    refuse_known_text(path, text)
    content = read_headerless(path, text, options)
    if content is not None:
        return content
    _check_first_line(path, text)
    # No header and no image in the first line: the error of a header says what is missing.
    delimiters = sorted(",;\t", key=text.split("\n")[0].count)
    return _open_table(read_table(path, text, delimiters[-1]), options)


def _check_first_line(path: Path, text: str) -> None:
    """Raise if the header stands below other lines, or has another delimiter."""
    lines = text.split("\n")[:SAMPLE]
    for number, line in enumerate(lines[1:], start=2):
        if header_delimiter(line) is not None:
            raise fault(
                path,
                f"line {number}",
                "the header stands below other lines; delete the lines above it",
            )
    for delimiter in ("|", ":", " "):
        cells = lines[0].split(delimiter)
        has_other = any(sign in lines[0] for sign in DELIMITERS)
        if len(cells) > 1 and not has_other and find_column(cells, PATH_COLUMNS) is not None:
            raise fault(
                path,
                "line 1",
                f"the columns are divided at {shown(delimiter)}; accepted: comma, semicolon or tab",
            )


def _text_of(path: Path) -> str:
    """Return the text of a file.

    Raises:
        UserError: the file is missing, empty or no text.
    """
    _check_kind(path)
    text = read_text(path, "label file")
    if not text.strip():
        raise fault(path, "", "the file is empty")
    if "\0" in text:
        raise fault(path, "", "the file is no text; save it as CSV in UTF-8")
    return same_form(text)


def _check_kind(path: Path) -> None:
    """Raise for a file that is no text, by its first bytes."""
    try:
        with open(path, "rb") as file:
            head = file.read(8)
    except OSError:  # read_text names the reason
        return
    for mark, kind in BINARY.items():
        if head.startswith(mark):
            raise fault(path, "", f"the file is {kind}")


def _open_table(table: Table, options: ReadOptions) -> LabelFile | Pending:
    refuse_known(table)
    if not table.rows:
        path_column(table)
        raise fault(table.path, "", "a header and no rows; expected one row per image")
    drop_marked(table)
    columns = assign_columns(table, options)
    if columns.label is None:
        return read_wide(table, columns, options)
    vectors = read_vectors(table, columns, options.classnames)
    if vectors is not None:
        return vectors
    return Pending(table, columns, read_cells(table, columns, options.classnames))


def _open_json(path: Path, text: str, options: ReadOptions) -> LabelFile | Pending:
    try:
        content = json.loads(text)
    except RecursionError:
        raise fault(path, "", "not valid JSON: nested too deeply") from None
    except json.JSONDecodeError as error:
        if _is_json_lines(text):
            return _open_table(_read_json_lines(path, text), options)
        where = f"line {error.lineno}, column {error.colno}"
        raise fault(path, where, f"not valid JSON: {error.msg}") from None
    except ValueError:
        raise fault(path, "", f"not valid JSON: {LONG_NUMBER}") from None
    if isinstance(content, dict):
        return _open_object(path, content, options)
    if is_label_studio(content):
        return read_label_studio(path, content, options)
    if not content:
        raise fault(path, "", "an empty list; expected one entry per image")
    wheres = [f"entry {i + 1}" for i in range(len(content))]
    return _open_table(read_objects(path, content, wheres), options)


def _open_object(path: Path, content: dict[str, Any], options: ReadOptions) -> LabelFile | Pending:
    """Return the content of a file that holds one JSON object."""
    if content.keys() >= set(COCO_KEYS):
        return read_coco(path, content)
    if content.keys() >= set(FIFTYONE_KEYS):
        return read_fiftyone(path, content)
    table = read_objects(path, [content], ["line 1"])  # JSON Lines with one line
    refuse_known(table)
    if not {"images", "annotations"} & content.keys():
        return _open_table(table, options)
    missing = [key for key in COCO_KEYS if key not in content]
    raise fault(path, "", f"no {' and '.join(map(shown, missing))}, which COCO JSON has")


def _is_json_lines(text: str) -> bool:
    """Return True if the first line is an object of its own."""
    line = text.strip().split("\n")[0]
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _read_json_lines(path: Path, text: str) -> Table:
    entries, wheres = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"line {number}"
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise fault(path, where, f"not valid JSON: {error}") from None
        except RecursionError:
            raise fault(path, where, "not valid JSON: nested too deeply") from None
        except ValueError:
            raise fault(path, where, f"not valid JSON: {LONG_NUMBER}") from None
        wheres.append(where)
    return read_objects(path, entries, wheres)


def _check_ignored(files: Sequence[LabelFile], ignore: Sequence[str]) -> None:
    """Raise if DATASET.IGNORE names a column that no file has."""
    known = {name for file in files for name in file.ignorable}
    lower = {name.lower() for name in known}
    for name in ignore:
        if name.lower() not in lower:
            raise UserError(
                f"DATASET.IGNORE: no label file has a column '{name}'.{did_you_mean(name, known)}"
            )


def _name_indices(files: Sequence[LabelFile], classnames: Sequence[str]) -> None:
    """Replace labels that are all indices of a given list of classes by the names, in place."""
    for file in files:
        labels = {label for judgement in file.judgements for label in judgement.labels}
        if not classnames or not labels or labels & set(classnames):
            continue
        if not all(label.isascii() and label.isdecimal() for label in labels):
            continue
        log.info("%s: labels are indices of the classes, from 0", file.path)
        warn_of_shift(file.path, labels, classnames)
        named = []
        for judgement in file.judgements:
            names = []
            for label in judgement.labels:
                names.append(class_at(file.path, judgement.where, label, classnames))
            named.append(replace(judgement, labels=tuple(names)))
        file.judgements = named
