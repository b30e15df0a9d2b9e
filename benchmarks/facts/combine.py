"""Add zero-shot scores to the scores of a trained model; the weight is chosen on val.

The zero-shot scores of each class are standardised with their mean and standard deviation on val.
They are added to the logits of each image's best classes; the others keep their logits.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)  # in standard deviations of the trained model's logits
NUM_BEST = (5, 10, 20)
EPSILON = 1e-9  # keeps the logit of a score of 0 or 1 finite

Array = np.ndarray
Metric = Callable[[Array, Array], float]  # scores and labels, (N, C) each


@dataclass(frozen=True)
class Scores:
    """Scores from 0 to 1 of one model: ``val (N, C)`` and ``test (M, C)``."""

    val: Array
    test: Array


@dataclass(frozen=True)
class Combination:
    """What val has chosen.

    Attributes:
        weight: one of WEIGHTS; 0 leaves the trained model as it is.
        num_best: of each image's classes, those that zero-shot scores are added to.
        scores: the combined scores, from 0 to 1.
    """

    weight: float
    num_best: int
    scores: Scores


def combine(trained: Scores, zero_shot: Scores, val_labels: Array, metric: Metric) -> Combination:
    """Return the combination that is best on val; among equals, that with the least weight.

    Args:
        trained: of the trained model.
        zero_shot: of CLIP without training, for the same images.
        val_labels: ``(N, C)``; above 0 is true.
        metric: larger is better.
    """
    logits = Scores(_logit(trained.val), _logit(trained.test))
    added = standardise(Scores(_logit(zero_shot.val), _logit(zero_shot.test)))
    unit = float(logits.val.std())
    best, best_value = None, -np.inf
    for weight, num_best in itertools.product(WEIGHTS, NUM_BEST):
        combined = Scores(
            _add(logits.val, added.val, weight * unit, num_best),
            _add(logits.test, added.test, weight * unit, num_best),
        )
        value = metric(combined.val, val_labels)
        if value > best_value:
            best, best_value = Combination(weight, num_best, combined), value
    assert best is not None
    scores = Scores(_probability(best.scores.val), _probability(best.scores.test))
    return replace(best, scores=scores)


def standardise(scores: Scores) -> Scores:
    """Return scores with mean 0 and standard deviation 1 per class on val."""
    mean, std = scores.val.mean(axis=0), scores.val.std(axis=0)
    std = np.where(std > 0, std, 1.0)
    return Scores((scores.val - mean) / std, (scores.test - mean) / std)


def _add(logits: Array, added: Array, weight: float, num_best: int) -> Array:
    """Return the logits with ``weight * added`` on each image's ``num_best`` largest logits."""
    ranks = (-logits).argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    return logits + np.where(ranks < num_best, weight * added, 0.0)


def _logit(scores: Array) -> Array:
    clipped = scores.astype(np.float64).clip(EPSILON, 1 - EPSILON)
    return np.log(clipped / (1 - clipped))


def _probability(logits: Array) -> Array:
    return 1 / (1 + np.exp(-logits))
