"""Statistics over seeds and splits: mean, standard deviation, bootstrap interval of the mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

NUM_RESAMPLES = 10_000
LEVEL = 0.95


@dataclass(frozen=True)
class Summary:
    """Summary of several runs.

    Attributes:
        mean: over all runs.
        std: standard deviation over all runs, with n - 1.
        low: lower end of the 95 % bootstrap interval of the mean.
        high: its upper end.
    """

    mean: float
    std: float
    low: float
    high: float

    @property
    def resolved(self) -> bool:
        """Whether zero lies outside the interval."""
        return self.low > 0 or self.high < 0


def summarise(values: np.ndarray, seed: int = 0) -> Summary:
    """Return the summary of ``values (splits, seeds)``; NaN if any value is NaN.

    The bootstrap draws splits with replacement, then seeds within each (Davison and Hinkley 1997,
    section 3.8): runs on one split share its images, so they are not independent.

    Args:
        values: results of runs.
        seed: of the bootstrap; the same seed gives the same interval.
    """
    values = np.asarray(values, dtype=np.float64)
    if np.isnan(values).any():
        nan = float("nan")
        return Summary(nan, nan, nan, nan)
    num_splits, num_seeds = values.shape
    rng = np.random.default_rng(seed)
    splits = rng.integers(num_splits, size=(NUM_RESAMPLES, num_splits, 1))
    seeds = rng.integers(num_seeds, size=(NUM_RESAMPLES, num_splits, num_seeds))
    means = values[splits, seeds].mean(axis=(1, 2))  # (NUM_RESAMPLES,)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    std = 0.0
    if values.size > 1:
        std = float(values.std(ddof=1))
    return Summary(float(values.mean()), std, float(low), float(high))


def grid(
    values: Mapping[tuple[int, int], float], splits: Sequence[int], seeds: Sequence[int]
) -> np.ndarray:
    """Return ``values`` by (split, seed) as an array ``(splits, seeds)``."""
    rows = []
    for split in splits:
        rows.append([values[split, seed] for seed in seeds])
    return np.array(rows)
