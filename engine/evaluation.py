"""Predict a split on all processes, evaluate it on one, write the results of a run."""

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
    """Return scores and labels ``(N, C)`` of all images of a split in its order; each process
    predicts its own.
    """
    index, scores, labels = [], [], []
    for batch in tqdm(loader, desc=split, leave=False, disable=None if is_main() else True):
        score, label = predict(batch)
        index.append(batch["index"])
        scores.append(score)
        labels.append(label)
    return gather_split(index, scores, labels, num_classes=num_classes)


def evaluate_on_main(evaluator: Any, scores: Tensor, labels: Tensor, rule: Any) -> SplitResult:
    """Return the result of a split, computed on the main process, so that all agree on it to the
    last bit.

    Args:
        evaluator: see :data:`evaluation.EVALUATOR_REGISTRY`.
        scores: ``(N, C)``.
        labels: ``(N, C)``.
        rule: decision rule fitted on val; None: this is val, fit one.
    """
    return from_main(lambda: evaluate_split(evaluator, scores, labels, rule))


def write_results(
    folder: Path,
    results: Mapping[str, SplitResult],
    *,
    weights: str,
    impaths: Mapping[str, Sequence[str]] | None = None,
    names: Sequence[str] = (),
) -> None:
    """Log the table of splits; on the main process, write ``metrics.json``, ``per_class*.csv``,
    ``predictions.csv``.

    Args:
        folder: output folder of the run.
        results: by split, in the order of evaluation; the last one is the run's result.
        weights: text that says which weights were evaluated.
        impaths: image files of each split; None writes no predictions.
        names: class names, for the predictions.
    """
    metrics = {split: dict(result.metrics) for split, result in results.items()}
    last = list(results)[-1]
    if is_main():
        for split, result in results.items():
            suffix = "" if split == last else f"_{split}"
            if result.per_class:  # an evaluator need not have any
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
