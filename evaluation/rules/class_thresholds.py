"""A threshold for each class: its best one, as it is or pulled to the global threshold."""

from dataclasses import dataclass

import numpy as np

from ..metrics import Array, f1_of_counts
from ..threshold_counts import fold_counts, threshold_counts
from .base import THRESHOLDS, DecisionRule, check_positives, decision_rule
from .global_threshold import best_global

NUM_FOLDS = 5
FOLD_SEED = 0
# Candidates for k, in images; the last one is the global threshold for every class. It stands for
# infinity, which rule.json cannot hold.
SHRINKAGE = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1e9])


@dataclass(frozen=True, eq=False)
class _ClassThresholds(DecisionRule):
    """A class is predicted where its score exceeds its own threshold ``(C,)``."""

    class_thresholds: Array

    def decide(self, scores: Array) -> Array:
        """Return ``scores > class_thresholds``, ``(N, C)`` bool."""
        return np.asarray(scores) > self.class_thresholds

    def thresholds(self, num_classes: int) -> Array:
        """Return the threshold of each class, ``(C,)``."""
        return self.class_thresholds

    def _span(self) -> str:
        return f"{self.class_thresholds.min():.2f} to {self.class_thresholds.max():.2f}"


@decision_rule("per_class")
@dataclass(frozen=True, eq=False)
class PerClassThresholds(_ClassThresholds):
    """The threshold of ``THRESHOLDS`` with the best F1 of each class alone."""

    @classmethod
    def fit(cls, scores: Array, labels: Array) -> "PerClassThresholds":
        """Return the best threshold of each class; of equals, the one nearest to the global one.

        A class without a positive gets the global threshold.

        Raises:
            UserError: no class has a positive label.
        """
        scores, labels = np.asarray(scores), np.asarray(labels)
        check_positives(labels)
        f1 = f1_of_counts(threshold_counts(scores, labels, THRESHOLDS))  # (C, T)
        present = (labels > 0).any(axis=0)
        return cls(best_per_class(f1, present, best_global(f1, labels)))

    def describe(self) -> str:
        """Return the span of the thresholds in words."""
        return f"score > a threshold of each class, {self._span()}"


@decision_rule("shrunk")
@dataclass(frozen=True, eq=False)
class ShrunkThresholds(_ClassThresholds):
    """One threshold per class; those of rare classes are pulled to the global threshold.

    The threshold is ``(n_c t_c + k t) / (n_c + k)``. ``t_c`` is the class's best threshold, ``n_c``
    its number of positives in val, ``t`` the global threshold. ``k`` is one of ``SHRINKAGE``.
    """

    k: float

    @classmethod
    def fit(cls, scores: Array, labels: Array) -> "ShrunkThresholds":
        """Return the rule; ``k`` has the best macro F1 on held-out fifths of these images.

        The folds are seeded and go by position: the same images in the same order give the same
        rule. The largest of equal ``k`` counts, which is the safest.

        Raises:
            UserError: no class has a positive label.
        """
        scores, labels = np.asarray(scores), np.asarray(labels)
        check_positives(labels)
        folds = np.random.default_rng(FOLD_SEED).permutation(len(scores)) % NUM_FOLDS
        counts = fold_counts(scores, labels, THRESHOLDS, folds, NUM_FOLDS)  # (3, F, C, T)
        total = counts.sum(axis=1)  # (3, C, T)
        held_out = np.zeros((len(SHRINKAGE), 3, scores.shape[1]))
        for fold in range(NUM_FOLDS):
            train = folds != fold
            if not (labels[train] > 0).any():
                continue
            candidates = _shrink(total - counts[:, fold], labels[train])  # (K, C)
            held_out += _counts_at(candidates, scores[~train], labels[~train])
        present = (labels > 0).any(axis=0)
        macro = f1_of_counts(held_out.swapaxes(0, 1))[:, present].mean(axis=1)  # (K,)
        best = len(SHRINKAGE) - 1 - int(np.argmax(macro[::-1]))
        return cls(_shrink(total, labels)[best], float(SHRINKAGE[best]))

    def describe(self) -> str:
        """Return the strength and the span of the thresholds in words."""
        return f"score > a threshold of each class, {self._span()}, shrunk with k = {self.k:g}"


def best_per_class(f1: Array, present: Array, global_threshold: float) -> Array:
    """Return the best threshold of each class ``(C,)``; of equals, the nearest to the global one.

    Args:
        f1: ``(C, T)``.
        present: ``(C,)`` bool, classes with a positive; the others get the global threshold.
        global_threshold: the best threshold for all classes.
    """
    is_best = f1 >= f1.max(axis=1, keepdims=True)
    distance = np.where(is_best, np.abs(THRESHOLDS - global_threshold), np.inf)
    nearest = THRESHOLDS[distance.argmin(axis=1)]
    return np.where(present, nearest, global_threshold)


def _shrink(counts: Array, labels: Array) -> Array:
    """Return the thresholds for every ``k`` of ``SHRINKAGE``, ``(K, C)``, from counts (3, C, T)."""
    f1 = f1_of_counts(counts)
    num_pos = (labels > 0).sum(axis=0)
    anchor = best_global(f1, labels)
    own = best_per_class(f1, num_pos > 0, anchor)
    k = np.append(SHRINKAGE[:-1], np.inf)[:, None]
    # In this form a class of weight 0 has the global threshold to the last digit.
    return anchor + num_pos / (num_pos + k) * (own - anchor)


def _counts_at(thresholds: Array, scores: Array, labels: Array) -> Array:
    """Return the counts for each row of ``thresholds`` ``(K, C)``: ``(K, 3, C)``."""
    pred = scores > thresholds[:, None]  # (K, N, C)
    positive, negative = labels > 0, labels == 0
    true_pos = (pred & positive).sum(axis=1)
    false_pos = (pred & negative).sum(axis=1)
    return np.stack([true_pos, false_pos, positive.sum(axis=0) - true_pos], axis=1)
