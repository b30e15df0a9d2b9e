"""Positives per class, and how their shares differ between splits."""

from dataclasses import dataclass

import numpy as np

# A class is reported where its share changes by this factor and by this many standard deviations:
# a rare class may change by any factor by chance.
SHIFT_RATIO = 3.0
SHIFT_DEVIATIONS = 3.0


@dataclass(frozen=True, eq=False)
class ClassCounts:
    """Counts of one split.

    Attributes:
        num_images: N.
        positive: int (C,), images with the class.
        known: int (C,), images in which the class is judged.
    """

    num_images: int
    positive: np.ndarray
    known: np.ndarray

    @property
    def prior(self) -> np.ndarray:
        """Share of positives among the judged images, float64 (C,); NaN where nobody judged."""
        shares = np.full(len(self.positive), np.nan)
        np.divide(self.positive, self.known, out=shares, where=self.known > 0)
        return shares


@dataclass(frozen=True, eq=False)
class Shift:
    """How the shares of positives change from one split to another.

    Attributes:
        source: name of the first split.
        target: name of the second split.
        ratio: float64 (C,), share in the target over the share in the source; NaN where the source
            has no positive or a split does not judge the class.
        rank_correlation: Spearman's correlation of the shares over the classes; NaN where it is
            not defined.
        strong: indices of classes whose share changes strongly and not by chance.
    """

    source: str
    target: str
    ratio: np.ndarray
    rank_correlation: float
    strong: list[int]


def count_classes(states: np.ndarray) -> ClassCounts:
    """Return the counts of a split with states (N, C); see :class:`SplitView`."""
    return ClassCounts(
        num_images=len(states),
        positive=(states > 0).sum(axis=0),
        known=(states >= 0).sum(axis=0),
    )


def compare_splits(counts: dict[str, ClassCounts]) -> list[Shift]:
    """Return the shift between each pair of splits that have images, in their order."""
    names = [name for name, count in counts.items() if count.num_images]
    shifts = []
    for i, source in enumerate(names):
        for target in names[i + 1 :]:
            shifts.append(_shift(source, target, counts[source], counts[target]))
    return shifts


def _shift(source: str, target: str, first: ClassCounts, second: ClassCounts) -> Shift:
    ratio = np.full(len(first.prior), np.nan)
    np.divide(second.prior, first.prior, out=ratio, where=first.prior > 0)
    return Shift(
        source=source,
        target=target,
        ratio=ratio,
        rank_correlation=rank_correlation(first.prior, second.prior),
        strong=_strong_classes(ratio, first, second),
    )


def _strong_classes(ratio: np.ndarray, first: ClassCounts, second: ClassCounts) -> list[int]:
    """Return the classes whose share changes by more than a factor and more than by chance.

    Chance is that of two samples with the same share, as in the z test for two proportions.
    """
    known = np.stack([first.known, second.known])
    positive = np.stack([first.positive, second.positive])
    pooled = positive.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    variance = pooled * (1 - pooled) * (1 / np.maximum(known, 1)).sum(axis=0)
    deviation = np.sqrt(np.maximum(variance, 1e-12))
    is_large = (ratio >= SHIFT_RATIO) | (ratio <= 1 / SHIFT_RATIO)
    is_sure = np.abs(second.prior - first.prior) > SHIFT_DEVIATIONS * deviation
    return np.flatnonzero(is_large & is_sure).tolist()


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return Spearman's rank correlation with average ranks for ties.

    Args:
        first: (C,); entries that are NaN here or in ``second`` are left out.
        second: (C,).

    Returns:
        A number from -1 to 1; NaN for fewer than two entries or for constant ones.
    """
    both = ~(np.isnan(first) | np.isnan(second))
    if both.sum() < 2:
        return float("nan")
    ranks = np.stack([average_ranks(first[both]), average_ranks(second[both])])
    ranks -= ranks.mean(axis=1, keepdims=True)
    norm = np.sqrt((ranks**2).sum(axis=1).prod())
    if norm == 0:
        return float("nan")
    return float(ranks[0] @ ranks[1] / norm)


def average_ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks from 1 on, float64; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[inverse]
