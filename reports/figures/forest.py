"""Forest plot: a row per class or method, with a bar, an interval and columns of numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports.canvas import Canvas
from reports.colours import INK, MUTED, SERIES
from reports.figures.rows import SMALL, RowAxis, draw_rows
from reports.svg import text_width
from reports.tables import is_missing


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
        reference: value of a vertical line; None draws none.
    """

    rows: Sequence[ForestRow]
    title: str
    columns: Sequence[str] = ()
    end: float | None = None
    reference: float | None = None


def draw_forest(name: str, forest: Forest, alternative: str) -> tuple[Markup, Markup]:
    """Return the plot for wide and for narrow windows.

    Args:
        name: unique on the page.
        forest: the plot.
        alternative: text that stands for the figure.
    """
    return draw_rows(name, forest, _Axis, alternative)


class _Axis(RowAxis):
    """Bars from the start of the axis, with interval, mark and note."""

    def extent(self) -> tuple[float, float]:
        if self.plot.end is not None:
            return 0.0, self.plot.end
        values = [0.0]
        for row in self.plot.rows:
            values += _known(row.value, row.high, row.mark)
        return 0.0, max(values)

    def choose_ticks(self, ticks: list[float], start: float, end: float) -> list[float]:
        if self.plot.end is not None:
            ticks = [tick for tick in ticks if tick <= end]
        return ticks

    def ends(self, start: float, end: float) -> tuple[float, float]:
        return start, max(end, self.ticks[-1]) or 1.0

    def label_style(self, row: ForestRow) -> dict[str, str]:
        if row.muted:
            return {"color": MUTED}
        return {"fontweight": "bold"} if row.own else {}

    def cell_colour(self, row: ForestRow) -> str:
        return MUTED if row.muted else INK

    def draw_row(self, canvas: Canvas, row: ForestRow, y: float, top: float, bottom: float) -> None:
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
        if not is_missing(self.plot.reference):
            x = self.place(self.plot.reference)
            style = {"color": INK, "linewidth": 1, "linestyle": (0, (4, 3))}
            canvas.curve([(x, top), (x, bottom)], **style)

    def _draw_note(self, canvas: Canvas, row: ForestRow, y: float) -> None:
        values = _known(row.value, row.high, row.mark)
        x = self.place(max(values, default=self.start)) + 10
        style = {"color": MUTED, "fontsize": SMALL - 1, "ha": "left"}
        if x + text_width(row.note, SMALL - 1) > self.right:
            x = self.place(min(_known(row.value, row.mark))) - 10
            style["ha"] = "right"
        canvas.text(x, y, row.note, **style)


def _known(*values: float | None) -> list[float]:
    return [value for value in values if not is_missing(value)]
