"""The table in Markdown and the picture of a comparison."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.methods.statistics import Summary

METRICS = {"mAP": "mAP", "macro_f1": "macro F1", "micro_f1": "micro F1", "samples_f1": "samples F1"}
_BLUE, _GREY = "#2f6f9f", "#6b6b6b"


def markdown_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], align_right_from: int = 1
) -> str:
    """Return a Markdown table with aligned source columns."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    rule = ["-" * w if i < align_right_from else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    lines = [
        [cell.ljust(w) for cell, w in zip(row, widths, strict=True)] for row in [header, *rows]
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], rule, *lines[1:]])


def spread(summary: Summary) -> str:
    """Return ``mean ± std``."""
    return f"{summary.mean:.1f} ± {summary.std:.1f}"


def interval(summary: Summary) -> str:
    """Return ``[low, high]``."""
    return f"[{summary.low:.1f}, {summary.high:.1f}]"


def difference(summary: Summary) -> str:
    """Return a signed mean with its interval; what may be zero says so."""
    text = f"{summary.mean:+.1f} [{summary.low:+.1f}, {summary.high:+.1f}]"
    return text if summary.resolved else f"{text}, not resolved"


def draw_picture(
    path: Path,
    labels: Sequence[str],
    values: Sequence[np.ndarray],
    summaries: Sequence[Summary],
    chance: float,
) -> None:
    """Draw every run as a dot, means with intervals, and chance, one row per method, first on top."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "comparison"  # the same results give the same file
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8.5, 0.36 * len(labels) + 1.2), layout="constrained")
    rng = np.random.default_rng(0)
    for row, (points, summary) in enumerate(zip(values, summaries, strict=True)):
        height = row + rng.uniform(-0.16, 0.16, points.size)
        axes.scatter(points.ravel(), height, s=9, color=_BLUE, alpha=0.35, linewidths=0)
        axes.plot([summary.low, summary.high], [row, row], color="black", linewidth=1.6)
        axes.plot(summary.mean, row, "D", color="black", markersize=4.5)
        axes.text(
            1.01,
            row,
            f"{summary.mean:.1f}",
            va="center",
            fontsize=9,
            transform=axes.get_yaxis_transform(),
        )
    axes.axvline(chance, color=_GREY, linestyle=":", linewidth=1)
    axes.text(chance, -0.75, " chance", color=_GREY, fontsize=8, va="center")
    axes.set_yticks(range(len(labels)), labels, fontsize=9)
    axes.set_ylim(len(labels) - 0.5, -1.1)
    axes.set_xlabel("test mAP (%): dots are runs, bars 95 % bootstrap intervals of the mean")
    axes.grid(axis="x", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"Date": None} if path.suffix == ".svg" else None
    figure.savefig(path, dpi=130, metadata=metadata)
    plt.close(figure)
