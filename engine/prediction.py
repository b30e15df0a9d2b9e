"""Predict a split on all processes and evaluate it on the main one."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from core.distributed import from_main, is_main
from core.logging import get_logger
from engine.parallel import gather_split
from evaluation import SplitResult, evaluate_split

log = get_logger()

Predict = Callable[[dict], tuple[Tensor, Tensor]]  # batch -> scores and labels, (B, C) each


@torch.no_grad()
def predict_split(
    loader: Iterable[dict], predict: Predict, *, split: str, num_classes: int
) -> tuple[Tensor, Tensor]:
    """Return scores and labels ``(N, C)`` of all images of a split in its order.

    Args:
        loader: batches of this process; its images are those of no other process.
        predict: function from a batch to scores and labels, ``(B, C)`` each.
        split: name of the split, for the progress bar.
        num_classes: C.
    """
    index, scores, labels = [], [], []
    # None: tqdm shows the bar on a terminal only.
    disable = None if is_main() else True
    for batch in tqdm(loader, desc=split, leave=False, disable=disable):
        score, label = predict(batch)
        index.append(batch["index"])
        scores.append(score)
        labels.append(label)
    return gather_split(index, scores, labels, num_classes=num_classes)


def evaluate_on_main(evaluator: Any, scores: Tensor, labels: Tensor, rule: Any) -> SplitResult:
    """Return the result of a split; log the decision rule if it was fitted here.

    The main process computes the result, so that all processes have it to the last bit.

    Args:
        evaluator: see :data:`evaluation.EVALUATOR_REGISTRY`.
        scores: ``(N, C)``.
        labels: ``(N, C)``.
        rule: decision rule fitted on val; None fits one, which is right for val only.
    """
    result = from_main(lambda: evaluate_split(evaluator, scores, labels, rule))
    if rule is None and result.rule is not None:
        log.info("Decision rule: %s", result.rule.describe())
    return result
