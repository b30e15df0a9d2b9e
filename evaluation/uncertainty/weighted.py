"""Metrics of a split under many sets of image weights at once.

A bootstrap draw, a leave-one-out split and a swap of two models' predictions are all image weights:
how often each image counts. D: sets of weights, N: images, C: classes.

Whole-number weights give exactly the metric of the split in which image i stands ``weights[i]``
times. An image of weight 0 counts nowhere.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.errors import UserError

from ..metrics import Array, ratio
from ..scored import Scored
from ..table import METRICS

ROWS_PER_BLOCK = 1 << 12
EXACT_IN_FLOAT32 = 1 << 23  # sums of whole numbers up to twice this size are exact in float32
CELLS_PER_CHUNK = 1 << 23  # an intermediate array has so many numbers at most
FEWEST_PER_CHUNK, MOST_PER_CHUNK = 64, 512


@dataclass(frozen=True)
class Ranking:
    """Known entries of one class (or of all classes together) in the order of falling scores.

    E: groups of tied scores that have a positive, M: entries up to the last positive, P: positives.

    Attributes:
        rows: ``(M,)`` image of each entry.
        starts: ``(E,)`` position of the first entry of each group.
        ends: ``(E,)`` position of the last entry of each group.
        positives: ``(P,)`` image of each positive, in the same order.
        last_positive: ``(E,)`` position in ``positives`` of the last positive of each group.
    """

    rows: Array
    starts: Array
    ends: Array
    positives: Array
    last_positive: Array


def rank(scores: Array, labels: Array, images: Array) -> Ranking:
    """Return the ranking of entries; all three arguments are ``(M,)``, ``images`` are indices."""
    known = np.flatnonzero(labels >= 0)
    order = known[np.argsort(-scores[known], kind="stable")]
    scores, positive, rows = scores[order], labels[order] > 0, images[order]
    is_last = np.append(scores[1:] != scores[:-1], True)[: len(scores)]
    ends = np.flatnonzero(is_last)
    starts = np.append(0, ends[:-1] + 1)[: len(ends)]
    hits = np.cumsum(positive)[ends]
    has_positive = np.diff(hits, prepend=0) > 0
    starts, ends, hits = starts[has_positive], ends[has_positive], hits[has_positive]
    stop = ends[-1] + 1 if len(ends) else 0
    return Ranking(rows[:stop], starts, ends, rows[positive], hits - 1)


class Prepared:
    """A split with everything about it that does not depend on weights.

    Args:
        split: scores, labels and decisions.
    """

    def __init__(self, split: Scored) -> None:
        self.split = split

    @cached_property
    def at_fixed(self) -> "Prepared":
        """The same split with the decisions at the fixed threshold."""
        view = Prepared(self.split.at_fixed)
        for name in ("rankings", "micro_ranking", "known", "positive"):
            view.__dict__[name] = getattr(self, name)
        return view

    @cached_property
    def rankings(self) -> list[Ranking]:
        """Ranking of each class."""
        split, images = self.split, np.arange(len(self.split.scores))
        found = []
        for c in range(split.scores.shape[1]):
            found.append(rank(split.scores[:, c], split.labels[:, c], images))
        return found

    @cached_property
    def micro_ranking(self) -> Ranking:
        """Ranking of the entries of all classes together."""
        num_images, num_classes = self.split.scores.shape
        images = np.repeat(np.arange(num_images), num_classes)
        return rank(self.split.scores.ravel(), self.split.labels.ravel(), images)

    @cached_property
    def known(self) -> Array:
        """``(N, C)`` bool: entries with a label."""
        return self.split.labels >= 0

    @cached_property
    def positive(self) -> Array:
        """``(N, C)`` bool."""
        return self.split.labels > 0

    @cached_property
    def f1_parts(self) -> tuple[Array, Array]:
        """Numerator and denominator of F1 for each entry, both ``(N, C)`` float32."""
        pred = self.split.pred & self.known
        numerator = 2.0 * (pred & self.positive)
        denominator = 1.0 * pred + self.positive
        return numerator.astype(np.float32), denominator.astype(np.float32)


class Weighted:
    """Metrics of a split under weights; all values are fractions in float64.

    Args:
        prepared: the split.
        weights: ``(D, N)``, not negative.

    Raises:
        ValueError: ``weights`` has another shape.
    """

    def __init__(self, prepared: Prepared, weights: Array) -> None:
        size = prepared.split.scores.size
        weights = np.asarray(weights)
        if weights.ndim != 2 or weights.shape[1] != len(prepared.split.scores):
            raise ValueError(
                f"weights must be (D, {len(prepared.split.scores)}); got {weights.shape}"
            )
        dtype = np.float32 if size < EXACT_IN_FLOAT32 else np.float64
        self.prepared = prepared
        self.weights = weights.astype(dtype, copy=False)

    def view(self, prepared: Prepared) -> "Weighted":
        """Return another view of the same images under the same weights."""
        return Weighted(prepared, self.weights)

    @cached_property
    def at_fixed(self) -> "Weighted":
        """The same images and weights with the decisions at the fixed threshold."""
        view = self.view(self.prepared.at_fixed)
        # The average precision does not depend on the decisions.
        view.__dict__["ap"] = self.ap
        return view

    @cached_property
    def present(self) -> Array:
        """``(D, C)`` bool: the class has a positive."""
        return self.weights @ self.prepared.positive.astype(self.weights.dtype) > 0

    @cached_property
    def ap(self) -> Array:
        """Average precision, ``(D, C)``; NaN for a class without a positive."""
        return self._per_ranking(_average_precision)

    @cached_property
    def ap_interp(self) -> Array:
        """Average precision with the precision envelope (VOC 2010), ``(D, C)``."""
        return self._per_ranking(_interpolated_precision)

    @cached_property
    def micro_ap(self) -> Array:
        """Average precision of all entries together, ``(D,)``."""
        return _average_precision(self.prepared.micro_ranking, self._columns)

    def _per_ranking(self, function: Callable[[Ranking, Array], Array]) -> Array:
        found = [function(ranking, self._columns) for ranking in self.prepared.rankings]
        return np.stack(found, axis=1)  # (D, C)

    @cached_property
    def _columns(self) -> Array:
        """The weights as ``(N, D)``, so that the weights of an image lie together."""
        return np.ascontiguousarray(self.weights.T)

    @cached_property
    def auc(self) -> Array:
        """Area under the ROC curve, ``(D, C)``; NaN without a positive or a negative."""
        num_known = self.weights @ self.prepared.known.astype(self.weights.dtype)  # (D, C)
        result = np.empty(num_known.shape)
        for c, ranking in enumerate(self.prepared.rankings):
            result[:, c] = _auc(ranking, self._columns, num_known[:, c])
        return result

    @cached_property
    def micro_auc(self) -> Array:
        """Area under the ROC curve of all entries together, ``(D,)``."""
        num_known = self.weights @ self.prepared.known.sum(axis=1, dtype=self.weights.dtype)
        return _auc(self.prepared.micro_ranking, self._columns, num_known)

    @cached_property
    def _f1_sums(self) -> tuple[Array, Array]:
        numerator, denominator = self.prepared.f1_parts
        sums = self.weights @ numerator, self.weights @ denominator
        return sums[0].astype(np.float64), sums[1].astype(np.float64)

    @cached_property
    def class_f1(self) -> Array:
        """F1 of each class, ``(D, C)``; 0 without a positive and without a prediction."""
        numerator, denominator = self._f1_sums
        return ratio(numerator, denominator)

    @cached_property
    def macro_f1(self) -> Array:
        """Mean F1 over the classes that have a positive, ``(D,)``."""
        return _mean(self.class_f1, self.present)

    @cached_property
    def micro_f1(self) -> Array:
        """F1 of all entries together, ``(D,)``."""
        numerator, denominator = self._f1_sums
        return ratio(numerator.sum(axis=1), denominator.sum(axis=1))

    @cached_property
    def samples_f1(self) -> Array:
        """Mean F1 over the images that have a known label, ``(D,)``."""
        numerator, denominator = self.prepared.f1_parts
        per_image = ratio(numerator.sum(axis=1), denominator.sum(axis=1))
        return self._mean_over_images(per_image, self.prepared.known.any(axis=1))

    @cached_property
    def top1_accuracy(self) -> Array:
        """Share of the images with a positive whose best class is one, ``(D,)``."""
        positive = self.prepared.positive
        right = (positive & (self.prepared.split.ranks == 0)).any(axis=1)
        return self._mean_over_images(right, positive.any(axis=1))

    def _mean_over_images(self, values: Array, counted: Array) -> Array:
        """Return the mean of ``values (N,)`` over the ``counted`` images, ``(D,)``."""
        weights = self.weights.astype(np.float64)
        num_images = weights @ counted
        found = ratio(weights @ (values * counted), num_images)
        return np.where(num_images > 0, found, np.nan)


def _mean_ap(weighted: Weighted) -> Array:
    return _mean(weighted.ap, weighted.present)


def _mean_of_four(weighted: Weighted) -> Array:
    f1 = weighted.macro_f1 + weighted.micro_f1 + weighted.samples_f1
    return (_mean_ap(weighted) + f1) / 4


def _macro_auc(weighted: Weighted) -> Array:
    return _mean(weighted.auc, ~np.isnan(weighted.auc))


# The metrics of the table that are computed for all weights at once; names as in METRICS.
WEIGHTED: dict[str, Callable[[Weighted], Array]] = {
    "mAP": _mean_ap,
    "mAP_interp": lambda weighted: _mean(weighted.ap_interp, weighted.present),
    "micro_AP": lambda weighted: weighted.micro_ap,
    "macro_auc": _macro_auc,
    "micro_auc": lambda weighted: weighted.micro_auc,
    "macro_f1": lambda weighted: weighted.macro_f1,
    "micro_f1": lambda weighted: weighted.micro_f1,
    "samples_f1": lambda weighted: weighted.samples_f1,
    "mean": _mean_of_four,
    "top1_accuracy": lambda weighted: weighted.top1_accuracy,
}


def weighted_metric(name: str, weighted: Weighted) -> Array:
    """Return the metric ``name`` of the table for each set of weights, ``(D,)`` fractions.

    A metric that has no form of its own here is computed on one resampled split after the other,
    which needs whole-number weights. It is NaN where it fails: an own metric may need a class that
    a draw lacks.
    """
    if name in WEIGHTED:
        return WEIGHTED[name](weighted)
    split, found = weighted.prepared.split, []
    for weights in weighted.weights:
        rows = np.repeat(np.arange(len(weights)), weights.astype(np.int64))
        try:
            found.append(METRICS[name].compute(split.take(rows)))
        except UserError:
            found.append(float("nan"))
    return np.array(found, dtype=np.float64)


def draws_per_chunk(num_images: int) -> int:
    """Return how many sets of weights of so many images fit into a few hundred MB at once."""
    return int(np.clip(CELLS_PER_CHUNK // max(num_images, 1), FEWEST_PER_CHUNK, MOST_PER_CHUNK))


def _average_precision(ranking: Ranking, columns: Array) -> Array:
    """Return the average precision of one ranking, ``(D,)``; the weights are ``(N, D)``."""
    result = np.zeros(columns.shape[1])
    hits = np.zeros(columns.shape[1])
    for found, hits, total in _groups(ranking, columns):
        result += found * _precision(hits, total)
    return result / np.where(hits > 0, hits, np.nan)


def _interpolated_precision(ranking: Ranking, columns: Array) -> Array:
    """Return the average precision under the precision envelope, ``(D,)``."""
    steps = []
    for found, hits, total in _groups(ranking, columns):
        steps.append((found, _precision(hits, total)))
    result, envelope, hits = np.zeros((3, columns.shape[1]))
    # From the end: at each recall the best precision at this recall or a higher one.
    for found, precision in reversed(steps):
        envelope = np.maximum(envelope, precision)
        result += found * envelope
        hits += found
    return result / np.where(hits > 0, hits, np.nan)


def _precision(hits: Array, total: Array) -> Array:
    """Return the share of positives in float64; all weights may be 0 up to here."""
    return np.divide(hits, np.maximum(total, 1e-30), dtype=np.float64)


def _auc(ranking: Ranking, columns: Array, num_known: Array) -> Array:
    """Return the share of pairs in order, ties as half; ``num_known (D,)`` counts all entries."""
    result = np.zeros(columns.shape[1])
    all_hits = columns[ranking.positives].sum(axis=0, dtype=np.float64)
    num_negative = num_known - all_hits
    for e, (found, hits, total) in enumerate(_groups(ranking, columns)):
        tied = _total(columns, ranking.rows, ranking.starts[e], ranking.ends[e] + 1) - found
        result += found * (num_negative - (total - hits) + tied / 2)
    pairs = all_hits * num_negative
    return result / np.where(pairs > 0, pairs, np.nan)


def _groups(ranking: Ranking, columns: Array) -> Iterator[tuple[Array, Array, Array]]:
    """Yield three ``(D,)`` for each group of tied scores that has a positive, best scores first.

    The weight of its positives, of all positives up to it, and of all entries up to it.
    """
    hits, total = np.zeros((2, columns.shape[1]), dtype=columns.dtype)
    first_row = first_positive = 0
    for end, last in zip(ranking.ends.tolist(), ranking.last_positive.tolist(), strict=True):
        found = _total(columns, ranking.positives, first_positive, last + 1)
        hits = hits + found
        total = total + _total(columns, ranking.rows, first_row, end + 1)
        first_row, first_positive = end + 1, last + 1
        yield found, hits, total


def _total(columns: Array, rows: Array, start: int, stop: int) -> Array:
    """Return the sum of ``columns[rows[start:stop]]`` over the rows, ``(D,)``."""
    if stop == start + 1:
        return columns[rows[start]]
    total = np.add.reduce(columns[rows[start : min(start + ROWS_PER_BLOCK, stop)]], axis=0)
    # In blocks: all entries under all weights together would not fit into memory.
    for low in range(start + ROWS_PER_BLOCK, stop, ROWS_PER_BLOCK):
        total += np.add.reduce(columns[rows[low : min(low + ROWS_PER_BLOCK, stop)]], axis=0)
    return total


def _mean(values: Array, counted: Array) -> Array:
    """Return the mean over the ``counted`` classes, ``(D, C) -> (D,)``; NaN when none counts."""
    total = np.where(counted, values, 0.0).sum(axis=1)
    number = counted.sum(axis=1)
    return total / np.where(number > 0, number, np.nan)
