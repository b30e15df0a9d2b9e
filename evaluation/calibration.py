"""Agreement of probabilities with frequencies. N: images, C: classes."""

import numpy as np

from .metrics import Array

NUM_BINS = 15
MIN_POSITIVES = 20  # of a class, for a calibration error of its own


def calibration_bins(prob: Array, positive: Array, num_bins: int = NUM_BINS) -> tuple[Array, ...]:
    """Return mean probability, share of positives and number of entries of bins of equal mass.

    The entries are sorted by probability and cut into bins of equal size. Entries of equal
    probability, which have no order, count with their common share of positives.

    Args:
        prob: ``(M,)`` in [0, 1].
        positive: ``(M,)`` bool.
        num_bins: number of bins; fewer when there are fewer entries.

    Returns:
        Three arrays, one value per bin; empty without entries.
    """
    order = np.argsort(prob, kind="stable")
    prob, positive = prob[order], positive[order].astype(np.float64)
    is_tied = np.diff(prob) == 0
    if is_tied.any():
        tie = np.append(0, np.cumsum(~is_tied))
        positive = (np.bincount(tie, weights=positive) / np.bincount(tie))[tie]
    parts = [part for part in np.array_split(np.arange(len(prob)), num_bins) if len(part)]
    mean_prob = np.array([prob[part].mean() for part in parts])
    share = np.array([positive[part].mean() for part in parts])
    return mean_prob, share, np.array([len(part) for part in parts], dtype=np.int64)


def expected_calibration_error(scores: Array, labels: Array) -> float:
    """Return the mean distance of probability and share of positives over 15 bins of equal mass.

    All known entries count together (Nguyen and O'Connor, EMNLP 2015, for bins of equal mass). NaN
    when scores are no probabilities or nothing is known.

    Args:
        scores: ``(N, C)`` or ``(N,)`` probabilities.
        labels: positive above 0, unknown below 0.
    """
    known = labels >= 0
    prob, positive = scores[known], labels[known] > 0
    if not len(prob) or prob.min() < 0 or prob.max() > 1:
        return float("nan")
    mean_prob, share, size = calibration_bins(prob, positive)
    return float(np.sum(size * np.abs(mean_prob - share)) / size.sum())


def class_calibration_errors(scores: Array, labels: Array) -> Array:
    """Return the calibration error of each class, ``(C,)``; NaN under 20 positives."""
    result = np.full(scores.shape[1], np.nan)
    for c in np.flatnonzero((labels > 0).sum(axis=0) >= MIN_POSITIVES):
        result[c] = expected_calibration_error(scores[:, c], labels[:, c])
    return result


def brier_score(scores: Array, labels: Array) -> float:
    """Return the mean squared difference of probability and label over all known entries.

    NaN when scores are no probabilities or nothing is known.
    """
    known = labels >= 0
    prob = scores[known]
    if not len(prob) or prob.min() < 0 or prob.max() > 1:
        return float("nan")
    return float(np.mean((prob - (labels[known] > 0)) ** 2))
