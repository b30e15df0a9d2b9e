"""Insertion and deletion curves of a map (Petsiuk et al., RISE, BMVC 2018, section 4.3).

Locations appear in a blurred image, or vanish from the image, in the order of their weights. If the
map is right, the probability rises fast in the first case and falls fast in the second.

Letters: N = h * w locations, S steps, H x W pixels.
"""

from typing import NamedTuple

import numpy as np

CONFIDENCE = 0.95


class Difference(NamedTuple):
    """A mean paired difference with its bootstrap interval."""

    value: float
    low: float
    high: float


def map_order(weights: np.ndarray) -> np.ndarray:
    """Return the numbers of the locations ``(N,)`` of weights ``(h, w)``, the highest first."""
    return np.argsort(-weights.ravel(), kind="stable")


def step_counts(num: int, most: int) -> np.ndarray:
    """Return how many of ``num`` locations are changed at each step, from 0 to all.

    Args:
        num: N.
        most: steps at most, from 1; small grids have one step per location.
    """
    return np.unique(np.linspace(0, num, min(num, most) + 1).round().astype(int))


def changed_locations(order: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return which locations are changed at each step, bool ``(S, N)``."""
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(len(order))
    return rank[None] < counts[:, None]


def location_of_pixels(length: int, cell: float, num: int) -> np.ndarray:
    """Return the row (or column) of the location of each pixel along one side, ``(length,)``.

    Pixels behind the last location count as part of it, so that the last step changes all pixels.
    """
    return np.minimum((np.arange(length) + 0.5) // cell, num - 1).astype(int)


def area(curves: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the area ``(...)`` under curves ``(..., S)`` over the share of changed locations."""
    widths = np.diff(counts / counts[-1])  # (S - 1,)
    return ((curves[..., 1:] + curves[..., :-1]) / 2) @ widths


def paired_difference(
    ours: np.ndarray, theirs: np.ndarray, *, draws: int = 10_000, seed: int = 0
) -> Difference:
    """Return the mean of ``ours - theirs`` over images, with a 95 % percentile interval.

    Args:
        ours: a value per image ``(n,)``.
        theirs: the same of the same images.
        draws: of images with replacement.
        seed: of the draws.
    """
    difference = ours - theirs
    rng = np.random.default_rng(seed)
    means = np.empty(draws)
    for draw in range(draws):  # one draw at a time: memory does not grow with their number
        means[draw] = difference[rng.integers(len(difference), size=len(difference))].mean()
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, (tail, 1 - tail))
    return Difference(float(difference.mean()), float(low), float(high))
