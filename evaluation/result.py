"""The result of one split, obtained from any evaluator that keeps the registry's contract."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from core.errors import UserError

from .metrics import Array
from .rules import DecisionRule
from .signature import accepts


@dataclass(frozen=True, eq=False)
class SplitResult:
    """Metrics, rule and scores of one split. N: images, C: classes.

    Attributes:
        metrics: name -> value, in the evaluator's order; the first value selects epochs.
        rule: decision rule that was used; None if the evaluator has none.
        per_class: rows of per_class.csv; empty if the evaluator has none.
        scores: ``(N, C)`` float64.
        labels: ``(N, C)`` float32; above 0 positive, 0 negative, -1 unknown.
    """

    metrics: dict[str, float]
    rule: DecisionRule | None
    per_class: list[dict[str, Any]]
    scores: Array
    labels: Array

    @property
    def selected(self) -> float:
        """Value of the first metric, which selects epochs; larger is better."""
        return next(iter(self.metrics.values()))

    @property
    def pred(self) -> Array:
        """Decisions of the rule, ``(N, C)`` bool; without a rule all are False."""
        if self.rule is None:
            return np.zeros(self.scores.shape, dtype=bool)
        return self.rule.decide(self.scores)


def evaluate_split(
    evaluator: Any, scores: Tensor, labels: Tensor, rule: DecisionRule | None = None
) -> SplitResult:
    """Evaluate all images of a split at once.

    Args:
        evaluator: any object with ``reset``, ``process`` and ``evaluate`` (see
            ``EVALUATOR_REGISTRY``). If its ``evaluate`` has no argument ``rule``, ``rule`` is not
            passed. If it has no attributes ``rule`` and ``per_class``, the result has none.
        scores: ``(N, C)``, larger is more likely.
        labels: ``(N, C)``.
        rule: decision rule, fitted on val; None lets the evaluator fit one.

    Raises:
        UserError: ``evaluate`` does not return a dict of numbers, or the evaluator raises one.
    """
    evaluator.reset()
    evaluator.process(scores, labels)
    if accepts(evaluator.evaluate, "rule"):
        metrics = evaluator.evaluate(rule=rule)
    else:
        metrics = evaluator.evaluate()
    return SplitResult(
        metrics=_plain_metrics(metrics, type(evaluator).__name__),
        rule=getattr(evaluator, "rule", None),
        per_class=list(getattr(evaluator, "per_class", [])),
        scores=scores.detach().double().cpu().numpy(),
        labels=labels.detach().float().cpu().numpy(),
    )


def _plain_metrics(metrics: Any, evaluator: str) -> dict[str, float]:
    """Return the metrics of an evaluator as a dict of Python floats."""
    if not isinstance(metrics, Mapping) or not metrics:
        raise UserError(
            f"{evaluator}.evaluate() returned {metrics!r}; expected a dict of names and numbers, "
            "the selecting one first"
        )
    # NumPy's and torch's numbers become Python's: the result is pickled and written as JSON.
    plain = {}
    for name, value in metrics.items():
        try:
            plain[name] = float(value)
        except (TypeError, ValueError):
            raise UserError(
                f"{evaluator}.evaluate() returned {value!r} for '{name}'; expected a number"
            ) from None
    return plain
