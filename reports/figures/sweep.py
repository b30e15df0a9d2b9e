"""F1 over the threshold, with the chosen point."""

from collections.abc import Mapping

import numpy as np
from markupsafe import Markup

from evaluation.metrics import Array, f1_of_counts
from evaluation.threshold_counts import threshold_counts
from reports.colours import INK, SERIES, SURFACE
from reports.labels import LABELS
from reports.svg import add_axes, drawing, inline_svg, new_figure, write

GRID = np.arange(1, 100) / 100


def sweep(scores: Array, labels: Array) -> dict[str, Array]:
    """Return macro, micro and samples F1 in percent at each threshold of ``GRID``, ``(T,)`` each.

    Classes without a positive are left out of
    macro F1, and images without a known label of samples F1.

    Args:
        scores: ``(N, C)`` probabilities.
        labels: ``(N, C)``; -1 is unknown.
    """
    of_classes = threshold_counts(scores, labels, GRID)  # (3, C, T)
    of_images = threshold_counts(scores.T, labels.T, GRID)  # (3, N, T)
    present, judged = (labels > 0).any(axis=0), (labels >= 0).any(axis=1)
    return {
        "macro_f1": 100 * _mean(f1_of_counts(of_classes)[present]),
        "micro_f1": 100 * f1_of_counts(of_classes.sum(axis=1)),
        "samples_f1": 100 * _mean(f1_of_counts(of_images)[judged]),
    }


def _mean(values: Array) -> Array:
    return values.mean(axis=0) if len(values) else np.full(len(GRID), np.nan)


def draw_sweep(
    name: str,
    curves: Mapping[str, Array],
    *,
    split: str,
    val: Array | None,
    chosen: float | None,
    chosen_name: str = "chosen",
    alternative: str,
) -> tuple[Markup, Markup]:
    """Return the curves for wide and narrow windows.

    Args:
        name: unique on the page.
        curves: result of :func:`sweep` on the final split.
        split: name of the final split.
        val: macro F1 on val, on which the threshold is chosen; None without val.
        chosen: the threshold of the rule; None if the rule has no single one.
        chosen_name: how it came about, in a word.
        alternative: text that stands for the figure.
    """
    with drawing():
        drawn = []
        for width, height in ((780, 330), (340, 320)):
            figure = new_figure(width, height)
            axes = add_axes(figure, left=48, top=54 if width < 700 else 34, right=12, bottom=44)
            for i, (metric, values) in enumerate(curves.items()):
                axes.plot(GRID, values, color=SERIES[i], label=f"{LABELS[metric]}, {split}")
            if val is not None:
                style = {"linestyle": (0, (4, 2)), "linewidth": 1.4}
                axes.plot(GRID, val, color=SERIES[0], label="macro F1, val", **style)
            if chosen is not None:
                _draw_chosen(axes, curves, chosen, chosen_name)
            axes.set_xlim(0, 1)
            axes.set_ylim(bottom=0)
            axes.set_xlabel("threshold")
            axes.set_ylabel("F1 (%)")
            columns = 4 if width > 700 else 2
            axes.legend(
                loc="lower left",
                bbox_to_anchor=(-0.02, 1.0),
                ncols=columns,
                frameon=False,
                fontsize=11,
                handlelength=1.6,
                columnspacing=1.4,
            )
            drawn.append(inline_svg(figure, f"{name}-{width}", alternative))
        return drawn[0], drawn[1]


def _draw_chosen(axes, curves: Mapping[str, Array], chosen: float, name: str) -> None:
    axes.axvline(chosen, color=INK, linewidth=1, linestyle=(0, (2, 2)))
    for i, values in enumerate(curves.values()):
        y = np.interp(chosen, GRID, values)
        style = {"marker": "o", "markersize": 7, "color": SERIES[i], "linestyle": "none"}
        axes.plot([chosen], [y], markeredgecolor=SURFACE, markeredgewidth=1.2, **style)
    side = "left" if chosen < 0.7 else "right"
    shift = 0.012 if side == "left" else -0.012
    write(axes, chosen + shift, 1.5, f"{name}: {chosen:g}", ha=side, va="bottom", fontsize=11)
