"""Layout of plots with a row per method, metric or class: labels, an axis, columns of numbers.

``forest`` and ``gains`` say what a row looks like on the axis.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from reports.canvas import Canvas
from reports.colours import INK, MUTED
from reports.svg import LINE_HEIGHT as LINE
from reports.svg import drawing, inline_svg, text_width, wrap

WIDE, NARROW = 900, 340
LABEL_WIDTH = 300
PAD = 8
AXIS_HEIGHT = 44
HEAD_HEIGHT = 26
TOP = 4  # above the rows where there are no headings
SMALL = 11
TICK_DISTANCE = 70  # least distance of ticks


class PlotRow(Protocol):
    """A row: a label of any length, and texts of the columns at the right."""

    label: str
    cells: Sequence[str]


class RowPlot(Protocol):
    """A plot: rows from top to bottom, title of the axis, headings of the columns."""

    rows: Sequence[Any]  # of PlotRow
    title: str
    columns: Sequence[str]


class RowAxis(ABC):
    """The axis of values, from ``left`` to ``right`` in CSS pixels.

    Args:
        plot: the plot.
        left: left end.
        right: right end.
    """

    steps: ClassVar[Sequence[float]] = (1, 2, 2.5, 5, 10)

    def __init__(self, plot: Any, left: float, right: float) -> None:
        self.plot, self.left, self.right = plot, left, right
        start, end = self.extent()
        num_steps = max(2, int((right - left) // TICK_DISTANCE))
        ticks = MaxNLocator(num_steps, steps=list(self.steps)).tick_values(start, end)
        self.ticks = self.choose_ticks(ticks.tolist(), start, end)
        self.start, self.end = self.ends(start, end)

    @abstractmethod
    def extent(self) -> tuple[float, float]:
        """Return the smallest and the largest value that the axis must hold."""

    @abstractmethod
    def draw_row(self, canvas: Canvas, row: Any, y: float, top: float, bottom: float) -> None:
        """Draw a row around ``y``; its band is from ``top`` to ``bottom``."""

    def choose_ticks(self, ticks: list[float], start: float, end: float) -> list[float]:
        """Return the ticks to draw, of those that matplotlib proposes."""
        return ticks

    def ends(self, start: float, end: float) -> tuple[float, float]:
        """Return the values at the ends of the axis."""
        return self.ticks[0], self.ticks[-1]

    def tick_text(self, tick: float) -> str:
        """Return the text of a tick."""
        return f"{tick:g}"

    def label_style(self, row: Any) -> dict[str, str]:
        """Return matplotlib's properties of a row's label."""
        return {}

    def cell_colour(self, row: Any) -> str:
        """Return the colour of a row's numbers."""
        return INK

    def place(self, value: float) -> float:
        """Return the x of a value, not beyond the ends of the axis."""
        share = (value - self.start) / (self.end - self.start)
        return self.left + min(max(share, 0), 1) * (self.right - self.left)

    def draw_grid(self, canvas: Canvas, top: float, bottom: float) -> None:
        """Draw a line per tick."""
        places = [self.place(tick) for tick in self.ticks]
        canvas.segments([((x, top), (x, bottom)) for x in places])

    def draw_axis(self, canvas: Canvas, bottom: float) -> None:
        """Write ticks and title below the rows."""
        style = {"color": MUTED, "fontsize": SMALL}
        for tick in self.ticks:
            text = self.tick_text(tick)
            # A wide number at an end of the axis stays in the picture. Digits and signs are wider
            # than an average character.
            half = 0.6 * text_width(text, SMALL)
            x = min(max(self.place(tick), half), canvas.width - half)
            canvas.text(x, bottom + 12, text, ha="center", **style)
        canvas.text(self.left, bottom + 30, self.plot.title, **style)


def draw_rows(
    name: str, plot: RowPlot, axis: type[RowAxis], alternative: str
) -> tuple[Markup, Markup]:
    """Return a plot for wide and for narrow windows.

    Args:
        name: unique on the page.
        plot: the plot.
        axis: what its rows look like.
        alternative: text that stands for the figure.
    """
    with drawing():
        return _wide(name, plot, axis, alternative), _narrow(name, plot, axis, alternative)


