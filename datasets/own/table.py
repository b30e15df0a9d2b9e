"""Rows of CSV and TSV files with a header, and of lists of JSON objects."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import did_you_mean
from core.logging import get_logger
from datasets.own.cells import read_value, shown
from datasets.own.items import fault
from datasets.own.locate import has_image_suffix

DELIMITERS = {"\t": "tab", ",": "comma", ";": "semicolon"}
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # for Excel, as the first line
QUOTED = r'"[^"]*(?:""[^"]*)*"'  # cell in quotes; a quote inside is doubled

# Names of the column with the image files; the first one that the header has is taken.
PATH_COLUMNS = (
    "file_name", "filename", "fname", "file", "image", "image_path", "image_name", "path",
    "filepath", "file_path", "image_file", "image_filename", "img", "img_path", "img_name",
    "image_id", "isic_id", "image_url", "gcs_file_path", "name", "photo", "picture", "uri", "url",
    "id",
)  # fmt: skip
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")  # of CamelCase

log = get_logger()


@dataclass(eq=False)
class Table:
    """A table with a header.

    Attributes:
        path: the file.
        header: names of the columns without spaces around them.
        rows: cells of each row, as many as ``header``: text, or values of JSON.
        wheres: place of each row in the file, such as ``line 3``.
        decimal_comma: numbers may have a decimal comma, because no comma divides the columns.
    """

    path: Path
    header: list[str]
    rows: list[list[Any]]
    wheres: list[str]
    decimal_comma: bool = False

    def value(self, cell: Any) -> float | None:
        """Return the number of a cell as :func:`datasets.own.cells.read_value`."""
        return read_value(cell, decimal_comma=self.decimal_comma)


def column_key(name: str) -> str:
    """Return the form in which names of columns are compared.

    ``File Name``, ``FileName`` and ``_file-name`` are ``file_name``.
    """
    words = HUMP.sub("_", name.strip())
    return re.sub(r"[\s_-]+", "_", words).strip("_").lower()


def find_column(header: Sequence[str], names: Sequence[str]) -> int | None:
    """Return the position of the first of ``names`` that the header has, None without one."""
    keys = [column_key(name) for name in header]
    for name in names:
        if name in keys:
            return keys.index(name)
    return None


def take_column(table: Table, free: list[int], names: Sequence[str]) -> int | None:
    """Remove and return the free column with the first of ``names``."""
    position = find_column([table.header[j] for j in free], names)
    if position is None:
        return None
    return free.pop(position)


def split_rows(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield ``(line, cells)`` of each row that is not empty.

    Raises:
        UserError: a quote is not closed, or text stands behind a closing quote.
    """
    source = io.StringIO(_without_spaces_behind_quotes(text, delimiter), newline="")
    reader = csv.reader(source, delimiter=delimiter, skipinitialspace=True, strict=True)
    start = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            quote = " (is a quote not closed?)" if "end of data" in str(error) else ""
            raise fault(path, f"line {start}", f"not valid CSV: {error}{quote}") from None
        cells = [cell.strip() for cell in cells]
        if any(cells):
            yield start, cells
        start = reader.line_num + 1


def _without_spaces_behind_quotes(text: str, delimiter: str) -> str:
    """Drop spaces between a closing quote and the delimiter, which csv refuses."""
    if '" ' not in text:
        return text
    # Each match is a whole cell, so that no match begins inside of quotes.
    unquoted = rf"[^{delimiter}\n]+"
    cell = rf"( *{QUOTED})(?: +(?=[{delimiter}\n]|$))?|{unquoted}"
    return re.sub(cell, lambda match: match[1] or match[0], text)


def take_separator_line(path: Path, text: str) -> tuple[str, str | None]:
    """Return the text with Excel's first line ``sep=;`` emptied, and the delimiter it names.

    The line stays as an empty one, so that errors give the lines of the file. Without such a line
    the delimiter is None.

    Raises:
        UserError: the delimiter is not accepted.
    """
    line, mark, rest = text.partition("\n")
    found = SEPARATOR_LINE.fullmatch(line)
    if found is None:
        return text, None
    delimiter = found.group(1)
    if delimiter not in DELIMITERS:
        accepted = ", ".join(DELIMITERS.values())
        raise fault(path, "line 1", f"the delimiter is {shown(delimiter)}; accepted: {accepted}")
    return mark + rest, delimiter


