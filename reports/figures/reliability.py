"""Reliability: the share of positives among entries of similar scores."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from evaluation.metrics import Array
from evaluation.uncertainty.intervals import Z
from reports.colours import MUTED, SERIES, SURFACE
from reports.svg import add_axes, drawing, inline_svg, new_figure, write

NUM_EQUAL_WIDTH = 10


@dataclass(frozen=True, eq=False)
class Bins:
    """Mean score, share of positives and number of entries of each bin, ``(bins,)`` each."""

    score: Array
    share: Array
    count: Array


def equal_width(scores: Array, positive: Array) -> Bins:
    """Return bins of equal width from 0 to 1 that have entries, for entries ``(n,)``."""
    place = np.minimum((scores * NUM_EQUAL_WIDTH).astype(int), NUM_EQUAL_WIDTH - 1)
    parts = [np.flatnonzero(place == i) for i in np.unique(place)]
    mean = np.array([scores[part].mean() for part in parts])
    share = np.array([positive[part].mean() for part in parts])
    return Bins(mean, share, np.array([len(part) for part in parts]))


def draw_reliability(name: str, mass: Bins, width: Bins, alternative: str) -> tuple[Markup, Markup]:
    """Return the curve for wide and narrow windows.

    Args:
        name: unique on the page.
        mass: bins of equal mass, filled points.
        width: bins of equal width, open points.
        alternative: text that stands for the figure.
    """
    with drawing():
        drawn = []
        for size, height in ((560, 400), (340, 330)):
            figure = new_figure(size, height)
            axes = add_axes(figure, left=52, top=34, right=16, bottom=44)
            axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
            write(axes, 0.8, 0.83, "calibrated", ha="right", color=MUTED, fontsize=11)
            _draw_open(axes, width)
            style = {"marker": "o", "markersize": 6.5, "linewidth": 1.6, "color": SERIES[0]}
            # A share of 100 % lies on the edge: its marker is drawn whole.
            style |= {"markeredgecolor": SURFACE, "clip_on": False, "label": "bins of equal mass"}
            axes.plot(mass.score, mass.share, **style)
            axes.legend(
                loc="lower left",
                bbox_to_anchor=(-0.02, 1.0),
                ncols=2,
                frameon=False,
                fontsize=11,
                handlelength=1.6,
                columnspacing=1.4,
            )
            axes.set_xlim(0, 1)
            axes.set_ylim(0, 1)
            ticks = (0, 0.2, 0.4, 0.6, 0.8, 1)
            axes.set_xticks(ticks, [f"{100 * tick:.0f}" for tick in ticks])
            axes.set_yticks(ticks, [f"{100 * tick:.0f}" for tick in ticks])
            axes.set_xlabel("mean score (%)")
            axes.set_ylabel("share of positives (%)")
            drawn.append(inline_svg(figure, f"{name}-{size}", alternative))
        return drawn[0], drawn[1]


def _draw_open(axes, bins: Bins) -> None:
    """Draw points with the interval of a share (Wilson, 1927)."""
    centre = (bins.share + Z**2 / (2 * bins.count)) / (1 + Z**2 / bins.count)
    spread = bins.share * (1 - bins.share) / bins.count + Z**2 / (4 * bins.count**2)
    half = Z * np.sqrt(spread) / (1 + Z**2 / bins.count)
    axes.vlines(bins.score, centre - half, centre + half, color=SERIES[3], linewidth=1.4)
    style = {"marker": "s", "markersize": 5.5, "linestyle": "none", "color": SERIES[3]}
    style |= {"clip_on": False, "label": "bins of equal width"}
    axes.plot(bins.score, bins.share, markerfacecolor=SURFACE, markeredgewidth=1.5, **style)
