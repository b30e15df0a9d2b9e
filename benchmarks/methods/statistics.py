"""What several seeds on several splits say: mean, standard deviation, bootstrap intervals, paired differences."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NUM_RESAMPLES = 10_000
LEVEL = 0.95


@dataclass(frozen=True)
class Summary:
    """Mean, standard deviation over all runs (n - 1) and the 95 % bootstrap interval of the mean."""

    mean: float
    std: float
    low: float
    high: float

    @property
    def resolved(self) -> bool:
        """Return whether zero lies outside the interval."""
        return self.low > 0 or self.high < 0


def summarise(values: np.ndarray, seed: int = 0) -> Summary:
    """Return the summary of ``values (splits, seeds)``.

    The bootstrap draws splits with replacement, then seeds within each (Davison and Hinkley 1997, section 3.8): runs on
    one split share its images, so they are not independent. nan if any value is nan.
    """
    values = np.asarray(values, dtype=np.float64)
    if np.isnan(values).any():
        return Summary(*[float("nan")] * 4)
    num_splits, num_seeds = values.shape
    rng = np.random.default_rng(seed)
    splits = rng.integers(num_splits, size=(NUM_RESAMPLES, num_splits, 1))
    seeds = rng.integers(num_seeds, size=(NUM_RESAMPLES, num_splits, num_seeds))
    means = values[splits, seeds].mean(axis=(1, 2))  # (NUM_RESAMPLES,)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    std = values.std(ddof=1) if values.size > 1 else 0.0
    return Summary(float(values.mean()), float(std), float(low), float(high))


def grid(
    values: dict[tuple[int, int], float], splits: Sequence[int], seeds: Sequence[int]
) -> np.ndarray:
    """Return values by (split, seed) as an array ``(splits, seeds)``."""
    return np.array([[values[split, seed] for seed in seeds] for split in splits])
