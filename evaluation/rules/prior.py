"""Scores corrected for class frequencies that differ between val and train."""

from dataclasses import dataclass

import numpy as np

from core.errors import UserError

from ..logits import logit, sigmoid
from ..metrics import Array
from .base import DecisionRule, decision_rule
from .global_threshold import GlobalThreshold

MINUS = "\N{MINUS SIGN}"
SMOOTHING = 1.0  # images that a prior is mixed with, half positive; no prior is 0 or 1


@decision_rule("prior")
@dataclass(frozen=True, eq=False)
class PriorCorrection(DecisionRule):
    """Add the difference of the log odds of val and train to the logits, then one threshold.

    A model that learnt from train expects train's frequencies. For probability p of a class whose
    prior changes from q to r, Bayes' rule gives odds p / (1 - p) * (r / (1 - r)) / (q / (1 - q))
    (Saerens et al., Neural Computation 2002, for known priors).
    """

    threshold: float
    shift: Array

    needs_train = True

    @classmethod
    def fit(
        cls, scores: Array, labels: Array, train_prior: Array | None = None
    ) -> "PriorCorrection":
        """Return shifts ``(C,)`` from the priors, and the best global threshold after them.

        Args:
            scores: ``(N, C)`` probabilities.
            labels: ``(N, C)``.
            train_prior: share of positives in train ``(C,)`` under the label policy in use; NaN
                for a class without a known label, whose scores then stay as they are.

        Raises:
            UserError: the train prior is not known, or no class has a positive label.
        """
        if train_prior is None:
            raise UserError("the rule 'prior' needs the labels of train, which are not at hand")
        labels = np.asarray(labels)
        num_known = (labels >= 0).sum(axis=0)
        num_pos = (labels > 0).sum(axis=0)
        val_prior = (num_pos + SMOOTHING / 2) / (num_known + SMOOTHING)
        # Train is large; this only keeps a class that it lacks away from infinity.
        smooth = SMOOTHING / np.maximum(num_known, 1)
        prior = (np.asarray(train_prior, dtype=np.float64) + smooth / 2) / (1 + smooth)
        shift = logit(val_prior) - logit(prior)
        # Without a known label on either side there is no frequency to correct for.
        shift = np.where((num_known > 0) & np.isfinite(shift), shift, 0.0)
        corrected = _corrected(np.asarray(scores, dtype=np.float64), shift)
        return cls(GlobalThreshold.fit(corrected, labels).threshold, shift)

    def decide(self, scores: Array) -> Array:
        """Return where the corrected probability exceeds the threshold, ``(N, C)`` bool."""
        return _corrected(np.asarray(scores, dtype=np.float64), self.shift) > self.threshold

    def describe(self) -> str:
        """Return threshold and span of the shifts in words."""
        low, high = (_signed(shift) for shift in (self.shift.min(), self.shift.max()))
        return (
            f"score > {self.threshold:g} after shifting the logits by {low} to {high} "
            "(priors of val against train)"
        )

    def thresholds(self, num_classes: int) -> Array:
        """Return the thresholds on the scores before the correction, ``(C,)``."""
        return sigmoid(logit(np.array(self.threshold)) - self.shift)


def _signed(shift: float) -> str:
    """Return a shift with two digits and a sign, which a zero does not have."""
    text = f"{shift:+.2f}"
    return text[1:] if float(text) == 0 else text.replace("-", MINUS)


def _corrected(scores: Array, shift: Array) -> Array:
    return sigmoid(logit(scores) + shift)
