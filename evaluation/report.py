"""Results on disk and as text: metrics.json, the table per class, the table of splits."""

import csv
import json
import math
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

MAIN_METRICS = ("mAP", "macro_f1", "micro_f1", "samples_f1", "mean", "threshold")


def write_metrics(path: str | Path, metrics: Mapping[str, Any]) -> None:
    """Write ``metrics`` as JSON in their order, atomically; NaN and infinity, which JSON lacks, become null."""
    text = json.dumps(_plain(metrics), indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    _write_atomically(path, lambda file: file.write(text))


def write_per_class(path: str | Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows of ``per_class_rows`` as CSV, atomically; NaN becomes an empty cell."""

    def write(file: TextIO) -> None:
        writer = csv.DictWriter(
            file, fieldnames=list(rows[0]) if rows else ["class", "name"], lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(
            {key: "" if value is None else value for key, value in _plain(row).items()}
            for row in rows
        )

    _write_atomically(path, write)


def write_predictions(
    path: str | Path,
    *,
    impaths: Sequence[str],
    names: Sequence[str],
    scores: np.ndarray,
    labels: np.ndarray,
    threshold: float,
) -> None:
    """Write one CSV row per image, atomically: path, true and predicted class names (``;`` between), all scores.

    ``scores`` and ``labels`` are ``(N, C)``; predicted is what scores above ``threshold``, or the best class.
    """

    def write(file: TextIO) -> None:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image", "true", "predicted", *names])
        for impath, score, label in zip(impaths, scores, labels, strict=True):
            above = np.flatnonzero(score > threshold)
            predicted = above if len(above) else [int(score.argmax())]
            chosen = (
                ";".join(names[c] for c in group)
                for group in (np.flatnonzero(label > 0), predicted)
            )
            writer.writerow([impath, *chosen, *(f"{value:.4f}" for value in score)])

    _write_atomically(path, write)


def format_table(
    metrics_by_split: Mapping[str, Mapping[str, float]], *, rows: str = "split"
) -> str:
    """Return a text table, a row per split and a column per main metric; one that is missing shows as ``-``."""
    header = [rows, *MAIN_METRICS]
    body = [
        [split, *(_cell(metrics.get(m)) for m in MAIN_METRICS)]
        for split, metrics in metrics_by_split.items()
    ]
    widths = [max(len(row[i]) for row in [header, *body]) for i in range(len(header))]
    lines = [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in [header, *body]
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _cell(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.2f}"


def _plain(value: Any) -> Any:
    """Return ``value`` with NumPy scalars as Python's and non-finite floats as None."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write_atomically(path: str | Path, write: Callable[[TextIO], Any]) -> None:
    """Write a file beside ``path`` and rename it, so that a reader never sees half of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            write(file)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp's own mode shuts out everyone else
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
