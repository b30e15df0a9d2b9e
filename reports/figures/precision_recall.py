"""Precision over recall: small multiples per class, and the curve of all entries."""

from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from evaluation.metrics import Array, RankedCounts
from reports.canvas import Canvas
from reports.colours import FAINT, MUTED, SERIES, SURFACE
from reports.svg import add_axes, drawing, inline_svg, new_figure, write

MAX_POINTS = 200
F1_LINES = (0.2, 0.4, 0.6, 0.8)


def curve(scores: Array, labels: Array) -> tuple[Array, Array]:
    """Return recall and precision, from recall 0 to 1, at most ``MAX_POINTS + 1`` points.

    Tied scores count at once. Both are empty without a positive.

    Args:
        scores: ``(N,)``.
        labels: ``(N,)``; entries below 0 are left out.
    """
    counts = RankedCounts.of(scores, labels)
    if not counts.has_positive:
        return np.empty(0), np.empty(0)
    recall, precision = counts.recall, counts.precision
    # A recall keeps its best precision: the points below it are images without the class.
    keep = np.flatnonzero(np.diff(counts.num_hits, prepend=-1))
    if len(keep) > MAX_POINTS:
        keep = keep[np.linspace(0, len(keep) - 1, MAX_POINTS).round().astype(int)]
    recall, precision = recall[keep], precision[keep]
    return np.append(0, recall), np.append(precision[0], precision)


def draw_class_curve(
    name: str,
    points: tuple[Array, Array],
    *,
    chance: float,
    chosen: tuple[float, float] | None,
    alternative: str,
) -> Markup:
    """Return the small curve of one class.

    Args:
        name: unique on the page.
        points: recall and precision of :func:`curve`.
        chance: share of positives, the precision of random scores.
        chosen: recall and precision of the decisions; None without one.
        alternative: text that stands for the figure.
    """
    with drawing():
        canvas = Canvas(170, 112)
        _draw_small_frame(canvas)
        (x, y), (right, bottom) = _small(*points), _small(1, 0)
        corners = _steps(x, y)
        area = [(x[0], bottom), *corners, (right, bottom)]
        canvas.area(area, color=SERIES[0], alpha=0.16)
        level = _small(0, chance)[1]
        dashes = {"color": MUTED, "linewidth": 0.8, "linestyle": (0, (2, 2))}
        canvas.curve([(x[0], level), (right, level)], **dashes)
        canvas.curve(corners, color=SERIES[0], linewidth=1.5)
        if chosen is not None:
            style = {"marker": "o", "markersize": 6, "color": SERIES[1]}
            canvas.marker(*_small(*chosen), markeredgecolor=SURFACE, **style)
        return inline_svg(canvas.figure, name, alternative)


def _small(recall: Any, precision: Any) -> tuple[Any, Any]:
    """Return the place of recall and precision in the small figure."""
    return 25 + 132 * recall, 93 - 85 * precision


def _draw_small_frame(canvas: Canvas) -> None:
    grid = []
    for tick in (0, 0.5, 1):
        x, y = _small(tick, tick)
        grid += [((x, 93), (x, 8)), ((25, y), (157, y))]
        style = {"color": MUTED, "fontsize": 9.5}
        canvas.text(x, 103, f"{100 * tick:.0f}", ha="center", **style)
        canvas.text(21, y, f"{100 * tick:.0f}", ha="right", **style)
    canvas.segments(grid)


def _steps(x: Array, y: Array) -> list[tuple[float, float]]:
    """Return the corners of a curve that holds each value up to its own place."""
    corners = [(x[0], y[0])]
    for i in range(1, len(x)):
        corners += [(x[i - 1], y[i]), (x[i], y[i])]
    return corners


def draw_micro_curve(
    name: str,
    points: tuple[Array, Array],
    *,
    chance: float,
    chosen: tuple[float, float] | None,
    alternative: str,
) -> tuple[Markup, Markup]:
    """Return the curve of all entries together, for wide and narrow windows."""
    with drawing():
        drawn = []
        for width, height in ((620, 380), (340, 300)):
            figure = new_figure(width, height)
            axes = add_axes(figure, left=52, top=10, right=16, bottom=44)
            _draw_frame(axes)
            _draw_f1_lines(axes)
            axes.set_xlabel("recall (%)")
            axes.set_ylabel("precision (%)")
            axes.axhline(chance, color=MUTED, linewidth=1, linestyle=(0, (2, 2)))
            axes.fill_between(*points, color=SERIES[0], alpha=0.12, linewidth=0)
            axes.plot(*points, color=SERIES[0], linewidth=2.2)
            _mark(axes, chosen, size=9)
            drawn.append(inline_svg(figure, f"{name}-{width}", alternative))
        return drawn[0], drawn[1]


def _draw_frame(axes: Axes) -> None:
    axes.set_xlim(0, 1.005)
    axes.set_ylim(0, 1.02)
    ticks = (0, 0.2, 0.4, 0.6, 0.8, 1)
    labels = [f"{100 * tick:.0f}" for tick in ticks]
    axes.set_xticks(ticks, labels)
    axes.set_yticks(ticks, labels)


def _draw_f1_lines(axes: Axes) -> None:
    """Draw the lines of equal F1."""
    for f1 in F1_LINES:
        recall = np.linspace(f1 / (2 - f1), 1, 60)
        precision = f1 * recall / (2 * recall - f1)
        axes.plot(recall, precision, color=FAINT, linewidth=1.2, zorder=1)
        x = 0.985
        y = f1 * x / (2 * x - f1)
        style = {"ha": "right", "va": "bottom", "fontsize": 10, "color": MUTED}
        # The curve may pass here; the box keeps the label readable.
        style["bbox"] = {"facecolor": SURFACE, "edgecolor": "none", "pad": 1, "alpha": 0.85}
        write(axes, x, y + 0.005, f"F1 {100 * f1:.0f}", **style)


def _mark(axes: Axes, chosen: tuple[float, float] | None, *, size: float) -> None:
    if chosen is None:
        return
    style = {"marker": "o", "markersize": size, "color": SERIES[1], "linestyle": "none"}
    axes.plot(*chosen, markeredgecolor=SURFACE, markeredgewidth=1.2, clip_on=False, **style)
