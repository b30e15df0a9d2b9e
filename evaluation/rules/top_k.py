"""The k best classes of every image."""

from dataclasses import dataclass

import numpy as np

from core.errors import UserError

from ..metrics import Array, f1_of_counts
from ..ranking import rank_classes
from ..threshold_counts import threshold_counts
from .base import DecisionRule, check_positives, decision_rule

MAX_K = 10


@decision_rule("top_k")
@dataclass(frozen=True)
class TopK(DecisionRule):
    """Predict the ``k`` classes with the largest scores; the first of equals in class order."""

    k: int

    def __post_init__(self) -> None:
        if self.k < 1:
            raise UserError(f"k is {self.k}; expected a whole number from 1 on")

    @classmethod
    def fit(cls, scores: Array, labels: Array) -> "TopK":
        """Return the k from 1 to 10 with the best macro F1, the smallest of equals.

        Raises:
            UserError: no class has a positive label.
        """
        scores, labels = np.asarray(scores), np.asarray(labels)
        check_positives(labels)
        # A rank is a score that k is a threshold of, so one histogram gives all k at once.
        most = min(MAX_K, scores.shape[1])
        counts = threshold_counts(-rank_classes(scores), labels, -np.arange(most, 0, -1))
        f1 = f1_of_counts(counts)[(labels > 0).any(axis=0)]  # (C, T), from k = most to 1
        macro = f1.mean(axis=0)[::-1]
        return cls(int(np.argmax(macro)) + 1)

    def decide(self, scores: Array) -> Array:
        """Return True for the k best classes of each image, ``(N, C)`` bool."""
        return rank_classes(np.asarray(scores)) < self.k

    def describe(self) -> str:
        """Return k in words."""
        return "the best class of each image" if self.k == 1 else f"the {self.k} best classes"
