"""Probabilities and their logits, for arrays of any shape."""

import numpy as np

from .metrics import Array

EPSILON = 1e-12  # keeps the logit of a probability of 0 or 1 finite


def sigmoid(logits: Array) -> Array:
    """Return ``1 / (1 + exp(-logits))`` in float64 without overflow."""
    logits = np.asarray(logits, dtype=np.float64)
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1 / (1 + small), small / (1 + small))


def logit(prob: Array) -> Array:
    """Return ``log(prob / (1 - prob))``; 0 and 1 count as 1e-12 and 1 - 1e-12."""
    prob = np.clip(prob, EPSILON, 1 - EPSILON)
    return np.log(prob) - np.log1p(-prob)
