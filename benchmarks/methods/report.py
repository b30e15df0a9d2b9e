"""Markdown tables and the picture of a comparison."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.methods.statistics import Summary

METRICS = {
    "mAP": "mAP",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "samples_f1": "samples F1",
    "top1_accuracy": "first guess right",
}
_BLUE, _GREY = "#2f6f9f", "#6b6b6b"


def markdown_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], align_right_from: int = 1
) -> str:
    """Return a Markdown table whose columns are also aligned in the source.

    Args:
        header: names of the columns.
        rows: cells of each row.
        align_right_from: index of the first column that is shown right-aligned.
    """
    widths = []
    for column in zip(header, *rows, strict=True):
        widths.append(max(map(len, column)))
    rule = []
    for index, width in enumerate(widths):
        rule.append("-" * width if index < align_right_from else "-" * (width - 1) + ":")
    lines = []
    for row in [header, rule, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def spread(summary: Summary) -> str:
    """Return ``mean ± std``."""
    return f"{summary.mean:.1f} ± {summary.std:.1f}"


def interval(summary: Summary) -> str:
    """Return ``[low, high]``."""
    return f"[{summary.low:.1f}, {summary.high:.1f}]"


def difference(summary: Summary) -> str:
    """Return the mean with its sign and interval; add "not resolved" where zero is inside."""
    text = f"{summary.mean:+.1f} [{summary.low:+.1f}, {summary.high:+.1f}]"
    return text if summary.resolved else f"{text}, not resolved"


def draw_picture(
    path: Path,
    labels: Sequence[str],
    values: Sequence[np.ndarray],
    summaries: Sequence[Summary],
    chance: float,
) -> None:
    """Draw one row per method, the first on top: each run as a dot, and the mean with its interval.

    Args:
        path: file; its ending decides the format. Equal results give an equal file.
        labels: name of each method.
        values: results of each method in percent, ``(splits, seeds)``.
        summaries: of ``values``.
        chance: result of random scores, drawn as a vertical line.
    """
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "comparison"  # identifiers in the file are not random
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8.5, 0.36 * len(labels) + 1.2), layout="constrained")
    rng = np.random.default_rng(0)
    for row, (points, summary) in enumerate(zip(values, summaries, strict=True)):
        height = row + rng.uniform(-0.16, 0.16, points.size)
        axes.scatter(points.ravel(), height, s=9, color=_BLUE, alpha=0.35, linewidths=0)
        _draw_summary(axes, row, summary)
    axes.axvline(chance, color=_GREY, linestyle=":", linewidth=1)
    axes.text(chance, -0.75, " chance", color=_GREY, fontsize=8, va="center")
    _set_axes(axes, labels)
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"Date": None} if path.suffix == ".svg" else None
    figure.savefig(path, dpi=130, metadata=metadata)
    plt.close(figure)


def _draw_summary(axes: Any, row: int, summary: Summary) -> None:
    """Draw interval and mean, and write the mean at the right of the picture."""
    axes.plot([summary.low, summary.high], [row, row], color="black", linewidth=1.6)
    axes.plot(summary.mean, row, "D", color="black", markersize=4.5)
    text = f"{summary.mean:.1f}"
    place = axes.get_yaxis_transform()  # x in widths of the axes, y a row
    axes.text(1.01, row, text, va="center", fontsize=9, transform=place)


def _set_axes(axes: Any, labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), labels, fontsize=9)
    axes.set_ylim(len(labels) - 0.5, -1.1)
    axes.set_xlabel("test mAP (%): dots are runs, bars 95 % bootstrap intervals of the mean")
    axes.grid(axis="x", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
