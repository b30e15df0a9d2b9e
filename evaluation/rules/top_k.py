"""The k best classes of every image."""

from dataclasses import dataclass

import numpy as np

from ..metrics import Array, f1_scores
from .base import DecisionRule, check_positives, decision_rule

MAX_K = 10


@decision_rule("top_k")
@dataclass(frozen=True)
class TopK(DecisionRule):
    """Predict the ``k`` classes with the largest scores; the first of equals in class order."""

    k: int

    @classmethod
    def fit(cls, scores: Array, labels: Array) -> "TopK":
        """Return the k from 1 to 10 with the best macro F1, the smallest of equals.

        Raises:
            UserError: no class has a positive label.
        """
        scores, labels = np.asarray(scores), np.asarray(labels)
        check_positives(labels)
        rank = _ranks(scores)
        candidates = range(1, min(MAX_K, scores.shape[1]) + 1)
        macro = [f1_scores(rank < k, labels)["macro"] for k in candidates]
        return cls(candidates[int(np.argmax(macro))])

    def decide(self, scores: Array) -> Array:
        """Return True for the k best classes of each image, ``(N, C)`` bool."""
        return _ranks(np.asarray(scores)) < self.k

    def describe(self) -> str:
        """Return k in words."""
        return "the best class of each image" if self.k == 1 else f"the {self.k} best classes"


def _ranks(scores: Array) -> Array:
    """Return the rank of each class within its image, ``(N, C)``, from 0 for the best."""
    order = np.argsort(-scores, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(scores.shape[1])[None], axis=1)
    return ranks
