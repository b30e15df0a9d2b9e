"""Forest plot: a row per class or method, with a bar, an interval and columns of numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from reports.canvas import Canvas
from reports.colours import INK, MUTED, SERIES
from reports.svg import LINE_HEIGHT as LINE
from reports.svg import drawing, inline_svg, text_width, wrap
from reports.tables import is_missing

WIDE, NARROW = 900, 340
LABEL_WIDTH = 300
PAD = 8
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
        own: True writes the label in bold.
    """

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    mark: float | None = None
    note: str = ""
    cells: Sequence[str] = ()
    muted: bool = False
    own: bool = False


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
    canvas = Canvas(WIDE, head + sum(heights) + AXIS_HEIGHT)
    scale = _Scale(forest, left, right)
    scale.draw(canvas, head, head + sum(heights))
    edges = [right + 16 + sum(widths[: c + 1]) for c in range(len(widths))]
    for edge, heading in zip(edges, forest.columns, strict=True):
        canvas.text(edge, head - 10, heading, ha="right", color=MUTED, fontsize=SMALL)
    y = float(head)
    for row, lines, height in zip(forest.rows, labels, heights, strict=True):
        middle = y + height / 2
        canvas.lines_of_text(left - 12, middle, lines, ha="right", **_label_style(row))
        scale.draw_row(canvas, row, middle)
        for edge, cell in zip(edges, row.cells, strict=False):
            colour = MUTED if row.muted else INK
            canvas.text(edge, middle, cell, ha="right", color=colour, fontsize=SMALL)
        y += height
    scale.draw_reference(canvas, head, y)
    return inline_svg(canvas.figure, f"{name}-wide", alternative)


def _narrow(name: str, forest: Forest, alternative: str) -> Markup:
    labels = [wrap(row.label, NARROW - 4) for row in forest.rows]
    details = [wrap(_detail(forest, row), NARROW - 4, SMALL) for row in forest.rows]
    heights = []
    for lines, detail in zip(labels, details, strict=True):
        num_lines = len(lines) + (len(detail) if forest.columns else 0)
        heights.append(LINE * num_lines + 26)
    canvas = Canvas(NARROW, 4 + sum(heights) + AXIS_HEIGHT)
    scale = _Scale(forest, 2, NARROW - 14)
    scale.draw(canvas, 4, 4 + sum(heights))
    y = 4.0
    for row, lines, detail, height in zip(forest.rows, labels, details, heights, strict=True):
        top = y + LINE * len(lines) / 2 + 3
        canvas.lines_of_text(2, top, lines, **_label_style(row))
        bar = y + LINE * len(lines) + 10
        scale.draw_row(canvas, row, bar)
        if forest.columns:
            middle = bar + 9 + LINE * len(detail) / 2
            canvas.lines_of_text(2, middle, detail, color=MUTED, fontsize=SMALL)
        y += height
    scale.draw_reference(canvas, 4, y)
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

    def draw(self, canvas: Canvas, top: float, bottom: float) -> None:
        """Draw grid, ticks and title."""
        places = [self.place(tick) for tick in self.ticks]
        canvas.segments([((x, top), (x, bottom)) for x in places])
        for place, tick in zip(places, self.ticks, strict=True):
            style = {"ha": "center", "color": MUTED, "fontsize": SMALL}
            canvas.text(place, bottom + 12, f"{tick:g}", **style)
        canvas.text(self.left, bottom + 30, self.forest.title, color=MUTED, fontsize=SMALL)

    def draw_reference(self, canvas: Canvas, top: float, bottom: float) -> None:
        """Draw the vertical line at the reference, if there is one."""
        if self.forest.reference is not None:
            x = self.place(self.forest.reference)
            style = {"color": INK, "linewidth": 1, "linestyle": (0, (4, 3))}
            canvas.curve([(x, top), (x, bottom)], **style)

    def draw_row(self, canvas: Canvas, row: ForestRow, y: float) -> None:
        """Draw bar, interval and mark of a row around ``y``."""
        colour = MUTED if row.muted else SERIES[0]
        if not is_missing(row.value):
            x = self.place(row.value)
            canvas.boxes([(self.left, y - 5, x - self.left, 10)], color=colour, alpha=0.3)
            canvas.boxes([(x - 1, y - 5, 2, 10)], color=colour)
        if not is_missing(row.low) and not is_missing(row.high):
            low, high = self.place(row.low), self.place(row.high)
            ends = [((x, y - 3), (x, y + 3)) for x in (low, high)]
            canvas.segments([((low, y), (high, y)), *ends], color=colour, width=1.6)
        if not is_missing(row.mark):
            canvas.marker(self.place(row.mark), y, marker="D", markersize=5, color=SERIES[1])
        if row.note:
            self._draw_note(canvas, row, y)

    def _draw_note(self, canvas: Canvas, row: ForestRow, y: float) -> None:
        values = [v for v in (row.value, row.high, row.mark) if not is_missing(v)]
        x = self.place(max(values, default=self.forest.start)) + 10
        style = {"color": MUTED, "fontsize": SMALL - 1, "ha": "left"}
        if x + text_width(row.note, SMALL - 1) > self.right:
            values = [v for v in (row.value, row.mark) if not is_missing(v)]
            x = self.place(min(values)) - 10
            style["ha"] = "right"
        canvas.text(x, y, row.note, **style)


def _label_style(row: ForestRow) -> dict[str, str]:
    if row.muted:
        return {"color": MUTED}
    return {"fontweight": "bold"} if row.own else {}


def _column_width(forest: Forest, index: int) -> float:
    texts = [row.cells[index] for row in forest.rows if index < len(row.cells)]
    return max(text_width(text, SMALL) for text in (*texts, forest.columns[index])) + 14


def _detail(forest: Forest, row: ForestRow) -> str:
    """Return the columns of a row as one line."""
    parts = []
    for heading, cell in zip(forest.columns, row.cells, strict=False):
        parts.append(f"{heading} {cell}")
    return " · ".join(parts)
