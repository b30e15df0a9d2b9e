"""Forest plot: a row per class or method, with a bar, an interval and columns of numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from reports.colours import FAINT, INK, MUTED, SERIES
from reports.svg import (
    add_canvas,
    drawing,
    inline_svg,
    new_figure,
    text_width,
    wrap,
    write,
)
from reports.tables import is_missing

WIDE, NARROW = 900, 340
LABEL_WIDTH = 300
LINE, PAD = 16, 8
AXIS_HEIGHT = 44
HEAD_HEIGHT = 26
SMALL = 11


@dataclass(frozen=True)
class ForestRow:
    """A row of the plot.

    Attributes:
        label: any text; long ones have several lines.
        value: length of the bar; None or NaN draws none.
        low: lower end of the interval; None without one.
        high: upper end of the interval.
        mark: a second value, drawn as a diamond; None draws none.
        note: text in place of an interval.
        cells: texts of the columns at the right.
        muted: True draws the row in gray.
    """

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    mark: float | None = None
    note: str = ""
    cells: Sequence[str] = ()
    muted: bool = False


@dataclass(frozen=True)
class Forest:
    """A plot.

    Attributes:
        rows: from top to bottom.
        title: title of the axis.
        columns: headings of the columns at the right.
        end: largest value of the axis; None takes the data's.
        start: smallest value of the axis.
        reference: value of a vertical line; None draws none.
    """

    rows: Sequence[ForestRow]
    title: str
    columns: Sequence[str] = ()
    end: float | None = None
    start: float = 0.0
    reference: float | None = None


def draw_forest(name: str, forest: Forest, alternative: str) -> tuple[Markup, Markup]:
    """Return the plot for wide and for narrow windows.

    Args:
        name: unique on the page.
        forest: the plot.
        alternative: text that stands for the figure.
    """
    with drawing():
        return _wide(name, forest, alternative), _narrow(name, forest, alternative)


def _wide(name: str, forest: Forest, alternative: str) -> Markup:
    labels = [wrap(row.label, LABEL_WIDTH) for row in forest.rows]
    left = max(text_width(line) for lines in labels for line in lines) + 14
    widths = [_column_width(forest, c) for c in range(len(forest.columns))]
    right = WIDE - sum(widths) - 16
    heights = [LINE * len(lines) + PAD for lines in labels]
    head = HEAD_HEIGHT if forest.columns else 4
    canvas = _canvas(WIDE, head + sum(heights) + AXIS_HEIGHT)
    scale = _Scale(forest, left, right)
    scale.draw(canvas, head, head + sum(heights))
    edges = [right + 16 + sum(widths[: c + 1]) for c in range(len(widths))]
    for edge, heading in zip(edges, forest.columns, strict=True):
        write(canvas, edge, head - 10, heading, ha="right", color=MUTED, fontsize=SMALL)
    y = float(head)
    for row, lines, height in zip(forest.rows, labels, heights, strict=True):
        middle = y + height / 2
        _write_lines(canvas, left - 12, middle, lines, ha="right", muted=row.muted)
        scale.draw_row(canvas, row, middle)
        for edge, cell in zip(edges, row.cells, strict=False):
            style = {"ha": "right", "va": "center_baseline", "fontsize": SMALL}
            write(canvas, edge, middle, cell, color=MUTED if row.muted else INK, **style)
        y += height
    return inline_svg(canvas.figure, f"{name}-wide", alternative)


def _narrow(name: str, forest: Forest, alternative: str) -> Markup:
    labels = [wrap(row.label, NARROW - 4) for row in forest.rows]
    details = [wrap(_detail(forest, row), NARROW - 4, SMALL) for row in forest.rows]
    heights = []
    for lines, detail in zip(labels, details, strict=True):
        num_lines = len(lines) + (len(detail) if forest.columns else 0)
        heights.append(LINE * num_lines + 26)
    canvas = _canvas(NARROW, 4 + sum(heights) + AXIS_HEIGHT)
    scale = _Scale(forest, 2, NARROW - 14)
    scale.draw(canvas, 4, 4 + sum(heights))
    y = 4.0
    for row, lines, detail, height in zip(forest.rows, labels, details, heights, strict=True):
        top = y + LINE * len(lines) / 2 + 3
        _write_lines(canvas, 2, top, lines, ha="left", muted=row.muted)
        bar = y + LINE * len(lines) + 10
        scale.draw_row(canvas, row, bar)
        if forest.columns:
            middle = bar + 9 + LINE * len(detail) / 2
            _write_lines(canvas, 2, middle, detail, ha="left", muted=True, size=SMALL)
        y += height
    return inline_svg(canvas.figure, f"{name}-narrow", alternative)


class _Scale:
    """The axis of values, from ``left`` to ``right`` in CSS pixels."""

    def __init__(self, forest: Forest, left: float, right: float) -> None:
        self.forest, self.left, self.right = forest, left, right
        values = [0.0]
        for row in forest.rows:
            values += [v for v in (row.value, row.high, row.mark) if not is_missing(v)]
        end = max(values) if forest.end is None else forest.end
        steps = max(2, int((right - left) // 70))
        ticks = MaxNLocator(steps, steps=[1, 2, 2.5, 5, 10]).tick_values(forest.start, end)
        self.ticks = [tick for tick in ticks if forest.start <= tick]
        if forest.end is not None:
            self.ticks = [tick for tick in self.ticks if tick <= end]
        self.end = max(end, self.ticks[-1]) or 1.0

    def place(self, value: float) -> float:
        """Return the x of a value, not beyond the ends of the axis."""
        share = (value - self.forest.start) / (self.end - self.forest.start)
        return self.left + min(max(share, 0), 1) * (self.right - self.left)

    def draw(self, canvas: Axes, top: float, bottom: float) -> None:
        """Draw grid, ticks and title."""
        places = [self.place(tick) for tick in self.ticks]
        canvas.vlines(places, top, bottom, color=FAINT, linewidth=0.8)
        for place, tick in zip(places, self.ticks, strict=True):
            style = {"ha": "center", "va": "top", "color": MUTED, "fontsize": SMALL}
            write(canvas, place, bottom + 4, f"{tick:g}", **style)
        title = {"ha": "left", "va": "top", "color": MUTED, "fontsize": SMALL}
        write(canvas, self.left, bottom + 22, self.forest.title, **title)
        if self.forest.reference is not None:
            place = self.place(self.forest.reference)
            line = {"color": INK, "linewidth": 1, "linestyle": (0, (4, 3))}
            canvas.vlines([place], top, bottom, **line)

    def draw_row(self, canvas: Axes, row: ForestRow, y: float) -> None:
        """Draw bar, interval and mark of a row around ``y``."""
        colour = MUTED if row.muted else SERIES[0]
        if not is_missing(row.value):
            width = self.place(row.value) - self.left
            canvas.barh([y], [width], 10, left=self.left, color=colour, alpha=0.32, linewidth=0)
            x = [self.place(row.value)]
            canvas.vlines(x, y - 5, y + 5, color=colour, linewidth=2)
        if not is_missing(row.low) and not is_missing(row.high):
            ends = self.place(row.low), self.place(row.high)
            canvas.hlines([y], *ends, color=colour, linewidth=1.6)
            canvas.vlines(ends, y - 3, y + 3, color=colour, linewidth=1.6)
        if not is_missing(row.mark):
            style = {"marker": "D", "markersize": 5, "color": SERIES[1], "linestyle": "none"}
            canvas.plot([self.place(row.mark)], [y], **style)
        if row.note:
            self._draw_note(canvas, row, y)

    def _draw_note(self, canvas: Axes, row: ForestRow, y: float) -> None:
        values = [v for v in (row.value, row.high, row.mark) if not is_missing(v)]
        x = self.place(max(values, default=self.forest.start)) + 10
        style = {"va": "center_baseline", "color": MUTED, "fontsize": SMALL - 1, "ha": "left"}
        if x + text_width(row.note, SMALL - 1) > self.right:
            values = [v for v in (row.value, row.mark) if not is_missing(v)]
            x = self.place(min(values)) - 10
            style["ha"] = "right"
        write(canvas, x, y, row.note, **style)


def _canvas(width: float, height: float) -> Axes:
    return add_canvas(new_figure(width, height))


def _column_width(forest: Forest, index: int) -> float:
    texts = [row.cells[index] for row in forest.rows if index < len(row.cells)]
    return max(text_width(text, SMALL) for text in (*texts, forest.columns[index])) + 14


def _detail(forest: Forest, row: ForestRow) -> str:
    """Return the columns of a row as one line."""
    parts = []
    for heading, cell in zip(forest.columns, row.cells, strict=False):
        parts.append(f"{heading} {cell}")
    return " · ".join(parts)


def _write_lines(
    canvas: Axes,
    x: float,
    middle: float,
    lines: Sequence[str],
    *,
    ha: str,
    muted: bool,
    size: float = 12,
) -> None:
    """Write lines around ``middle``, each a text of its own: other fonts are narrower."""
    first = middle - LINE * (len(lines) - 1) / 2
    for i, line in enumerate(lines):
        style = {"ha": ha, "va": "center_baseline", "fontsize": size}
        write(canvas, x, first + i * LINE, line, color=MUTED if muted else INK, **style)
