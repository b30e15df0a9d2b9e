"""The metrics of the Intentonomy benchmark (Jia et al., CVPR 2021) and the rows per class.

F1 is computed at one threshold for all classes, tuned on val, and at a fixed 0.5 beside it. It is
also reported for the subsets of classes and, after max-pooling, for the levels of the hierarchy.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .calibration import class_calibration_errors
from .metrics import mean_without_nan
from .scored import Scored
from .table import metric


@metric("mAP", per_level=True)
def mean_ap(split: Scored) -> float:
    """Return the mean average precision over the classes that have a positive."""
    return mean_without_nan(split.ap)


@metric("macro_f1", at_fixed=True, per_subset=True, per_level=True)
def macro_f1(split: Scored) -> float:
    """Return the mean F1 over the classes that have a positive."""
    return split.f1["macro"]


@metric("micro_f1", at_fixed=True, per_level=True)
def micro_f1(split: Scored) -> float:
    """Return the F1 of all entries together."""
    return split.f1["micro"]


@metric("samples_f1", at_fixed=True, per_level=True)
def samples_f1(split: Scored) -> float:
    """Return the mean F1 over the images."""
    return split.f1["samples"]


@metric("mean", at_fixed=True)
def mean_of_four(split: Scored) -> float:
    """Return the mean of mAP and the three F1, by which the published recipe selects epochs."""
    return float(np.mean([mean_ap(split), macro_f1(split), micro_f1(split), samples_f1(split)]))


def per_class_rows(split: Scored, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return one row per class.

    The columns are ``class``, ``name``, ``ap``, ``ap_interp``, ``f1``, ``f1@0.5``, ``auc``,
    ``ece`` and ``num_pos``. Metrics are in percent, and NaN for a class without a positive; ``ece``
    is NaN under 20 positives.

    Args:
        split: scores, labels and decisions ``(N, C)``.
        names: names of the C classes.
    """
    columns = {
        "ap": split.ap,
        "ap_interp": split.ap_interp,
        "f1": split.f1["per_class"],
        "f1@0.5": split.at_fixed.f1["per_class"],
        "auc": split.auc,
        "ece": class_calibration_errors(split.ranked),
    }
    num_pos = (split.labels > 0).sum(axis=0).tolist()
    rows = []
    for c, name in enumerate(names):
        row: dict[str, Any] = {"class": c, "name": name}
        for key, values in columns.items():
            row[key] = 100 * float(values[c]) if num_pos[c] else float("nan")
        row["num_pos"] = num_pos[c]
        rows.append(row)
    return rows
