"""The final evaluation of a run as plain data: what its files and its report are made from.

N: images of a split, C: classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .metrics import Array
from .result import SplitResult
from .rules import DecisionRule
from .scored import Groups


@dataclass(frozen=True, eq=False)
class EvaluatedSplit:
    """Result and images of one split.

    Attributes:
        result: metrics, decision rule, scores and labels.
        images: N image names as the annotation file gives them.
        paths: N image files; an empty string where there is no file.
        votes: share of the annotators who chose a class, ``(N, C)``; None without votes.
    """

    result: SplitResult
    images: Sequence[str]
    paths: Sequence[str]
    votes: Array | None = None


@dataclass(frozen=True)
class RuleResult:
    """A decision rule beside others.

    Attributes:
        name: registered name of the rule; ``given`` for another rule of the headline,
            ``from file`` for the rule of a ``rule.json``, or ``best on test``.
        rule: the fitted rule.
        tuned_on: ``val``, ``test`` (an optimistic bound, never a result), or empty: not tuned.
        metrics: split -> ``macro_f1``, ``micro_f1``, ``samples_f1`` in percent.
    """

    name: str
    rule: DecisionRule
    tuned_on: str
    metrics: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, eq=False)
class EvaluatedRun:
    """The final evaluation of a run.

    Attributes:
        title: a line for the head of the report, such as ``IntCLIP on Intentonomy, seed 1``.
        splits: splits in the order of evaluation; the last one is the run's result.
        names: C class names.
        groups: subsets and levels of the hierarchy.
        train_counts: positives of each class in train, ``(C,)``; None without train labels.
        train_prior: share of positives of each class among the known labels of train, ``(C,)``;
            None without train labels.
        rules: decision rules beside each other; the first one is the headline's.
        rule: the chosen decision rule, which ``rule.json`` holds.
        intervals: content of ``intervals.json``; empty without intervals.
        card: content of ``run.json``.
        history: training curves: name -> pairs of step and value.
        notes: sentences about the data that a reader of the results must know.
    """

    title: str
    splits: Mapping[str, EvaluatedSplit]
    names: Sequence[str]
    groups: Groups = field(default_factory=Groups)
    train_counts: Array | None = None
    train_prior: Array | None = None
    rules: Sequence[RuleResult] = ()
    rule: DecisionRule | None = None
    intervals: Mapping[str, Any] = field(default_factory=dict)
    card: Mapping[str, Any] = field(default_factory=dict)
    history: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def final(self) -> EvaluatedSplit:
        """The split that is the run's result: test, or val without test."""
        return list(self.splits.values())[-1]
