"""The view of a split that metrics are computed on, and the groups of classes it can be pooled to.

N: images, C: classes, G: groups of a level of the hierarchy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from core.errors import UserError
from core.labels import UNKNOWN

from .metrics import Array, RankedCounts, f1_counts, f1_scores, ranked_counts
from .ranking import rank_classes
from .rules import DecisionRule, apply_rule

FIXED_THRESHOLD = 0.5  # part of the literature reports F1 at this threshold


@dataclass(frozen=True)
class Groups:
    """Groups of class indices that some metrics are also reported for.

    Attributes:
        subsets: subset name -> class indices; a metric is computed on these classes alone.
        levels: level name -> group name -> class indices; a metric is computed on the groups.

    Raises:
        UserError: a subset has the name of a level, so that their results would share a name.
    """

    subsets: Mapping[str, Sequence[int]] = field(default_factory=dict)
    levels: Mapping[str, Mapping[str, Sequence[int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shared = sorted(set(self.subsets) & set(self.levels))
        if shared:
            raise UserError(
                f"the hierarchy has a subset and a level named '{shared[0]}'; rename the subset"
            )


def groups_of(hierarchy: Any) -> Groups:
    """Return the groups of a hierarchy: an object with ``subsets`` and ``levels``."""
    return Groups(subsets=hierarchy.subsets, levels=hierarchy.levels)


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores, labels and decisions of a split, as a metric sees them.

    Attributes:
        scores: ``(N, C)`` float64, larger is more likely.
        labels: ``(N, C)``; above 0 positive, 0 negative, -1 unknown.
        pred: ``(N, C)`` bool, decisions of the rule.
        fixed: ``(N, C)`` bool, ``scores > 0.5``.
        groups: subsets and levels of the classes; a part of the classes has none.
    """

    scores: Array
    labels: Array
    pred: Array
    fixed: Array
    groups: Groups = field(default_factory=Groups)

    @classmethod
    def by_rule(
        cls, scores: Array, labels: Array, rule: DecisionRule, groups: Groups | None = None
    ) -> "Scored":
        """Return the split with the decisions of ``rule``; scores and labels are ``(N, C)``.

        Raises:
            UserError: ``rule.decide`` fails or does not return a boolean array ``(N, C)``.
        """
        scores, labels = np.asarray(scores, dtype=np.float64), np.asarray(labels)
        pred = apply_rule(rule, scores)
        return cls(scores, labels, pred, scores > FIXED_THRESHOLD, groups or Groups())

    @cached_property
    def ranked(self) -> list[RankedCounts]:
        """Counts of positives among the best images of each class; one sort serves all metrics."""
        return ranked_counts(self.scores, self.labels)

    @cached_property
    def ranked_entries(self) -> RankedCounts:
        """Counts of positives among the best of all entries as one list."""
        return RankedCounts.of(self.scores.reshape(-1), self.labels.reshape(-1))

    @cached_property
    def ap(self) -> Array:
        """Average precision of each class, ``(C,)``; NaN for a class without a positive."""
        return np.array([counts.average_precision() for counts in self.ranked])

    @cached_property
    def ap_interp(self) -> Array:
        """Interpolated average precision of each class, ``(C,)``; NaN without a positive."""
        return np.array([counts.interpolated_average_precision() for counts in self.ranked])

    @cached_property
    def auc(self) -> Array:
        """Area under the ROC curve of each class, ``(C,)``; NaN without a positive or negative."""
        return np.array([counts.roc_auc() for counts in self.ranked])

    @cached_property
    def ranks(self) -> Array:
        """Rank of each known class within its image, ``(N, C)``, from 0; see ``rank_classes``."""
        return rank_classes(self.scores, self.labels)

    @cached_property
    def f1(self) -> dict[str, Any]:
        """Result of :func:`evaluation.metrics.f1_scores` for the decisions ``pred``."""
        return f1_scores(self.pred, self.labels)

    @cached_property
    def class_counts(self) -> tuple[Array, Array, Array]:
        """True positives, false positives and false negatives of each class, ``(C,)`` each."""
        return f1_counts(self.pred, self.labels)

    @cached_property
    def at_fixed(self) -> "Scored":
        """The same split with ``fixed`` as its decisions."""
        view = replace(self, pred=self.fixed)
        # They depend on the scores alone: both views share one computation.
        for name in ("ranked", "ap"):
            view.__dict__[name] = getattr(self, name)
        return view

    def select(self, members: Sequence[int]) -> "Scored":
        """Return the split with the classes ``members`` alone."""
        columns = list(members)
        return Scored(
            self.scores[:, columns],
            self.labels[:, columns],
            self.pred[:, columns],
            self.fixed[:, columns],
        )

    def take(self, rows: Array) -> "Scored":
        """Return the split with the images ``rows``, indices that may repeat."""
        return replace(
            self,
            scores=self.scores[rows],
            labels=self.labels[rows],
            pred=self.pred[rows],
            fixed=self.fixed[rows],
        )

    def pool(self, groups: Mapping[str, Sequence[int]]) -> "Scored":
        """Return the split with one column per group, ``(N, G)``.

        A group is predicted where any member is predicted. For one threshold on all classes this
        equals the threshold on the group's largest score.
        """
        scores, labels = pool_groups(self.scores, self.labels, groups)
        return Scored(scores, labels, _any(self.pred, groups), _any(self.fixed, groups))


def pool_groups(
    scores: Array, labels: Array, groups: Mapping[str, Sequence[int]]
) -> tuple[Array, Array]:
    """Return scores ``(N, G)``, max-pooled over each group's members, and labels ``(N, G)``.

    A group is positive where any member is positive. Otherwise it is unknown where any member is
    unknown, because that member may be positive.
    """
    pooled = np.stack([scores[:, list(m)].max(axis=1) for m in groups.values()], axis=1)
    positive, unknown = _any(labels > 0, groups), _any(labels < 0, groups)
    return pooled, np.where(positive, 1, np.where(unknown, UNKNOWN, 0))


def _any(flags: Array, groups: Mapping[str, Sequence[int]]) -> Array:
    """Return ``(N, G)``: True where any member of the group is True in ``flags`` ``(N, C)``."""
    return np.stack([flags[:, list(m)].any(axis=1) for m in groups.values()], axis=1)
