"""Distances and similarities between a predicted and a voted distribution over the classes.

Source: Geng, "Label Distribution Learning", IEEE TKDE 2016, table 1. N: images, C: classes.
"""

import numpy as np

from .metrics import Array

SMALLEST = 1e-12  # of a probability under a logarithm and in a denominator


def distribution_metrics(scores: Array, votes: Array) -> dict[str, float]:
    """Return the six measures as means over images, not in percent.

    Args:
        scores: (N, C), at least 0; each row is divided by its sum.
        votes: (N, C), the share of the votes; each row is divided by its sum.

    Returns:
        ``ldl_chebyshev``, ``ldl_clark``, ``ldl_canberra`` and ``ldl_kl``, smaller is better;
        ``ldl_cosine`` and ``ldl_intersection``, larger is better.
    """
    predicted, voted = _normalised(scores), _normalised(votes)
    difference = np.abs(predicted - voted)
    total = predicted + voted
    relative = np.where(total > SMALLEST, difference / np.maximum(total, SMALLEST), 0.0)
    logarithm = np.log(np.maximum(voted, SMALLEST) / np.maximum(predicted, SMALLEST))
    lengths = np.linalg.norm(predicted, axis=1) * np.linalg.norm(voted, axis=1)
    values = {
        "ldl_chebyshev": difference.max(axis=1),
        "ldl_clark": np.sqrt((relative**2).sum(axis=1)),
        "ldl_canberra": relative.sum(axis=1),
        "ldl_kl": (voted * logarithm).sum(axis=1),
        "ldl_cosine": (predicted * voted).sum(axis=1) / np.maximum(lengths, SMALLEST),
        "ldl_intersection": np.minimum(predicted, voted).sum(axis=1),
    }
    return {name: float(value.mean()) for name, value in values.items()}


def _normalised(values: Array) -> Array:
    """Return rows that sum to 1; a row of zeros becomes uniform."""
    values = np.asarray(values, dtype=np.float64)
    total = values.sum(axis=1, keepdims=True)
    uniform = np.full_like(values, 1 / values.shape[1])
    return np.where(total > 0, values / np.maximum(total, SMALLEST), uniform)
