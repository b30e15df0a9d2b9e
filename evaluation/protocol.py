"""The evaluation protocol of Intentonomy (Jia et al., CVPR 2021): one threshold for all classes, tuned on val.

N: images, C: classes, G: groups of a level of the hierarchy.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core.errors import UserError

from .metrics import Array, average_precision, f1_scores, mean_average_precision, mean_or_nan

THRESHOLDS = np.arange(1, 20) / 20  # 0.05, 0.10, ..., 0.95
FIXED_THRESHOLD = 0.5  # reported beside the tuned one, as part of the literature uses it
F1_NAMES = ("macro_f1", "micro_f1", "samples_f1")

Subsets = Mapping[str, Sequence[int]]  # subset name -> class indices
Levels = Mapping[str, Mapping[str, Sequence[int]]]  # level name -> group name -> class indices


def best_threshold(scores: Array, labels: Array) -> float:
    """Return the threshold of the grid with the best macro F1 (``score > threshold``), the first of equals.

    Args:
        scores: ``(N, C)`` probabilities.
        labels: ``(N, C)``.
    """
    if not (np.asarray(labels) > 0).any():
        raise UserError(
            "a threshold cannot be tuned: no class has a positive label in val; see DATASET.LABEL_POLICY"
        )
    macro = [f1_scores(scores > t, labels)["macro"] for t in THRESHOLDS]
    return float(THRESHOLDS[int(np.argmax(macro))])


def evaluate_protocol(
    scores: Array,
    labels: Array,
    *,
    threshold: float,
    subsets: Subsets | None = None,
    levels: Levels | None = None,
) -> dict[str, float]:
    """Return all metrics in percent (``threshold`` as it is), under stable names and in the order of `metric_names`.

    ``mean`` is the mean of mAP and the three F1 scores, which the published recipe selects epochs by. A metric over
    classes none of which has a positive is NaN.

    Args:
        scores: ``(N, C)`` probabilities.
        labels: ``(N, C)``, above 0 positive, 0 negative, -1 unknown.
        threshold: that of the F1 scores; the levels use it too.
        subsets: class indices of each subset, for its macro F1.
        levels: groups of each level; scores and labels are max-pooled over a group's members.
    """
    scores, labels = np.asarray(scores, dtype=np.float64), np.asarray(labels)
    mean_ap = mean_average_precision(scores, labels)
    tuned = f1_scores(scores > threshold, labels)
    fixed = f1_scores(scores > FIXED_THRESHOLD, labels)
    result = {
        "mAP": mean_ap,
        **_averages(tuned),
        "mean": _selection_mean(mean_ap, tuned),
        "threshold": threshold,
    }
    result |= {f"{name}@0.5": value for name, value in _averages(fixed).items()}
    result["mean@0.5"] = _selection_mean(mean_ap, fixed)
    for name, members in (subsets or {}).items():
        kept = [c for c in members if c not in tuned["absent"]]
        result[f"macro_f1/{name}"] = mean_or_nan(tuned["per_class"][kept])
    for name, groups in (levels or {}).items():
        result |= _level_metrics(scores, labels, threshold, name, groups)
    return {name: 100 * float(value) for name, value in result.items()} | {
        "threshold": float(threshold)
    }


def metric_names(subsets: Subsets | None = None, levels: Levels | None = None) -> list[str]:
    """Return the names that :func:`evaluate_protocol` reports for these groups, in its order."""
    names = ["mAP", *F1_NAMES, "mean", "threshold", *(f"{n}@0.5" for n in (*F1_NAMES, "mean"))]
    names += [f"macro_f1/{name}" for name in subsets or {}]
    return names + [f"{metric}/{name}" for name in levels or {} for metric in ("mAP", *F1_NAMES)]


def per_class_rows(
    scores: Array, labels: Array, *, threshold: float, names: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Return one row per class: ``class``, ``name``, ``ap``, ``f1``, ``f1@0.5`` (percent) and ``num_pos``.

    AP and F1 of a class with no positive are NaN.
    """
    scores, labels = np.asarray(scores, dtype=np.float64), np.asarray(labels)
    num_pos = (labels > 0).sum(axis=0)
    columns = {
        "ap": average_precision(scores, labels),
        "f1": f1_scores(scores > threshold, labels)["per_class"],
        "f1@0.5": f1_scores(scores > FIXED_THRESHOLD, labels)["per_class"],
    }
    rows = []
    for c, count in enumerate(num_pos.tolist()):
        values = {
            key: 100 * float(column[c]) if count else float("nan")
            for key, column in columns.items()
        }
        rows.append({"class": c, "name": names[c] if names else str(c), **values, "num_pos": count})
    return rows


def pool_groups(
    scores: Array, labels: Array, groups: Mapping[str, Sequence[int]]
) -> tuple[Array, Array]:
    """Return scores and labels max-pooled over the members of each group, both ``(N, G)``.

    A group is positive where any member is; otherwise unknown where any member is, as that one might be positive.
    """
    pooled_scores = np.stack([scores[:, list(m)].max(axis=1) for m in groups.values()], axis=1)
    positive = np.stack([(labels[:, list(m)] > 0).any(axis=1) for m in groups.values()], axis=1)
    unknown = np.stack([(labels[:, list(m)] < 0).any(axis=1) for m in groups.values()], axis=1)
    return pooled_scores, np.where(positive, 1, np.where(unknown, -1, 0))


def _level_metrics(
    scores: Array, labels: Array, threshold: float, name: str, groups: Mapping[str, Sequence[int]]
) -> dict[str, float]:
    scores, labels = pool_groups(scores, labels, groups)
    values = {
        "mAP": mean_average_precision(scores, labels),
        **_averages(f1_scores(scores > threshold, labels)),
    }
    return {f"{metric}/{name}": value for metric, value in values.items()}


def _averages(f1: Mapping[str, Any]) -> dict[str, float]:
    return {name: f1[name.removesuffix("_f1")] for name in F1_NAMES}


def _selection_mean(mean_ap: float, f1: Mapping[str, Any]) -> float:
    return float(np.mean([mean_ap, f1["macro"], f1["micro"], f1["samples"]]))
