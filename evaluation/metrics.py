"""Multi-label metrics on NumPy arrays, in float64.

Labels are hard: above 0 is positive, 0 is negative, below 0 (-1) is unknown and counts nowhere.
N: images, C: classes. Values are fractions; the report turns them into percent.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.labels import UNKNOWN

Array = NDArray[Any]

F1_NAMES = ("macro_f1", "micro_f1", "samples_f1")  # of the table of metrics
HEADLINE_METRICS = ("mAP", *F1_NAMES)


@dataclass(frozen=True, eq=False)
class RankedCounts:
    """Images and positives among the best of one class, at each of its T distinct scores.

    Images with equal scores have no order among themselves, so they are counted at once.

    Attributes:
        scores: distinct scores of the known images, ``(T,)``, falling.
        num_seen: images with this score or a larger one, ``(T,)``.
        num_hits: positives among them, ``(T,)``.
    """

    scores: Array
    num_seen: Array
    num_hits: Array

    @classmethod
    def of(cls, scores: Array, labels: Array) -> "RankedCounts":
        """Count the known entries of ``scores`` and ``labels``, both ``(N,)``."""
        known = labels >= 0
        # Two sorts of values take a fifth of the time of one sort of indices.
        rising = np.sort(scores[known].astype(np.float64))
        rising_hits = np.sort(scores[labels > 0].astype(np.float64))
        starts_tie = np.ones(len(rising), dtype=bool)
        starts_tie[1:] = rising[1:] != rising[:-1]
        num_below = np.flatnonzero(starts_tie)
        distinct = rising[num_below]
        hits_below = np.searchsorted(rising_hits, distinct, side="left")
        num_seen = np.float64(len(rising)) - num_below[::-1]
        num_hits = np.float64(len(rising_hits)) - hits_below[::-1]
        return cls(distinct[::-1], num_seen, num_hits)

    @property
    def has_positive(self) -> bool:
        """True if the class has a positive."""
        return bool(len(self.num_hits)) and bool(self.num_hits[-1])

    @property
    def precision(self) -> Array:
        """Share of positives among the images seen, ``(T,)``."""
        return self.num_hits / self.num_seen

    @property
    def recall(self) -> Array:
        """Share of the positives that are seen, ``(T,)``."""
        return self.num_hits / self.num_hits[-1]

    def average_precision(self) -> float:
        """Return the non-interpolated average precision; NaN without a positive."""
        if not self.has_positive:
            return float("nan")
        return float(np.sum(np.diff(self.recall, prepend=0.0) * self.precision))

    def interpolated_average_precision(self) -> float:
        """Return the interpolated average precision; NaN without a positive.

        AP = sum_n (R_n - R_{n-1}) max_{m >= n} P_m: the precision at a recall is the largest one at
        this recall or above (the envelope of PASCAL VOC since 2010; Everingham et al., IJCV 2015).
        """
        if not self.has_positive:
            return float("nan")
        envelope = np.maximum.accumulate(self.precision[::-1])[::-1]
        return float(np.sum(np.diff(self.recall, prepend=0.0) * envelope))

    def roc_auc(self) -> float:
        """Return the area under the ROC curve; NaN without a positive or a negative.

        This is the share of pairs of a positive and a negative image in the right order; a tie
        counts one half.
        """
        if not self.has_positive or self.num_hits[-1] == self.num_seen[-1]:
            return float("nan")
        num_false = self.num_seen - self.num_hits
        false_rate = num_false / num_false[-1]
        # A straight line between two points gives a tie one half.
        mean_recall = (self.recall + np.append(0.0, self.recall[:-1])) / 2
        return float(np.sum(np.diff(false_rate, prepend=0.0) * mean_recall))


def ranked_counts(scores: Array, labels: Array) -> list[RankedCounts]:
    """Return the counts of each class of scores and labels, ``(N, C)`` each.

    Raises:
        ValueError: the arrays are not both ``(N, C)``.
    """
    scores, labels = _checked(scores, labels)
    return [RankedCounts.of(scores[:, c], labels[:, c]) for c in range(scores.shape[1])]


def average_precision(scores: Array, labels: Array) -> Array:
    """Return the non-interpolated average precision of each class, ``(C,)`` float64.

    AP = sum_n (R_n - R_{n-1}) P_n over the distinct scores n in falling order, so that tied scores
    count at once (scikit-learn's ``average_precision_score``). A class without a positive has NaN.

    Args:
        scores: ``(N, C)``, larger is more likely.
        labels: ``(N, C)``.

    Raises:
        ValueError: the arrays are not both ``(N, C)``.
    """
    counts = ranked_counts(scores, labels)
    return np.array([count.average_precision() for count in counts], dtype=np.float64)


def mean_average_precision(scores: Array, labels: Array) -> float:
    """Return the mean of :func:`average_precision` over the classes that have a positive.

    NaN when no class has one. Arguments and errors are those of :func:`average_precision`.
    """
    return mean_without_nan(average_precision(scores, labels))


def chance_mean_average_precision(labels: Array) -> float:
    """Return the mAP that random scores reach on average for many images.

    This is the mean share of positives among the known labels ``(N, C)`` of a class. Classes
    without a positive are left out, as in :func:`mean_average_precision`.
    """
    num_pos, num_known = (labels > 0).sum(axis=0), (labels != UNKNOWN).sum(axis=0)
    present = num_pos > 0
    return mean_or_nan(num_pos[present] / num_known[present])


def f1_counts(pred: Array, labels: Array, *, axis: int | None = 0) -> tuple[Array, Array, Array]:
    """Return true positives, false positives and false negatives over known entries.

    Args:
        pred: ``(N, C)``, boolean.
        labels: ``(N, C)``.
        axis: 0 counts per class, 1 per image, None over everything.

    Returns:
        Three integer arrays: ``(C,)``, ``(N,)`` or ``()``.
    """
    pred, labels = _checked(pred, labels)
    pred, positive, negative = pred.astype(bool), labels > 0, labels == 0
    true_pos = (pred & positive).sum(axis)
    false_pos = (pred & negative).sum(axis)
    false_neg = (~pred & positive).sum(axis)
    return true_pos, false_pos, false_neg


def f1_scores(pred: Array, labels: Array) -> dict[str, Any]:
    """Return macro, micro and samples F1, the F1 per class, and the classes without a positive.

    As scikit-learn's ``f1_score(zero_division=0)``, with two differences: ``macro`` is the mean
    over the classes that have a positive, and ``samples`` leaves out images without a known label.

    Args:
        pred: ``(N, C)``, boolean.
        labels: ``(N, C)``.

    Returns:
        ``macro``, ``micro``, ``samples``: float, NaN where nothing is averaged;
        ``per_class``: ``(C,)``; ``absent``: list of the class indices without a positive.
    """
    pred, labels = _checked(pred, labels)
    class_counts = f1_counts(pred, labels, axis=0)
    per_class = f1_of_counts(class_counts)
    present = (labels > 0).any(axis=0)
    return {
        "macro": mean_or_nan(per_class[present]),
        "micro": micro_f1([class_counts]),
        "samples": samples_f1(pred, labels),
        "per_class": per_class,
        "absent": np.flatnonzero(~present).tolist(),
    }


def macro_f1(pred: Array, labels: Array) -> float:
    """Return the ``macro`` of :func:`f1_scores` alone; arguments are the same."""
    per_class = f1_of_counts(f1_counts(pred, labels, axis=0))
    return mean_or_nan(per_class[(labels > 0).any(axis=0)])


def micro_f1(counts: Iterable[tuple[Array, Array, Array]]) -> float:
    """Return the F1 of all entries together.

    Args:
        counts: results of :func:`f1_counts`, for one or several groups of classes.
    """
    totals = np.zeros(3, dtype=np.int64)
    for parts in counts:
        totals += [np.sum(part) for part in parts]
    return float(f1_of_counts(totals))


def samples_f1(pred: Array, labels: Array) -> float:
    """Return the ``samples`` of :func:`f1_scores` alone; arguments are the same."""
    per_image = f1_of_counts(f1_counts(pred, labels, axis=1))
    return mean_or_nan(per_image[(labels >= 0).any(axis=1)])


def mean_or_nan(values: Array) -> float:
    """Return the mean of ``values``; NaN, without NumPy's warning, when there are none."""
    return float(np.mean(values)) if len(values) else float("nan")


def mean_without_nan(values: Array) -> float:
    """Return the mean of the ``values`` that are not NaN; NaN when there are none."""
    return mean_or_nan(values[~np.isnan(values)])


def f1_of_counts(counts: Sequence[Array] | Array) -> Array:
    """Return 2 TP / (2 TP + FP + FN) in float64, 0 where all counts are 0.

    Args:
        counts: true positives, false positives, false negatives: three arrays of one shape.
    """
    true_pos, false_pos, false_neg = counts
    return ratio(2 * true_pos, 2 * true_pos + false_pos + false_neg)


def ratio(numerator: Array, denominator: Array) -> Array:
    """Return the quotient in float64; 0 where both are 0."""
    # A divisor of 1 in place of 0 gives 0 without NumPy's warning.
    return np.asarray(numerator, dtype=np.float64) / np.where(denominator == 0, 1.0, denominator)


def f1_percent(f1: Mapping[str, Any]) -> dict[str, float]:
    """Return macro, micro and samples F1 in percent under the names of ``F1_NAMES``.

    Args:
        f1: result of :func:`f1_scores`.
    """
    return {name: 100 * f1[name.removesuffix("_f1")] for name in F1_NAMES}


def _checked(scores: Array, labels: Array) -> tuple[Array, Array]:
    scores, labels = np.asarray(scores), np.asarray(labels)
    if scores.ndim != 2 or scores.shape != labels.shape:
        raise ValueError(
            f"scores and labels must both be (N, C); got {scores.shape} and {labels.shape}"
        )
    return scores, labels
