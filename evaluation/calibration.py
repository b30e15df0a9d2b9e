"""Agreement of probabilities with frequencies. N: images, C: classes."""

from collections.abc import Sequence

import numpy as np

from .metrics import Array, RankedCounts

NUM_BINS = 15
MIN_POSITIVES = 20  # of a class, for a calibration error or an interval of its own


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
    return bins_of_equal_mass(RankedCounts.of(prob, positive), num_bins)


def bins_of_equal_mass(counts: RankedCounts, num_bins: int = NUM_BINS) -> tuple[Array, ...]:
    """Return the bins of :func:`calibration_bins` for entries that are sorted already."""
    if not len(counts.scores):
        return np.empty(0), np.empty(0), np.empty(0, dtype=np.int64)
    num_entries = int(counts.num_seen[-1])
    num_bins = min(num_bins, num_entries)
    size = np.full(num_bins, num_entries // num_bins)
    size[: num_entries % num_bins] += 1
    # The bins rise and the counts fall, so an edge is counted from the largest score.
    edges = num_entries - np.append(0, np.cumsum(size))
    seen = np.append(0.0, counts.num_seen)
    # Within a tie the sums rise on a straight line: each entry has the share of its tie.
    prob_sums = np.append(0.0, np.cumsum(counts.scores * np.diff(seen)))
    prob_at_edges = np.interp(edges, seen, prob_sums)
    hits_at_edges = np.interp(edges, seen, np.append(0.0, counts.num_hits))
    # The edges fall. A difference the other way round would give a bin without a hit a share of -0.
    mean_prob = (prob_at_edges[:-1] - prob_at_edges[1:]) / size
    return mean_prob, (hits_at_edges[:-1] - hits_at_edges[1:]) / size, size


def calibration_error(counts: RankedCounts) -> float:
    """Return the mean distance of probability and share of positives over 15 bins of equal mass.

    The bins are those of Nguyen and O'Connor (EMNLP 2015), the error is the expected calibration
    error of Naeini et al. (AAAI 2015). NaN when scores are no probabilities or nothing is known.
    """
    if not _are_probabilities(counts.scores):
        return float("nan")
    mean_prob, share, size = bins_of_equal_mass(counts)
    return float(np.sum(size * np.abs(mean_prob - share)) / size.sum())


def expected_calibration_error(scores: Array, labels: Array) -> float:
    """Return the :func:`calibration_error` of all known entries together.

    Args:
        scores: ``(N, C)`` or ``(N,)`` probabilities.
        labels: positive above 0, unknown below 0.
    """
    return calibration_error(RankedCounts.of(scores.reshape(-1), labels.reshape(-1)))


def class_calibration_errors(ranked: Sequence[RankedCounts]) -> Array:
    """Return the calibration error of each class, ``(C,)``; NaN under 20 positives.

    Args:
        ranked: counts of the C classes, from ``ranked_counts``.
    """
    result = np.full(len(ranked), np.nan)
    for c, counts in enumerate(ranked):
        if counts.has_positive and counts.num_hits[-1] >= MIN_POSITIVES:
            result[c] = calibration_error(counts)
    return result


def brier_score(scores: Array, labels: Array) -> float:
    """Return the mean squared difference of probability and label over all known entries.

    NaN when scores are no probabilities or nothing is known.
    """
    known = labels >= 0
    prob = scores[known]
    if not _are_probabilities(prob):
        return float("nan")
    return float(np.mean((prob - (labels[known] > 0)) ** 2))


def _are_probabilities(scores: Array) -> bool:
    """Return True if there are scores and all are in [0, 1]."""
    return len(scores) > 0 and bool(scores.min() >= 0) and bool(scores.max() <= 1)