def first_line(text: str) -> str:
    """Return the first line that is not empty; empty without one."""
    for line in text.split("\n"):
        if line.strip():
            return line
    return ""


def header_delimiter(text: str) -> str | None:
    """Return the delimiter of columns: the one at which the header has a column of images.

    None if the first line is no header.
    """
    line = first_line(text)
    for delimiter in DELIMITERS:
        reader = csv.reader([line], delimiter=delimiter, skipinitialspace=True)
        cells = next(reader)
        if find_column(cells, PATH_COLUMNS) is not None and len(cells) > 1:
            return delimiter
    if column_key(line) in PATH_COLUMNS:
        return ","
    return None


def read_table(path: Path, text: str, delimiter: str) -> Table:
    """Read a file with a header.

    Raises:
        UserError: the file is no valid CSV, all cells are empty, or a row has another number of
            cells than the header.
    """
    rows = split_rows(path, text, delimiter)
    _, header = next(rows, (0, []))
    if not header:
        raise fault(path, "", "the file has no text in its cells")
    table = Table(path, header, [], [], decimal_comma=delimiter != ",")
    for line, cells in rows:
        where = f"line {line}"
        table.rows.append(_fit_row(table, cells, where, delimiter))
        table.wheres.append(where)
    return _without_empty_end(table)


def _fit_row(table: Table, cells: list[str], where: str, delimiter: str) -> list[str]:
    """Return the cells of a row; empty ones at the end, which spreadsheets write, are left out."""
    width = len(table.header)
    while len(cells) > width and not cells[-1]:
        cells.pop()
    if len(cells) == width:
        return cells
    advice = ""
    if len(cells) > width:
        advice = f"; put a cell that holds a {DELIMITERS[delimiter]} in quotes"
    raise fault(
        table.path,
        where,
        f"{len(cells)} columns; expected {width} as in the header ({shown(cells[0])}){advice}",
    )


def _without_empty_end(table: Table) -> Table:
    """Drop columns at the end that have neither a name nor a value."""
    width = len(table.header)
    while width and not table.header[width - 1] and not any(row[width - 1] for row in table.rows):
        width -= 1
    if width < len(table.header):
        table.header = table.header[:width]
        table.rows = [row[:width] for row in table.rows]
    return table


def read_objects(path: Path, entries: Sequence[Any], wheres: Sequence[str]) -> Table:
    """Return the table of a list of JSON objects; a key that an object lacks is an empty cell.

    Raises:
        UserError: an entry is no object.
    """
    header: dict[str, None] = {}
    for entry, where in zip(entries, wheres, strict=True):
        if not isinstance(entry, dict):
            raise fault(path, where, f'{shown(entry)} is no object such as {{"file_name": ...}}')
        header.update(dict.fromkeys(entry))
    rows = [[entry.get(name) for name in header] for entry in entries]
    return Table(path, [name.strip() for name in header], rows, list(wheres))


def _names_images(table: Table, j: int) -> bool:
    """Return True if all cells of a column end like an image file."""
    cells = [row[j] for row in table.rows]
    return bool(cells) and all(isinstance(c, str) and has_image_suffix(c) for c in cells)


def path_column(table: Table) -> int:
    """Return the position of the column that names the images.

    Of an accepted name without one image file, another column counts if it alone has image files.

    Raises:
        UserError: there is none; the message gives the accepted names.
    """
    position = find_column(table.header, PATH_COLUMNS)
    if position is not None and _names_images(table, position):
        return position
    others = []
    for j, name in enumerate(table.header):
        # an image in the first line: there is no header
        if not has_image_suffix(name) and _names_images(table, j):
            others.append(j)
    if len(others) == 1:
        log.warning("%s: column %s names the images", table.path, shown(table.header[others[0]]))
        return others[0]
    if position is not None:
        return position
    nearest = ""
    for name in table.header:
        nearest = nearest or did_you_mean(column_key(name), PATH_COLUMNS)
    columns = ", ".join(map(shown, table.header[:8]))
    suffix = ""
    if any(character.isdigit() for character in "".join(table.header[:1])):  # rather an image
        suffix = "; without a header each image needs its suffix, such as .jpg"
    raise fault(
        table.path,
        "line 1",
        f"no column names the images; columns: {columns}; rename the one with their files to "
        f"{', '.join(PATH_COLUMNS[:3])} or another accepted name (docs/data.md){suffix}.{nearest}",
    )
