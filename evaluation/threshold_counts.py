"""Counts of every class at every threshold of a grid, from one histogram.

The bootstrap fits each rule a thousand times, so a fit must take milliseconds. N: images,
C: classes, T: thresholds, F: folds.
"""

import numpy as np

from .metrics import Array


def fold_counts(
    scores: Array, labels: Array, thresholds: Array, folds: Array, num_folds: int
) -> Array:
    """Return true positives, false positives and false negatives, ``(3, F, C, T)`` int64.

    Args:
        scores: ``(N, C)``; a class is predicted where ``score > threshold``.
        labels: ``(N, C)``; unknown labels count nowhere.
        thresholds: ``(T,)`` in rising order.
        folds: fold of each image, ``(N,)``, from 0.
        num_folds: F.
    """
    num_classes, num_bins = scores.shape[1], len(thresholds) + 1
    # The number of thresholds below a score: it exceeds exactly these.
    bins = np.searchsorted(thresholds, scores, side="left")  # (N, C)
    cells = (folds[:, None] * num_classes + np.arange(num_classes)) * num_bins + bins
    shape = (num_folds, num_classes, num_bins)
    size = num_folds * num_classes * num_bins
    positive = np.bincount(cells[labels > 0], minlength=size).reshape(shape)
    negative = np.bincount(cells[labels == 0], minlength=size).reshape(shape)
    true_pos, false_pos = _above(positive), _above(negative)
    false_neg = positive.sum(axis=-1, keepdims=True) - true_pos
    return np.stack([true_pos, false_pos, false_neg])


def threshold_counts(scores: Array, labels: Array, thresholds: Array) -> Array:
    """Return the counts of :func:`fold_counts` over all images, ``(3, C, T)``."""
    one_fold = np.zeros(len(scores), dtype=np.int64)
    return fold_counts(scores, labels, thresholds, one_fold, 1)[:, 0]


def _above(histogram: Array) -> Array:
    """Return the number of entries above each threshold: the sum of the bins behind it."""
    return np.flip(np.flip(histogram, -1).cumsum(axis=-1), -1)[..., 1:]
