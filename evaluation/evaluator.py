"""Evaluators: reset, process batches, evaluate to named numbers (Dassl's contract)."""

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.config import declare_check
from core.errors import UserError, not_accepted, not_registered
from core.logging import get_logger

from .benchmark_metrics import per_class_rows
from .build import EVALUATOR_REGISTRY, evaluator_name
from .metrics import Array, chance_mean_average_precision
from .rules import DecisionRule, GlobalThreshold
from .scored import Groups, Scored
from .table import compute_metrics, entry_of, metric_names, selecting_names

log = get_logger()

DEFAULT_SELECT_METRIC = "mean"


class Evaluator(ABC):
    """Base class of evaluators that decide by a rule. B: images of a batch, C: classes.

    Attributes:
        lab2cname: class index -> class name.
        groups: subsets and levels of the classes; empty ones when none are given.
        rule: decision rule of the last ``evaluate()``; None before.
        per_class: a row per class of the last ``evaluate()``, for per_class.csv.
    """

    def __init__(
        self,
        cfg: Any,
        lab2cname: Mapping[int, str] | None = None,
        groups: Groups | None = None,
        **kwargs: Any,
    ) -> None:
        self.cfg = cfg
        self.lab2cname = dict(lab2cname or {})
        self.groups = groups or Groups()
        self.rule: DecisionRule | None = None
        self.per_class: list[dict[str, Any]] = []

    @abstractmethod
    def reset(self) -> None:
        """Forget all batches."""

    @abstractmethod
    def process(self, scores: Tensor, label: Tensor) -> None:
        """Add a batch.

        Args:
            scores: ``(B, C)``, larger is more likely.
            label: ``(B, C)``; above 0 positive, 0 negative, -1 unknown.
        """

    @abstractmethod
    def evaluate(self, rule: DecisionRule | None = None) -> "OrderedDict[str, float]":
        """Return metrics by name; the first value selects epochs, larger is better.

        Args:
            rule: decision rule to apply; None fits one on these batches, as is right on val only.
        """


@EVALUATOR_REGISTRY.register()
class MultiLabel(Evaluator):
    """Collect probabilities and labels of a split and report the table of metrics on them.

    ``TEST.SELECT_METRIC`` names the metric that selects epochs. It is checked when the evaluator is
    built with its groups. Dassl builds it without; then ``evaluate()`` checks it.
    """

    def __init__(
        self,
        cfg: Any,
        lab2cname: Mapping[int, str] | None = None,
        groups: Groups | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(cfg, lab2cname, groups, **kwargs)
        # Somebody's Dassl configuration need not have this key.
        self.select_metric = getattr(cfg.TEST, "SELECT_METRIC", "") or DEFAULT_SELECT_METRIC
        if groups is not None:
            self._check_select_metric()
        self.reset()

    def reset(self) -> None:
        """Forget all scores and labels, and the results of the last ``evaluate()``."""
        self._scores: list[Array] = []
        self._labels: list[Array] = []
        self.rule = None
        self.per_class = []

    def process(self, scores: Tensor, label: Tensor) -> None:
        """Add a batch of probabilities ``(B, C)`` and labels ``(B, C)``.

        Raises:
            ValueError: the shapes are not both ``(B, C)``.
            UserError: a score is not finite.
        """
        if scores.dim() != 2 or scores.shape != label.shape:
            raise ValueError(
                "scores and label must both be (B, C); "
                f"got {tuple(scores.shape)} and {tuple(label.shape)}"
            )
        # NaN has no place in a ranking: the metrics would be wrong numbers, not NaN.
        num_bad = int((~torch.isfinite(scores)).sum())
        if num_bad:
            start = sum(map(len, self._scores))
            raise UserError(
                f"{num_bad} of {scores.numel()} scores are NaN or infinite in the batch that "
                f"starts at image {start}: the model has diverged or an input is broken; "
                "lower OPTIM.LR, or set OPTIM.CLIP_GRAD_NORM or PREC fp32"
            )
        self._scores.append(scores.detach().double().cpu().numpy())
        self._labels.append(label.detach().float().cpu().numpy())

    def evaluate(self, rule: DecisionRule | None = None) -> "OrderedDict[str, float]":
        """Return and log the metrics in percent, the one that selects epochs first.

        Args:
            rule: decision rule to apply; None fits one threshold on these batches.

        Raises:
            ValueError: no batch was processed.
            UserError: ``TEST.SELECT_METRIC`` is unknown, or a metric or the rule fails.
        """
        self._check_select_metric()
        if not self._scores:
            raise ValueError("there is nothing to evaluate: no batch was processed")
        scores, labels = np.concatenate(self._scores), np.concatenate(self._labels)
        if rule is None:
            rule = GlobalThreshold.fit(scores, labels)
        split = Scored.by_rule(scores, labels, rule, self.groups)
        metrics = compute_metrics(split, rule, self.groups)
        self.rule = rule
        self.per_class = per_class_rows(split, self._class_names(scores.shape[1]))
        self._log(metrics, split)
        # Dassl selects by the first value.
        ordered = OrderedDict(metrics)
        ordered.move_to_end(self.select_metric, last=False)
        return ordered

    def first_lines(self, metrics: Mapping[str, float], *, num_images: int) -> list[str]:
        """Return lines for the log in front of the metrics; a subclass may have some."""
        return []

    def _check_select_metric(self) -> None:
        if self.select_metric not in selecting_names(self.groups):
            raise UserError(_about_metric(self.select_metric, self.groups))

    def _class_names(self, num_classes: int) -> list[str]:
        return [self.lab2cname.get(c, str(c)) for c in range(num_classes)]

    def _log(self, metrics: Mapping[str, float], split: Scored) -> None:
        """Log one line per metric; CoOp's and Dassl's parsers look for the line ``=> result``."""
        log.info("=> result")
        log.info("* total: %s", f"{len(split.scores):,}")
        for line in self.first_lines(metrics, num_images=len(split.scores)):
            log.info("* %s", line)
        without_unit = self.rule.numbers()
        for name, value in metrics.items():
            entry = entry_of(name)
            if entry is not None and not entry.listed:
                continue
            unit = "" if name in without_unit else "%"
            log.info("* %s: %.2f%s", name, value, unit)
        chance = 100 * chance_mean_average_precision(split.labels)
        log.info("* chance mAP: %.2f%% (mean share of positives)", chance)
        absent = [row["name"] for row in self.per_class if not row["num_pos"]]
        if absent:
            log.info(
                "* classes without a positive, left out of mAP and macro F1: %s", ", ".join(absent)
            )


def _about_metric(name: str, groups: Groups) -> str:
    """Return why a metric cannot select epochs, for an error."""
    accepted = selecting_names(groups)
    if name not in metric_names(groups):
        return not_registered("TEST.SELECT_METRIC", name, accepted)
    return (
        f"{not_accepted('TEST.SELECT_METRIC', name, accepted)} The smaller '{name}' is, the "
        "better; the best epoch is the one with the largest value"
    )


def _check_metric_name(cfg: Any) -> None:
    """Check ``TEST.SELECT_METRIC`` as far as it is possible without the groups of a data set."""
    name = cfg.TEST.SELECT_METRIC
    evaluator = EVALUATOR_REGISTRY.get(evaluator_name(cfg))
    # An evaluator of another kind may have names of its own.
    if not name or not (isinstance(evaluator, type) and issubclass(evaluator, MultiLabel)):
        return
    entry = entry_of(name)
    if entry is None or entry.smaller_is_better:
        raise UserError(_about_metric(name, Groups()))


declare_check("TEST.SELECT_METRIC", _check_metric_name)
