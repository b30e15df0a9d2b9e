"""Predict a split on all processes, evaluate it on the main one, write the results of a run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from core.distributed import from_main, is_main
from core.logging import get_logger
from engine.parallel import gather_split
from evaluation import (
    SplitResult,
    evaluate_split,
    format_table,
    write_metrics,
    write_per_class,
    write_predictions,
)

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


def write_results(
    folder: Path,
    results: Mapping[str, SplitResult],
    *,
    weights: str,
    impaths: Mapping[str, Sequence[str]] | None = None,
    names: Sequence[str] = (),
) -> None:
    """Log the table of all splits; write the result files on the main process.

    The files are ``metrics.json``, ``per_class.csv`` and ``predictions.csv`` of the last split, and
    ``per_class_<split>.csv`` of the others.

    Args:
        folder: output folder of the run.
        results: results by split, in the order of evaluation; the last one is the run's result.
        weights: name of the evaluated weights, such as ``epoch 3``.
        impaths: image files by split; None writes no predictions.
        names: class names, for the predictions.
    """
    metrics = {split: dict(result.metrics) for split, result in results.items()}
    last = list(results)[-1]
    if is_main():
        for split, result in results.items():
            suffix = "" if split == last else f"_{split}"
            if result.per_class:  # evaluators of other projects may have no rows
                write_per_class(folder / f"per_class{suffix}.csv", result.per_class)
        if impaths is not None:
            _write_predictions(folder / "predictions.csv", results[last], impaths[last], names)
        write_metrics(folder / "metrics.json", {"model": weights, **metrics})
    log.info("%s\nResults of %s: %s", format_table(metrics), weights, folder / "metrics.json")


def _write_predictions(
    path: Path, result: SplitResult, impaths: Sequence[str], names: Sequence[str]
) -> None:
    write_predictions(
        path,
        impaths=impaths,
        names=names,
        scores=result.scores,
        labels=result.labels,
        pred=result.pred,
    )
