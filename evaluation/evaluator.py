"""The multi-label evaluator: reset, process batches, evaluate to named floats (Dassl's contract)."""

import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import UserError, not_accepted

from .build import EVALUATOR_REGISTRY
from .metrics import Array, chance_mean_average_precision
from .protocol import (
    Levels,
    Subsets,
    best_threshold,
    evaluate_protocol,
    metric_names,
    per_class_rows,
)

logger = logging.getLogger("intclip")

DEFAULT_SELECT_METRIC = "mean"


@EVALUATOR_REGISTRY.register()
class MultiLabel:
    """Collect probabilities and labels of a split and report the benchmark's protocol on them.

    Attributes:
        threshold: threshold of the F1 scores; None tunes it on the scores at hand, as is right on val only.
        tuned_threshold: the threshold that the last ``evaluate()`` tuned, None when it was given.
        per_class: rows per class of the last ``evaluate()``.
    """

    def __init__(self, cfg: Any, lab2cname: Mapping[int, str] | None = None, **kwargs: Any) -> None:
        self.lab2cname = dict(lab2cname or {})
        self.select_metric = getattr(cfg.TEST, "SELECT_METRIC", "") or DEFAULT_SELECT_METRIC
        self.threshold: float | None = kwargs.get("threshold")
        self.tuned_threshold: float | None = None
        self.subsets: Subsets = {}
        self.levels: Levels = {}
        self.reset()

    def set_groups(self, subsets: Subsets | None = None, levels: Levels | None = None) -> None:
        """Set the class indices of each subset, and of each group of each level; checks the name of the metric."""
        self.subsets, self.levels = dict(subsets or {}), dict(levels or {})
        self._check_select_metric()

    def reset(self) -> None:
        """Forget all scores and labels; the thresholds and groups stay."""
        self._scores: list[Array] = []
        self._labels: list[Array] = []
        self.per_class: list[dict[str, Any]] = []

    def process(self, scores: Tensor, label: Tensor) -> None:
        """Add a batch: probabilities ``(B, C)`` and labels ``(B, C)`` (above 0 positive, 0 negative, -1 unknown)."""
        if scores.dim() != 2 or scores.shape != label.shape:
            raise ValueError(
                f"scores and label must both be (B, C); got {tuple(scores.shape)} and {tuple(label.shape)}"
            )
        num_bad = int((~torch.isfinite(scores)).sum())
        if num_bad:
            raise UserError(
                f"{num_bad} of {scores.numel()} scores are NaN or infinite in the batch that starts at image "
                f"{sum(map(len, self._scores))}: the model has diverged or an input is broken; lower OPTIM.LR, or set "
                "OPTIM.CLIP_GRAD_NORM or PREC fp32"
            )
        self._scores.append(scores.detach().double().cpu().numpy())
        self._labels.append(label.detach().cpu().float().numpy())

    @property
    def scores(self) -> Array:
        """All probabilities so far, ``(N, C)``."""
        return _concatenated(self._scores)

    @property
    def labels(self) -> Array:
        """All labels so far, ``(N, C)``."""
        return _concatenated(self._labels)

    def evaluate(self) -> "OrderedDict[str, float]":
        """Return the metrics in percent (thresholds as they are), the one that selects epochs first, and log them."""
        self._check_select_metric()
        scores, labels = self.scores, self.labels
        if not len(scores):
            raise ValueError("there is nothing to evaluate: no batch was processed")
        self.tuned_threshold = best_threshold(scores, labels) if self.threshold is None else None
        threshold = self.threshold if self.tuned_threshold is None else self.tuned_threshold
        metrics = evaluate_protocol(
            scores, labels, threshold=threshold, subsets=self.subsets, levels=self.levels
        )
        names = [self.lab2cname.get(c, str(c)) for c in range(scores.shape[1])]
        self.per_class = per_class_rows(scores, labels, threshold=threshold, names=names)
        self._log(metrics, num_images=len(scores))
        ordered = OrderedDict(metrics)
        ordered.move_to_end(self.select_metric, last=False)
        return ordered

    def _check_select_metric(self) -> None:
        accepted = [name for name in metric_names(self.subsets, self.levels) if name != "threshold"]
        if self.select_metric not in accepted:
            raise UserError(not_accepted("TEST.SELECT_METRIC", self.select_metric, accepted))

    def _log(self, metrics: Mapping[str, float], *, num_images: int) -> None:
        """Log the result, a record a line: tools that read logs look for a line ``=> result``."""
        logger.info("=> result")
        logger.info("* total: %s", f"{num_images:,}")
        for name, value in metrics.items():
            logger.info(
                "* %s: %s", name, f"{value:.2f}" if name == "threshold" else f"{value:.2f}%"
            )
        logger.info(
            "* chance mAP: %.2f%% (mean share of positives)",
            100 * chance_mean_average_precision(self.labels),
        )
        absent = [row["name"] for row in self.per_class if not row["num_pos"]]
        if absent:
            logger.info(
                "* classes without a positive, left out of mAP and macro F1: %s", ", ".join(absent)
            )


def _concatenated(batches: list[Array]) -> Array:
    return np.concatenate(batches) if batches else np.empty((0, 0))
