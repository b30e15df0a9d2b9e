"""Tables as Markdown and as text for a terminal."""

from collections.abc import Iterable

from evaluation.result_files import MISSING, align

from .tables import Cell, Column, Table, format_cell, format_value, is_missing


def to_markdown(table: Table) -> str:
    """Return the table in GitHub's Markdown: caption in bold, table, note."""
    columns = table.headings
    align = ["---:" if numeric else "---" for numeric in table.numeric]
    lines = [f"**{_escape(table.caption)}**", ""]
    lines.append(_line(_escape(column.title) for column in columns))
    lines.append(_line(align))
    for row in table.body:
        cells = zip(row.cells, columns, strict=True)
        lines.append(_line(_escape(cell_text(cell, column)) for cell, column in cells))
    if table.note:
        lines += ["", _escape(table.note)]
    return "\n".join(lines) + "\n"


def to_text(table: Table) -> str:
    """Return the table as aligned text, without caption and note: words left, numbers right."""
    columns = table.headings
    lines = [[column.title for column in columns]]
    for row in table.body:
        cells = zip(row.cells, columns, strict=True)
        lines.append([cell_text(cell, column) for cell, column in cells])
    return align(lines, to_right=[False, *table.numeric[1:]])


def cell_text(cell: Cell, column: Column) -> str:
    """Return a cell on one line: value, interval in brackets, note."""
    text = MISSING if is_missing(cell.value) else format_cell(cell, column)
    if cell.has_interval:
        low, high = format_value(cell.low, column), format_value(cell.high, column)
        text += f" [{low}, {high}]"
    if cell.note:
        text += f" {cell.note}"
    return text


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escape(text: str) -> str:
    """Return text that stays in its cell and is not read as Markdown."""
    text = " ".join(str(text).split())
    for character in ("\\", "|", "*", "_", "<", "`"):
        text = text.replace(character, "\\" + character)
    return text
