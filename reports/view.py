"""Numbers of the final split that several sections read. N: images, C: classes."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from evaluation.evaluated import EvaluatedRun
from evaluation.metrics import Array, average_precision, f1_scores
from evaluation.rules import DecisionRule

from .tables import is_missing


@dataclass(frozen=True, eq=False)
class RunView:
    """A run with the arrays of its final split.

    Attributes:
        run: the run.
    """

    run: EvaluatedRun

    @property
    def split(self) -> str:
        """Name of the final split."""
        return list(self.run.splits)[-1]

    @property
    def scores(self) -> Array:
        """Scores, ``(N, C)`` float64."""
        return self.run.final.result.scores

    @property
    def labels(self) -> Array:
        """Labels ``(N, C)``; above 0 positive, 0 negative, -1 unknown."""
        return self.run.final.result.labels

    @cached_property
    def positive(self) -> Array:
        """True classes, ``(N, C)`` bool."""
        return self.labels > 0

    @cached_property
    def known(self) -> Array:
        """Entries that somebody has judged, ``(N, C)`` bool."""
        return self.labels >= 0

    @property
    def has_rule(self) -> bool:
        """True if the evaluator decides by a rule; without one there are no decisions."""
        return self.run.final.result.rule is not None

    @property
    def tuned_on(self) -> str:
        """Split that the headline's rule is tuned on; empty: not tuned, or no rule."""
        if not self.has_rule:
            return ""
        if self.run.rules:
            return self.run.rules[0].tuned_on
        return "val" if "val" in self.run.splits else ""

    @cached_property
    def pred(self) -> Array:
        """Decisions of the headline's rule, ``(N, C)`` bool; all False without a rule."""
        return self.run.final.result.pred

    @cached_property
    def num_pos(self) -> Array:
        """Positives per class, ``(C,)`` int."""
        return self.positive.sum(axis=0)

    @cached_property
    def ap(self) -> Array:
        """Average precision per class in percent, ``(C,)``; NaN without a positive."""
        return 100 * average_precision(self.scores, self.labels)

    @cached_property
    def f1(self) -> Array:
        """F1 per class in percent, ``(C,)``; NaN without a positive or without a rule."""
        if not self.has_rule:
            return np.full(self.num_classes, np.nan)
        return self.f1_of(self.pred)

    def f1_of(self, pred: Array) -> Array:
        """Return the F1 per class in percent, ``(C,)``, for decisions ``(N, C)``."""
        f1 = 100 * f1_scores(pred, self.labels)["per_class"]
        return np.where(self.num_pos > 0, f1, np.nan)

    @cached_property
    def num_images(self) -> int:
        """N."""
        return len(self.scores)

    @property
    def num_classes(self) -> int:
        """C."""
        return len(self.run.names)

    @cached_property
    def by_frequency(self) -> list[int]:
        """Class indices, the most frequent in the final split first."""
        return np.argsort(-self.num_pos, kind="stable").tolist()

    @cached_property
    def levels(self) -> list[str]:
        """Names of the levels, the most general (fewest groups) first."""
        levels = self.run.groups.levels
        return sorted(levels, key=lambda name: len(levels[name]))

    @cached_property
    def in_tree_order(self) -> list[int]:
        """Class indices sorted by group, the most general level first."""
        places = [self._places(level) for level in self.levels]

        def key(c: int) -> tuple[int, ...]:
            return (*(place[c] for place in places), c)

        return sorted(range(self.num_classes), key=key)

    def group_names(self, level: str) -> list[str]:
        """Return the group of each class at a level; empty for a class without one."""
        names = [""] * self.num_classes
        for group, members in self.run.groups.levels[level].items():
            for c in members:
                names[c] = group
        return names

    def _places(self, level: str) -> list[int]:
        groups = self.run.groups.levels[level]
        places = [len(groups)] * self.num_classes
        for place, members in enumerate(groups.values()):
            for c in members:
                places[c] = place
        return places

    @property
    def metrics(self) -> Mapping[str, float]:
        """Metrics of the final split by name."""
        return self.run.final.result.metrics

    def metric(self, name: str) -> float | None:
        """Return a metric of the final split; None if the evaluator does not report it."""
        value = self.metrics.get(name)
        return None if is_missing(value) else value

    def interval(self, name: str) -> Mapping[str, Any]:
        """Return the entry of a metric in ``intervals.json``; empty without one."""
        same = {"accuracy": "top1_accuracy"}.get(name, name)
        return self.run.intervals.get("metrics", {}).get(same, {})

    def class_intervals(self, name: str) -> list[Mapping[str, Any]]:
        """Return an entry per class of ``ap`` or ``f1``; empty entries without intervals."""
        entries = self.run.intervals.get("classes", {}).get(name)
        return list(entries) if entries else [{}] * self.num_classes

    @property
    def is_probability(self) -> bool:
        """True if all scores are from 0 to 1."""
        return bool(self.scores.size) and 0 <= self.scores.min() <= self.scores.max() <= 1

    @cached_property
    def prior_ratio(self) -> Array | None:
        """Share of positives in the final split over that in train, ``(C,)``, of known labels.

        NaN for a class without a known label, or without a positive in train; None without train.
        """
        if self.run.train_prior is None:
            return None
        known = self.known.sum(axis=0)
        here = np.where(known > 0, self.num_pos / np.maximum(known, 1), np.nan)
        train = np.asarray(self.run.train_prior, dtype=np.float64)
        return here / np.where(train > 0, train, np.nan)


def thresholds_of(rule: DecisionRule | None, num_classes: int) -> Array | None:
    """Return the threshold of each class, ``(C,)``; None if the rule has none.

    Args:
        rule: a decision rule, or None.
        num_classes: C.
    """
    if rule is None:
        return None
    thresholds = rule.thresholds(num_classes)
    return None if thresholds is None else np.asarray(thresholds, dtype=np.float64)
