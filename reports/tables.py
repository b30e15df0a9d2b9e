"""Tables of a report: one description, written as CSV, LaTeX and, by the page, HTML."""

import csv
import io
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from core.files import write_text

MISSING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
BYTE_ORDER_MARK = "\ufeff"
LONGEST = 40  # rows of a LaTeX table on one page
LONG = 60  # letters from which on a column of words is wide

LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    MISSING: "--",
    MINUS: "$-$",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{NO-BREAK SPACE}": "~",
}


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: heading.
        digits: decimals of a float.
        signed: True writes a plus sign before a number that is above 0 as it is shown.
        open_ends: True writes a share that is not 0 or 1 but would round to it as ``< 0.001`` or
            ``> 0.999``.
        hint: a few words that explain the column; the page lists them below the table.
    """

    title: str
    digits: int = 2
    signed: bool = False
    open_ends: bool = False
    hint: str = ""


@dataclass(frozen=True)
class Cell:
    """A value with more than the number.

    Attributes:
        value: text, number, or None where there is none; NaN counts as None.
        low: lower end of the interval; None without an interval.
        high: upper end of the interval.
        note: a few words beside the value, such as ``n too small``.
        text: what pages show in place of a number, such as ``1.24 M``; files for programs keep
            the number.
    """

    value: Any
    low: float | None = None
    high: float | None = None
    note: str = ""
    text: str = ""

    @property
    def has_interval(self) -> bool:
        """True if both ends of the interval are numbers."""
        return not is_missing(self.low) and not is_missing(self.high)


@dataclass(frozen=True)
class Row:
    """A row with a mark.

    Attributes:
        cells: one value or :class:`Cell` per column.
        mark: ``muted`` (no result, such as a threshold tuned on test), ``own`` (the row that the
            page is about) or empty.
    """

    cells: Sequence[Any]
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        caption: one line that says what the rows are.
        columns: headings; a string stands for a column without more.
        rows: a :class:`Row` or a plain sequence of values per row.
        name: stem of its files; empty: made from the caption.
        closed: True shows only the caption until a reader opens the table.
        shown: False shows only the caption and the link to the CSV file, for large tables; such a
            table has no LaTeX file.
        note: a line below the table.
    """

    caption: str
    columns: Sequence[Column | str]
    rows: Sequence[Row | Sequence[Any]]
    name: str = ""
    closed: bool = False
    shown: bool = True
    note: str = ""
    kind: str = field(default="table", init=False)

    @property
    def stem(self) -> str:
        """Name of the table's files without an ending."""
        return self.name or slug(self.caption)

    @cached_property
    def headings(self) -> list[Column]:
        """The columns as objects."""
        return [Column(c) if isinstance(c, str) else c for c in self.columns]

    @cached_property
    def body(self) -> list[Row]:
        """The rows as objects, with a :class:`Cell` per column.

        Raises:
            ValueError: a row has more or fewer cells than there are columns.
        """
        rows = []
        for row in self.rows:
            if not isinstance(row, Row):
                row = Row(row)
            if len(row.cells) != len(self.columns):
                raise ValueError(
                    f"table '{self.caption}': a row has {len(row.cells)} cells for "
                    f"{len(self.columns)} columns"
                )
            cells = [value if isinstance(value, Cell) else Cell(value) for value in row.cells]
            rows.append(Row(cells, row.mark))
        return rows

    @cached_property
    def numeric(self) -> list[bool]:
        """True for each column whose values all are numbers or missing."""
        columns = []
        for index in range(len(self.columns)):
            values = [row.cells[index].value for row in self.body]
            columns.append(all(is_missing(v) or isinstance(v, (int, float)) for v in values))
        return columns

    @cached_property
    def long(self) -> list[bool]:
        """True for each column of words with a long text, which needs more width."""
        columns = []
        for index, numeric in enumerate(self.numeric):
            texts = (str(row.cells[index].value) for row in self.body)
            columns.append(not numeric and max(map(len, texts), default=0) > LONG)
        return columns

    @cached_property
    def hints(self) -> dict[str, list[str]]:
        """Explanation -> titles of its columns, in the order of the columns."""
        hints: dict[str, list[str]] = {}
        for column in self.headings:
            if column.hint:
                hints.setdefault(column.hint, []).append(column.title)
        return hints


def format_value(value: Any, column: Column) -> str:
    """Return a value as text: floats with the column's decimals, integers with commas."""
    if is_missing(value):
        return MISSING
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if column.open_ends:
        smallest = 10**-column.digits
        if 0 < value < smallest:
            return f"< {smallest:.{column.digits}f}"
        if 1 - smallest < value < 1:
            return f"> {1 - smallest:.{column.digits}f}"
    number = f"{abs(value):,}" if isinstance(value, int) else f"{abs(value):.{column.digits}f}"
    # What is shown as zero has no sign: "−0.00" would be a number that nobody can tell from it.
    if not re.search("[^0.,]", number):
        return number
    return f"{_sign(value, column)}{number}"


def format_cell(cell: Cell, column: Column) -> str:
    """Return the value of a cell as text, or the text that stands for it."""
    return cell.text or format_value(cell.value, column)


def _sign(value: float, column: Column) -> str:
    if value < 0:
        return MINUS
    return "+" if column.signed else ""


