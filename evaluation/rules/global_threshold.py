"""One threshold for all classes: the rule of the benchmark, and the fixed 0.5."""

from dataclasses import dataclass

import numpy as np

from ..metrics import Array, f1_of_counts
from ..threshold_counts import threshold_counts
from .base import HEADLINE_RULE, THRESHOLDS, DecisionRule, check_positives, decision_rule


@decision_rule(HEADLINE_RULE)
@dataclass(frozen=True)
class GlobalThreshold(DecisionRule):
    """One threshold for all classes: a class is predicted where ``score > threshold``."""

    threshold: float

    @classmethod
    def fit(cls, scores: Array, labels: Array) -> "GlobalThreshold":
        """Return the threshold of ``THRESHOLDS`` with the best macro F1, the lowest of equals.

        This is the protocol of Intentonomy (Jia et al., CVPR 2021).

        Args:
            scores: ``(N, C)`` probabilities.
            labels: ``(N, C)``.

        Raises:
            UserError: no class has a positive label.
        """
        scores, labels = np.asarray(scores), np.asarray(labels)
        check_positives(labels)
        counts = threshold_counts(scores, labels, THRESHOLDS)
        return cls(best_global(f1_of_counts(counts), labels))

    def decide(self, scores: Array) -> Array:
        """Return ``scores > threshold``, ``(N, C)`` bool."""
        return np.asarray(scores) > self.threshold

    def describe(self) -> str:
        """Return the threshold in words."""
        return f"score > {self.threshold:g} for all classes"

    def numbers(self) -> dict[str, float]:
        """Return the threshold."""
        return {"threshold": float(self.threshold)}

    def thresholds(self, num_classes: int) -> Array:
        """Return the threshold of each class, ``(C,)``."""
        return np.full(num_classes, float(self.threshold))


def best_global(f1: Array, labels: Array) -> float:
    """Return the threshold with the best mean of ``f1`` ``(C, T)`` over classes with a positive.

    The first of equals counts, as in the benchmark.
    """
    present = (labels > 0).any(axis=0)
    # Class by class in memory, so that the mean adds in the same order as macro F1 does.
    macro = np.ascontiguousarray(f1[present].T).mean(axis=1)  # (T,)
    return float(THRESHOLDS[int(np.argmax(macro))])


@decision_rule("fixed")
@dataclass(frozen=True)
class FixedThreshold(GlobalThreshold):
    """The threshold 0.5 for all classes, which part of the literature uses; nothing is tuned."""

    threshold: float = 0.5
    tuned = False

    @classmethod
    def fit(cls, scores: Array, labels: Array) -> "FixedThreshold":
        """Return the rule; scores and labels are not read."""
        return cls()
