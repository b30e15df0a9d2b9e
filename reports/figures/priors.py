"""Shares of positives: a row per class, a marker per split, on a logarithmic axis."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports.canvas import Canvas
from reports.colours import MUTED, SURFACE, series
from reports.figures.rows import RowAxis, draw_rows
from reports.tables import is_missing

SYMBOLS = {"o": "\u25cf", "s": "\u25a0", "D": "\u25c6"}  # marker of matplotlib -> character
MARKERS = tuple(SYMBOLS)
STEPS = (1, 2, 5)  # ticks within a decade
SMALLEST = 0.01  # percent: the axis starts at a higher power of ten, or here


@dataclass(frozen=True)
class PriorRow:
    """A class.

    Attributes:
        label: its name.
        shares: share of positives per split in percent; None or NaN where it is not known.
        cells: texts of the columns at the right.
    """

    label: str
    shares: Sequence[float | None]
    cells: Sequence[str] = ()


@dataclass(frozen=True)
class Priors:
    """A plot.

    Attributes:
        rows: from top to bottom.
        columns: headings of the columns at the right.
        title: title of the axis.
    """

    rows: Sequence[PriorRow]
    columns: Sequence[str] = ()
    title: str = "share of positives (%), logarithmic axis"


def legend(splits: Sequence[str]) -> str:
    """Return the markers of the splits in words."""
    parts = []
    for marker, split in zip(MARKERS, splits, strict=False):
        parts.append(f"{SYMBOLS[marker]} {split}")
    return ", ".join(parts)


def draw_priors(name: str, priors: Priors, alternative: str) -> tuple[Markup, Markup]:
    """Return the plot for wide and for narrow windows.

    A share of zero is a hollow marker at the left end.

    Args:
        name: unique on the page.
        priors: the plot.
        alternative: text that stands for the figure.
    """
    return draw_rows(name, priors, _Axis, alternative)


class _Axis(RowAxis):
    """Powers of ten of the share in percent."""

    def extent(self) -> tuple[float, float]:
        values = []
        for row in self.plot.rows:
            values += [share for share in row.shares if not is_missing(share) and share > 0]
        low = max(min(values, default=1.0), SMALLEST)
        high = max(max(values, default=100.0), low)
        # A decade at least: a shorter axis has one tick or none, and small differences look large.
        low = min(low, high / 10)
        return math.log10(low) - 0.1, math.log10(high) + 0.05

    def choose_ticks(self, ticks: list[float], start: float, end: float) -> list[float]:
        """Return 1, 2, 5, 10, ... percent, fewer where the axis is long."""
        steps = STEPS if end - start < 2 else STEPS[:1]
        chosen = []
        for power in range(math.floor(start), math.ceil(end) + 1):
            for step in steps:
                tick = power + math.log10(step)
                if start <= tick <= end:
                    chosen.append(tick)
        return chosen

    def ends(self, start: float, end: float) -> tuple[float, float]:
        return start, end

    def tick_text(self, tick: float) -> str:
        return f"{10**tick:.3g}"

    def draw_row(self, canvas: Canvas, row: PriorRow, y: float, top: float, bottom: float) -> None:
        places = []
        for index, share in enumerate(row.shares):
            if not is_missing(share):
                place = self.left if share == 0 else self.place(math.log10(share))
                places.append((index, share, place))
        if not places:
            return
        xs = [place for _, _, place in places]
        canvas.segments([((min(xs), y), (max(xs), y))], color=MUTED, width=1)
        for index, share, place in reversed(places):
            style = {"marker": MARKERS[index % len(MARKERS)], "markersize": 6.5}
            style |= {"color": series(index), "markeredgewidth": 1.4}
            if share == 0:
                style["markerfacecolor"] = SURFACE
            canvas.marker(place, y, **style)
