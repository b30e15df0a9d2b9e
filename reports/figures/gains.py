"""Gains around zero: a row per metric or class with point, interval and columns of numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from reports.canvas import Canvas
from reports.colours import INK, MUTED, SERIES, SURFACE
from reports.svg import LINE_HEIGHT as LINE
from reports.svg import drawing, inline_svg, text_width, wrap
from reports.tables import is_missing

WIDE, NARROW = 900, 340
LABEL_WIDTH = 300
PAD = 8
AXIS_HEIGHT = 44
HEAD_HEIGHT = 26
WIDEST = 4  # the axis holds intervals up to this many times the median width
SMALL = 11
BETTER, WORSE = SERIES[0], SERIES[1]


@dataclass(frozen=True)
class GainRow:
    """A row of the plot.

    Attributes:
        label: any text; long ones have several lines.
        value: the gain; NaN draws nothing.
        low: lower end of its interval.
        high: upper end of its interval.
        resolved: True fills the point; False leaves it hollow and gray.
        cells: texts of the columns at the right.
    """

    label: str
    value: float
    low: float
    high: float
    resolved: bool
    cells: Sequence[str] = ()


@dataclass(frozen=True)
class Gains:
    """A plot.

    Attributes:
        rows: from top to bottom.
        title: title of the axis.
        columns: headings of the columns at the right.
    """

    rows: Sequence[GainRow]
    title: str
    columns: Sequence[str] = ()


def draw_gains(name: str, gains: Gains, alternative: str) -> tuple[Markup, Markup]:
    """Return the plot for wide and for narrow windows.

    Args:
        name: unique on the page.
        gains: the plot.
        alternative: text that stands for the figure.
    """
    with drawing():
        return _wide(name, gains, alternative), _narrow(name, gains, alternative)


def _wide(name: str, gains: Gains, alternative: str) -> Markup:
    labels = [wrap(row.label, LABEL_WIDTH) for row in gains.rows]
    left = max(text_width(line) for lines in labels for line in lines) + 14
    widths = [_column_width(gains, c) for c in range(len(gains.columns))]
    right = WIDE - sum(widths) - 16
    heights = [LINE * len(lines) + PAD for lines in labels]
    bottom = HEAD_HEIGHT + sum(heights)
    canvas = Canvas(WIDE, bottom + AXIS_HEIGHT)
    scale = _Scale(gains, left, right)
    scale.draw(canvas, HEAD_HEIGHT, bottom)
    edges = [right + 16 + sum(widths[: c + 1]) for c in range(len(widths))]
    for edge, heading in zip(edges, gains.columns, strict=True):
        canvas.text(edge, HEAD_HEIGHT - 10, heading, ha="right", color=MUTED, fontsize=SMALL)
    y = float(HEAD_HEIGHT)
    for row, lines, height in zip(gains.rows, labels, heights, strict=True):
        middle = y + height / 2
        canvas.lines_of_text(left - 12, middle, lines, ha="right")
        scale.draw_row(canvas, row, middle)
        for edge, cell in zip(edges, row.cells, strict=True):
            colour = INK if row.resolved else MUTED
            canvas.text(edge, middle, cell, ha="right", color=colour, fontsize=SMALL)
        y += height
    return inline_svg(canvas.figure, f"{name}-wide", alternative)


def _narrow(name: str, gains: Gains, alternative: str) -> Markup:
    labels = [wrap(row.label, NARROW - 4) for row in gains.rows]
    details = [wrap(_detail(gains, row), NARROW - 4, SMALL) for row in gains.rows]
    heights = []
    for lines, detail in zip(labels, details, strict=True):
        heights.append(LINE * (len(lines) + len(detail)) + 28)
    canvas = Canvas(NARROW, 4 + sum(heights) + AXIS_HEIGHT)
    scale = _Scale(gains, 8, NARROW - 8)
    y = 4.0
    bands = []
    for row, lines, detail, height in zip(gains.rows, labels, details, heights, strict=True):
        canvas.lines_of_text(2, y + LINE * len(lines) / 2 + 3, lines)
        middle = y + LINE * len(lines) + 11
        bands.append((row, middle))
        text = middle + 9 + LINE * len(detail) / 2
        canvas.lines_of_text(2, text, detail, color=MUTED, fontsize=SMALL)
        y += height
    # The grid stays off the texts: it marks the band of each row only.
    scale.draw_axis(canvas, y)
    for row, middle in bands:
        scale.draw_grid(canvas, middle - 7, middle + 7)
        scale.draw_row(canvas, row, middle)
    return inline_svg(canvas.figure, f"{name}-narrow", alternative)


class _Scale:
    """The axis of gains, from ``left`` to ``right`` in CSS pixels; zero is always on it."""

    def __init__(self, gains: Gains, left: float, right: float) -> None:
        self.title, self.left, self.right = gains.title, left, right
        steps = max(2, int((right - left) // 70))
        ticks = MaxNLocator(steps, steps=[1, 2, 2.5, 5, 10])
        self.ticks = list(ticks.tick_values(*extent_of(gains.rows)))
        self.start, self.end = self.ticks[0], self.ticks[-1]

    def place(self, value: float) -> float:
        """Return the x of a value, not beyond the ends of the axis."""
        share = (value - self.start) / (self.end - self.start)
        return self.left + min(max(share, 0), 1) * (self.right - self.left)

    def draw(self, canvas: Canvas, top: float, bottom: float) -> None:
        """Draw grid, ticks and title."""
        self.draw_grid(canvas, top, bottom)
        self.draw_axis(canvas, bottom)

    def draw_grid(self, canvas: Canvas, top: float, bottom: float) -> None:
        """Draw a line per tick, and a darker one at zero."""
        places = [self.place(tick) for tick in self.ticks]
        canvas.segments([((x, top), (x, bottom)) for x in places])
        zero = self.place(0.0)
        canvas.segments([((zero, top), (zero, bottom))], color=INK, width=1)

    def draw_axis(self, canvas: Canvas, bottom: float) -> None:
        """Write ticks and title below the rows."""
        style = {"color": MUTED, "fontsize": SMALL}
        for tick in self.ticks:
            text = f"{tick:+g}".replace("-", "\u2212") if abs(tick) > 1e-9 else "0"
            canvas.text(self.place(tick), bottom + 12, text, ha="center", **style)
        canvas.text(self.left, bottom + 30, self.title, **style)

    def draw_row(self, canvas: Canvas, row: GainRow, y: float) -> None:
        """Draw interval and point of a row."""
        if is_missing(row.value):
            return
        colour = MUTED
        if row.resolved:
            colour = BETTER if row.value > 0 else WORSE
        if not is_missing(row.low) and not is_missing(row.high):
            ends = (self.place(row.low), y), (self.place(row.high), y)
            canvas.segments([ends], color=colour, width=1.8)
            self._draw_arrows(canvas, row, y, colour)
        style = {"marker": "o", "markersize": 8, "color": colour, "markeredgewidth": 1.8}
        if not row.resolved:
            style["markerfacecolor"] = SURFACE
        canvas.marker(self.place(row.value), y, **style)

    def _draw_arrows(self, canvas: Canvas, row: GainRow, y: float, colour: str) -> None:
        """Mark an interval that the axis cuts."""
        style = {"markersize": 6, "color": colour}
        if row.low < self.start:
            canvas.marker(self.left, y, marker="<", **style)
        if row.high > self.end:
            canvas.marker(self.right, y, marker=">", **style)


def extent_of(rows: Sequence[GainRow]) -> tuple[float, float]:
    """Return the ends of the axis: all values, and most intervals.

    A rare class may have an interval many times as wide as the others; the axis cuts it, so that
    the others can be read.
    """
    values = [0.0]
    widths = []
    for row in rows:
        if not is_missing(row.value):
            values.append(row.value)
        if not is_missing(row.low) and not is_missing(row.high):
            widths.append(row.high - row.low)
    widest = WIDEST * sorted(widths)[len(widths) // 2] if widths else 0.0
    for row in rows:
        if not is_missing(row.low) and not is_missing(row.high):
            values.append(max(row.low, row.value - widest / 2))
            values.append(min(row.high, row.value + widest / 2))
    low, high = min(values), max(values)
    return (low, high) if high > low else (-1.0, 1.0)


def _column_width(gains: Gains, index: int) -> float:
    texts = [row.cells[index] for row in gains.rows]
    return max(text_width(text, SMALL) for text in (*texts, gains.columns[index])) + 14


def _detail(gains: Gains, row: GainRow) -> str:
    """Return the columns of a row as one line."""
    parts = []
    for heading, cell in zip(gains.columns, row.cells, strict=True):
        parts.append(f"{heading} {cell}")
    return " · ".join(parts)