def axes_of(plot: RowPlot, axis: type[RowAxis]) -> tuple[RowAxis, RowAxis]:
    """Return the axes of the wide and of the narrow form of a plot."""
    labels = [wrap(row.label, LABEL_WIDTH) for row in plot.rows]
    left = max(text_width(line) for lines in labels for line in lines) + 14
    widths = [_column_width(plot, c) for c in range(len(plot.columns))]
    return axis(plot, left, WIDE - sum(widths) - 16), axis(plot, 8, NARROW - 14)


def _wide(name: str, plot: RowPlot, axis: type[RowAxis], alternative: str) -> Markup:
    labels = [wrap(row.label, LABEL_WIDTH) for row in plot.rows]
    scale, _ = axes_of(plot, axis)
    left, right = scale.left, scale.right
    widths = [_column_width(plot, c) for c in range(len(plot.columns))]
    edges = [right + 16 + sum(widths[: c + 1]) for c in range(len(widths))]
    heights = [LINE * len(lines) + PAD for lines in labels]
    head = HEAD_HEIGHT if plot.columns else TOP
    bottom = head + sum(heights)
    canvas = Canvas(WIDE, bottom + AXIS_HEIGHT)
    scale.draw_grid(canvas, head, bottom)
    scale.draw_axis(canvas, bottom)
    for edge, heading in zip(edges, plot.columns, strict=True):
        canvas.text(edge, head - 10, heading, ha="right", color=MUTED, fontsize=SMALL)
    y = float(head)
    for row, lines, height in zip(plot.rows, labels, heights, strict=True):
        middle = y + height / 2
        canvas.lines_of_text(left - 12, middle, lines, ha="right", **scale.label_style(row))
        scale.draw_row(canvas, row, middle, y, y + height)
        style = {"ha": "right", "color": scale.cell_colour(row), "fontsize": SMALL}
        for edge, cell in zip(edges, row.cells, strict=False):
            canvas.text(edge, middle, cell, **style)
        y += height
    return inline_svg(canvas.figure, f"{name}-wide", alternative)


def _narrow(name: str, plot: RowPlot, axis: type[RowAxis], alternative: str) -> Markup:
    labels = [wrap(row.label, NARROW - 8) for row in plot.rows]
    details = [_details(plot, row) for row in plot.rows]
    heights = []
    for lines, detail in zip(labels, details, strict=True):
        heights.append(LINE * (len(lines) + len(detail)) + 28)
    canvas = Canvas(NARROW, TOP + sum(heights) + AXIS_HEIGHT)
    _, scale = axes_of(plot, axis)
    y = float(TOP)
    for row, lines, detail, height in zip(plot.rows, labels, details, heights, strict=True):
        canvas.lines_of_text(5, y + LINE * len(lines) / 2 + 3, lines, **scale.label_style(row))
        middle = y + LINE * len(lines) + 11
        # The grid stays off the texts: it marks the band of each row only.
        scale.draw_grid(canvas, middle - 8, middle + 8)
        scale.draw_row(canvas, row, middle, middle - 8, middle + 8)
        below = middle + 9 + LINE * len(detail) / 2
        canvas.lines_of_text(5, below, detail, color=MUTED, fontsize=SMALL)
        y += height
    scale.draw_axis(canvas, y)
    return inline_svg(canvas.figure, f"{name}-narrow", alternative)


def _column_width(plot: RowPlot, index: int) -> float:
    texts = [row.cells[index] for row in plot.rows if index < len(row.cells)]
    return max(text_width(text, SMALL) for text in (*texts, plot.columns[index])) + 14


def _details(plot: RowPlot, row: PlotRow) -> list[str]:
    """Return the columns of a row as lines that fit a narrow window."""
    lines: list[str] = []
    for heading, cell in zip(plot.columns, row.cells, strict=False):
        part = f"{heading} {cell}"
        joined = f"{lines[-1]} · {part}" if lines else part
        if lines and text_width(joined, SMALL) <= NARROW - 8:
            lines[-1] = joined
        else:
            lines += wrap(part, NARROW - 8, SMALL)
    return lines
