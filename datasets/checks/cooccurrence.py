"""Classes that images have together."""

from dataclasses import dataclass

import numpy as np

ROWS = 8192  # images of one product of matrices; bounds the memory of the float32 copy
NUM_PAIRS = 20  # listed pairs of either kind
MIN_IMAGES = 5  # of a pair whose lift is listed: the lift of a single image says little


@dataclass(frozen=True, eq=False)
class Together:
    """Classes of the same image.

    Attributes:
        counts: int64 (C, C), images that have both classes; the diagonal has the positives.
        lift: float64 (C, C), share of images with both classes over the product of the shares of
            each, among the images in which both are judged. 1: independent; NaN: no such image.
    """

    counts: np.ndarray
    lift: np.ndarray

    def most_frequent(self) -> list[tuple[int, int]]:
        """Return the pairs of classes with the most common images, at most ``NUM_PAIRS``."""
        return self._first_pairs(self.counts.astype(np.float64), least=1)

    def most_attracted(self) -> list[tuple[int, int]]:
        """Return the pairs with the highest lift among those with ``MIN_IMAGES`` images."""
        return self._first_pairs(np.nan_to_num(self.lift), least=MIN_IMAGES)

    def _first_pairs(self, values: np.ndarray, *, least: int) -> list[tuple[int, int]]:
        rows, columns = np.triu_indices(len(self.counts), k=1)
        kept = self.counts[rows, columns] >= least
        rows, columns = rows[kept], columns[kept]
        order = np.argsort(-values[rows, columns], kind="stable")[:NUM_PAIRS]
        return list(zip(rows[order].tolist(), columns[order].tolist(), strict=True))


def count_together(states: np.ndarray) -> Together:
    """Return the common images of all pairs of classes.

    Args:
        states: int8 (N, C); see :class:`datasets.checks.splits.SplitView`.
    """
    num_classes = states.shape[1]
    together = np.zeros((num_classes, num_classes))  # row and column positive
    positive_known = np.zeros_like(together)  # row positive, column judged
    judged = np.zeros_like(together)  # row and column judged
    for start in range(0, len(states), ROWS):
        rows = states[start : start + ROWS]
        positive = (rows > 0).astype(np.float32)
        known = (rows >= 0).astype(np.float32)
        # Counts up to ROWS are exact in float32, their sums are in float64.
        together += positive.T @ positive
        positive_known += positive.T @ known
        judged += known.T @ known
    lift = np.full_like(together, np.nan)
    expected = positive_known * positive_known.T
    np.divide(together * judged, expected, out=lift, where=expected > 0)
    return Together(together.round().astype(np.int64), lift)
