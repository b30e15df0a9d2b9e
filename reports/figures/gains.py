"""Gains around zero: a row per metric or class with point, interval and columns of numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports.canvas import Canvas
from reports.colours import INK, MUTED, SERIES, SURFACE
from reports.figures.rows import RowAxis, axes_of, draw_rows
from reports.tables import is_missing

WIDEST = 4  # the axis holds intervals up to this many times the median width
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
    return draw_rows(name, gains, _Axis, alternative)


class _Axis(RowAxis):
    """Points with intervals around zero, which is always on the axis."""

    def extent(self) -> tuple[float, float]:
        return extent_of(self.plot.rows)

    def tick_text(self, tick: float) -> str:
        return f"{tick:+g}".replace("-", "\u2212") if abs(tick) > 1e-9 else "0"

    def cell_colour(self, row: GainRow) -> str:
        return INK if row.resolved else MUTED

    def draw_grid(self, canvas: Canvas, top: float, bottom: float) -> None:
        """Draw a line per tick, and a darker one at zero."""
        super().draw_grid(canvas, top, bottom)
        zero = self.place(0.0)
        canvas.segments([((zero, top), (zero, bottom))], color=INK, width=1)

    def draw_row(self, canvas: Canvas, row: GainRow, y: float, top: float, bottom: float) -> None:
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


def cuts_an_interval(gains: Gains) -> tuple[bool, bool]:
    """Return whether the axis of the wide and of the narrow form is too short for an interval.

    Such an interval ends in an arrow.
    """
    wide, narrow = axes_of(gains, _Axis)
    return _cuts(gains, wide), _cuts(gains, narrow)


def _cuts(gains: Gains, axis: RowAxis) -> bool:
    for row in gains.rows:
        if is_missing(row.value) or is_missing(row.low) or is_missing(row.high):
            continue
        if row.low < axis.start or row.high > axis.end:
            return True
    return False


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