def is_missing(value: Any) -> bool:
    """Return True for None and NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def to_csv(table: Table) -> str:
    """Return the table as CSV with all digits.

    A column with intervals is followed by its two ends, and one with notes by the notes. A missing
    value is an empty cell.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns, rows = table.headings, table.body
    extras = [_extras(rows, c) for c in range(len(columns))]
    header = []
    for column, extra in zip(columns, extras, strict=True):
        header += [column.title, *(f"{column.title} {name}" for name in extra)]
    writer.writerow(header)
    for row in rows:
        cells = []
        for cell, extra in zip(row.cells, extras, strict=True):
            values = [cell.value, *(getattr(cell, name) for name in extra)]
            cells += ["" if is_missing(value) else _plain(value) for value in values]
        writer.writerow(cells)
    return text.getvalue()


def to_latex(table: Table, label: str = "") -> str:
    """Return the table as LaTeX for the packages ``booktabs`` and ``xcolor``.

    Intervals stand in brackets behind the value; muted rows are gray; the note stands below. A
    table of more than ``LONGEST`` rows goes over several pages (package ``longtable``).

    Args:
        table: the table.
        label: start of the table's label, so that tables of two runs fit into one document.
    """
    columns = table.headings
    align = "".join("r" if numeric else "l" for numeric in table.numeric)
    place = ":".join(part for part in ("tab", label, table.stem) if part)
    caption = rf"\caption{{{escape_latex(table.caption)}}}", rf"\label{{{place}}}"
    head = [r"\toprule", _latex_line(escape_latex(c.title) for c in columns), r"\midrule"]
    rows = []
    for row in table.body:
        cells = []
        for cell, column in zip(row.cells, columns, strict=True):
            cells.append(_latex_cell(cell, column, muted=row.mark == "muted"))
        rows.append(_latex_line(cells))
    note = [rf"{{\footnotesize {escape_latex(table.note)}}}"] if table.note else []
    if len(rows) > LONGEST:
        lines = [
            rf"\begin{{longtable}}{{{align}}}",
            "".join(caption) + r" \\",
            *head,
            r"\endfirsthead",
            *head,
            r"\endhead",
            r"\bottomrule",
            r"\endfoot",
            *rows,
            r"\end{longtable}",
            *note,
        ]
        return "\n".join(lines) + "\n"
    lines = [r"\begin{table}", r"\centering", *caption, rf"\begin{{tabular}}{{{align}}}"]
    lines += [*head, *rows, r"\bottomrule", r"\end{tabular}"]
    if note:
        lines += ["", r"\smallskip", *note]
    lines.append(r"\end{table}")
    return "\n".join(lines) + "\n"


def csv_download(table: Table) -> str:
    """Return the content of a CSV file that a person opens from the page.

    It starts with a byte order mark: Excel reads files without one in a local encoding. The files
    in ``tables/`` have none, because scripts would read it as part of the first name.
    """
    return BYTE_ORDER_MARK + to_csv(table)


def write_table(folder: str | Path, table: Table, label: str = "") -> None:
    """Write ``<stem>.csv`` and ``<stem>.tex`` to ``folder``, atomically.

    A table that is too large to show (``shown`` is False) has no LaTeX file.

    Args:
        folder: folder to write to.
        table: the table.
        label: start of the label in LaTeX; see :func:`to_latex`.

    Raises:
        OSError: a file cannot be written.
    """
    write_text(Path(folder) / f"{table.stem}.csv", to_csv(table))
    if table.shown:
        write_text(Path(folder) / f"{table.stem}.tex", to_latex(table, label))


def escape_latex(text: Any) -> str:
    """Return ``text`` with the characters that LaTeX reads as commands escaped."""
    return "".join(LATEX.get(character, character) for character in str(text))


def slug(text: str) -> str:
    """Return ``text`` as lower-case ASCII words joined by ``_``, for file names and anchors."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", ascii_text.lower()).strip("_")


def with_interval(value: Any, intervals: Mapping[str, Any] | None) -> Cell:
    """Return the cell of a value with its interval or note.

    Args:
        value: the value.
        intervals: entry ``{"low", "high"}`` or ``{"note"}`` of ``intervals.json``; None or an
            empty one gives the value alone.
    """
    entry = intervals or {}
    return Cell(value, entry.get("low"), entry.get("high"), entry.get("note", ""))


def _extras(rows: Iterable[Row], index: int) -> list[str]:
    """Return the attributes of a column's cells that need columns of their own in CSV."""
    cells = [row.cells[index] for row in rows]
    extras = []
    if any(cell.has_interval for cell in cells):
        extras += ["low", "high"]
    if any(cell.note for cell in cells):
        extras.append("note")
    return extras


def _latex_cell(cell: Cell, column: Column, *, muted: bool) -> str:
    text = escape_latex(format_cell(cell, column))
    if cell.has_interval:
        low, high = format_value(cell.low, column), format_value(cell.high, column)
        text += rf" {{\scriptsize [{escape_latex(low)}, {escape_latex(high)}]}}"
    if cell.note:
        text += rf" {{\scriptsize {escape_latex(cell.note)}}}"
    return rf"\textcolor{{gray}}{{{text}}}" if muted else text


def _latex_line(cells: Iterable[str]) -> str:
    line = " & ".join(cells) + r" \\"
    # LaTeX reads a bracket or a star after the end of a row, or after a rule, as an argument.
    return "{}" + line if line.startswith(("[", "*")) else line


def _plain(value: Any) -> Any:
    """Return a float with nine significant digits, other values as they are."""
    return f"{value:.9g}" if isinstance(value, float) else value
