"""Results on disk and as text: metrics.json, the CSV files, the table of splits."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.files import write_atomically, write_text

from .evaluated import EvaluatedSplit
from .table import METRICS

MISSING = "-"  # in tables of plain text


def write_metrics(path: str | Path, metrics: Mapping[str, Any]) -> None:
    """Write ``metrics`` as JSON in their order, atomically.

    NaN and infinity, which JSON does not have, become null.

    Raises:
        OSError: the file cannot be written.
    """
    text = json.dumps(_plain(metrics), indent=2, allow_nan=False, ensure_ascii=False)
    write_text(path, text + "\n")


def write_per_class(path: str | Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows of ``per_class_rows`` as CSV, atomically; NaN becomes an empty cell.

    Raises:
        ValueError: the rows have different keys.
        OSError: the file cannot be written.
    """
    columns = ["class", "name"]
    if rows:
        columns = list(rows[0])
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(_plain(row))
    write_text(path, text.getvalue())


def write_predictions(
    path: str | Path,
    *,
    images: Sequence[str],
    names: Sequence[str],
    scores: np.ndarray,
    labels: np.ndarray,
    pred: np.ndarray,
) -> None:
    """Write one CSV row per image, atomically: name, true and predicted classes, all scores.

    Class names are joined by ``;``. An image without a decided class gets its best class. Scores
    have nine significant digits.

    Args:
        path: file to write.
        images: N image names of the annotation file.
        names: C class names.
        scores: ``(N, C)``.
        labels: ``(N, C)``; above 0 is true.
        pred: ``(N, C)`` bool, decisions of the rule.

    Raises:
        ValueError: the lengths differ.
        OSError: the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "true", "predicted", *names])
    for image, score, label, decided in zip(images, scores, labels, pred, strict=True):
        predicted = np.flatnonzero(decided)
        if not len(predicted):
            predicted = [int(score.argmax())]
        true_names = _join(names, np.flatnonzero(label > 0))
        # Nine digits read float32 back exactly.
        cells = [f"{value:.9g}" for value in score]
        writer.writerow([image, true_names, _join(names, predicted), *cells])
    write_text(path, text.getvalue())


def write_scores(path: str | Path, split: EvaluatedSplit, names: Sequence[str]) -> None:
    """Write scores and labels of a split as ``.npz``, atomically, the same bytes for the same data.

    The arrays are ``scores`` ``(N, C)``, ``labels`` ``(N, C)`` float32, ``images`` ``(N,)`` and
    ``classes`` ``(C,)``. Scores that float32 holds exactly, as those of a network do, are float32,
    others float64.

    Args:
        path: file to write.
        split: result and image names.
        names: C class names.

    Raises:
        OSError: the file cannot be written.
    """
    scores = split.result.scores
    single = scores.astype(np.float32)
    if np.array_equal(single, scores):
        scores = single
    arrays = {
        "scores": scores,
        "labels": split.result.labels.astype(np.float32),
        "images": np.array(split.images, dtype=str),
        "classes": np.array(names, dtype=str),
    }

    def write(temporary: Path) -> None:
        # An open file, because np.savez adds .npz to the name of a path.
        with open(temporary, "wb") as file:
            np.savez_compressed(file, **arrays)

    write_atomically(path, write)


def format_table(
    metrics_by_split: Mapping[str, Mapping[str, float | None]], *, rows: str = "split"
) -> str:
    """Return a text table with a row per split and a column per metric.

    Only metrics of whole splits have a column: not those at the fixed threshold, of a subset or of
    a level. A value that is missing or NaN shows as ``-``.

    Args:
        metrics_by_split: split (or run) -> metrics.
        rows: heading of the first column.
    """
    columns = table_columns(metrics_by_split)
    table = [[rows, *columns]]
    for split, metrics in metrics_by_split.items():
        table.append([split, *map(_cell, map(metrics.get, columns))])
    return align(table, to_right=[False, *(True for _ in columns)])


def table_columns(metrics_by_split: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the names to show: the table of metrics in its order, then all others."""
    found: dict[str, None] = {}  # a set that keeps the order
    for metrics in metrics_by_split.values():
        found.update(dict.fromkeys(metrics))
    columns = []
    for name, entry in METRICS.items():
        if entry.listed and name in found:
            columns.append(name)
    for name in found:
        derived = "@" in name or "/" in name
        if name not in METRICS and not derived:
            columns.append(name)
    return columns


def align(table: Sequence[Sequence[str]], *, to_right: Sequence[bool]) -> str:
    """Return a table as text: columns of equal width, and a line below the heading.

    Args:
        table: the heading, then the rows; a text per column each.
        to_right: True for each column whose texts stand at the right.
    """
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for cells in table:
        padded = []
        for text, width, right in zip(cells, widths, to_right, strict=True):
            padded.append(text.rjust(width) if right else text.ljust(width))
        lines.append("  ".join(padded).rstrip())
    lines.insert(1, "-" * len(lines[0]))
    return "\n".join(lines)


def _join(names: Sequence[str], classes: Sequence[int]) -> str:
    return ";".join(names[c] for c in classes)


def _cell(value: float | None) -> str:
    if value is None or math.isnan(value):
        return MISSING
    return f"{value:.2f}"


def _plain(value: Any) -> Any:
    """Return ``value`` with NumPy scalars as Python's and non-finite floats as None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return list(map(_plain, value))
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
