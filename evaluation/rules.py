"""Decision rules: from scores of the classes to predicted classes, fitted on val."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from core.errors import UserError

from .metrics import Array, f1_scores

THRESHOLDS = np.arange(1, 20) / 20  # 0.05, 0.10, ..., 0.95


class DecisionRule(ABC):
    """A rule that decides which classes an image has. N: images, C: classes.

    A rule is fitted on val and then applied to test. It must pickle: it travels between processes.
    """

    @classmethod
    @abstractmethod
    def fit(cls, scores: Array, labels: Array) -> "DecisionRule":
        """Return the rule that decides best on scores ``(N, C)`` float64 and labels ``(N, C)``.

        Labels are positive above 0, negative at 0 and unknown at -1.

        Raises:
            UserError: the rule cannot be fitted to these labels.
        """

    @abstractmethod
    def decide(self, scores: Array) -> Array:
        """Return the decisions, ``(N, C)`` bool, for scores ``(N, C)``."""

    @abstractmethod
    def describe(self) -> str:
        """Return the rule in a few words, for logs."""

    def numbers(self) -> dict[str, float]:
        """Return the rule's own numbers, which metrics.json lists as they are (not in percent)."""
        return {}


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
        if not (np.asarray(labels) > 0).any():
            raise UserError(
                "a threshold cannot be tuned: no class has a positive label in val; "
                "see DATASET.LABEL_POLICY"
            )
        macro = [f1_scores(scores > t, labels)["macro"] for t in THRESHOLDS]
        best = int(np.argmax(macro))  # the first of equals
        return cls(float(THRESHOLDS[best]))

    def decide(self, scores: Array) -> Array:
        """Return ``scores > threshold``, ``(N, C)`` bool."""
        return np.asarray(scores) > self.threshold

    def describe(self) -> str:
        """Return the threshold in words."""
        return f"score > {self.threshold:g} for all classes"

    def numbers(self) -> dict[str, float]:
        """Return the threshold."""
        return {"threshold": float(self.threshold)}
