"""The evaluator of zero-shot data sets: unseen classes alone (ZSL), and all classes (GZSL).

Protocol of the zero-shot multi-label literature (Lee et al., CVPR 2018): precision, recall and F1
of the k best classes of each image over all images together, and mAP. C: classes, N: images.
"""

from collections import OrderedDict

import numpy as np

from core.config import Key, declare
from core.logging import get_logger

from .build import EVALUATOR_REGISTRY
from .evaluator import MultiLabel
from .metrics import Array, mean_average_precision
from .ranking import rank_classes, top_k_scores
from .rules import DecisionRule

log = get_logger()

DEPTHS = (3, 5)

declare(
    "TEST",
    Key(
        "ZSL_IMAGES",
        "labelled",
        "images of the zero-shot result: those that have an unseen class (labelled), or all",
        choices=("labelled", "all"),
    ),
)


@EVALUATOR_REGISTRY.register()
class ZeroShot(MultiLabel):
    """The metrics of :class:`MultiLabel`, and those of the zero-shot literature on test.

    ``zsl_*`` rank the unseen classes alone, ``gzsl_*`` all classes. On val the unseen classes are
    unknown, so that the metrics of the seen ones select epochs and threshold.
    """

    def evaluate(self, rule: DecisionRule | None = None) -> "OrderedDict[str, float]":
        """Return and log the metrics in percent, the one that selects epochs first.

        Args:
            rule: decision rule to apply; None fits one threshold on these batches.

        Raises:
            ValueError: no batch was processed.
            UserError: a metric or the rule fails.
        """
        metrics = super().evaluate(rule)
        unseen = list(self.groups.subsets.get("unseen", ()))
        scores, labels = np.concatenate(self._scores), np.concatenate(self._labels)
        if unseen and (labels[:, unseen] >= 0).any():
            every_image = getattr(self.cfg.TEST, "ZSL_IMAGES", "labelled") == "all"
            extra = zero_shot_metrics(scores, labels, unseen, every_image=every_image)
            for name, value in extra.items():
                log.info("* %s: %.2f%s", name, value, "" if name.endswith("_images") else "%")
            metrics.update(extra)
        return metrics


def zero_shot_metrics(
    scores: Array, labels: Array, unseen: list[int], *, every_image: bool = False
) -> dict[str, float]:
    """Return ``zsl_*`` and ``gzsl_*`` in percent; ``*_images`` are numbers of images.

    Args:
        scores: (N, C).
        labels: (N, C); above 0 positive, 0 negative, -1 unknown.
        unseen: indices of the unseen classes.
        every_image: images without an unseen class count for ``zsl_*``, too.
    """
    rows = slice(None)
    if not every_image:
        rows = (labels[:, unseen] > 0).any(axis=1)
    metrics = {}
    parts = {
        "zsl": (scores[:, unseen][rows], labels[:, unseen][rows]),
        "gzsl": (scores, labels),
    }
    for name, (part_scores, part_labels) in parts.items():
        metrics[f"{name}_images"] = float(len(part_labels))
        metrics[f"{name}_mAP"] = 100 * mean_average_precision(part_scores, part_labels)
        ranks = rank_classes(part_scores, part_labels)
        for k in DEPTHS:
            values = top_k_scores(ranks, part_labels, k)
            for kind, value in zip(("precision", "recall", "f1"), values, strict=True):
                metrics[f"{name}_{kind}_top{k}"] = 100 * float(value)
    return metrics
