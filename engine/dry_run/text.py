"""Tables, durations and sizes as text."""

import datetime
from collections.abc import Sequence
from typing import Any


def format_table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Return the lines of a table: the first column to the left, the others to the right."""
    cells = [[str(cell) for cell in head]]
    for row in rows:
        cells.append([f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row])
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = []
    for row in cells:
        words = [row[0].ljust(widths[0])]
        words += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append(("  " + "  ".join(words)).rstrip())
    return lines


def format_pairs(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Return lines of a name and a text."""
    width = max(len(name) for name, _ in pairs)
    return [f"  {name:<{width}}  {text}" for name, text in pairs]


def format_seconds(seconds: float) -> str:
    """Return a duration: ``12 ms``, ``3.4 s`` or ``H:MM:SS``."""
    if seconds < 1:
        digits = 1 if seconds < 0.01 else 0
        return f"{1e3 * seconds:.{digits}f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return str(datetime.timedelta(seconds=round(seconds)))


def format_size(num_bytes: int) -> str:
    """Return a size in KiB, MiB or GiB."""
    kib = num_bytes / 2**10
    if kib < 1024:
        return f"{kib:.1f} KiB"
    mib = kib / 1024
    return f"{mib:.1f} MiB" if mib < 1024 else f"{mib / 1024:,.1f} GiB"
