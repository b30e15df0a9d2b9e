"""Measure time and peak memory of evaluating a split: scores of all images, then metrics.

    python -m benchmarks.evaluation --baseline --images 1217

One repeat predicts and evaluates a split with the functions that the trainer uses. Images and
weights are random and already in memory; nothing is read from disk. The test split of Intentonomy
has 1,217 images.

The table gives the median time of a repeat ("median ms"), images per second, and the peak memory
beyond the imports ("peak MB"). With --baseline, "speed-up" compares with the straightforward form,
which encodes the texts again for every batch; ours encodes them once for the split. A smaller
--images therefore gives a smaller speed-up.
"""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from benchmarks import _command, _common
from benchmarks._models import (
    KEYS,
    add_model_flags,
    build_model,
    cached,
    class_texts,
    configuration,
    is_cached,
    model_cases,
    precision,
    random_images,
    random_labels,
)
from engine.prediction import evaluate_on_main, predict_split
from engine.speed import text_once
from evaluation import SplitResult, build_evaluator

NUM_TEST = 1217


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, or run as one of the measuring processes."""
    parser = _command.Parser(__doc__, repeats=3, keys=KEYS)
    add_model_flags(parser)
    parser.add_argument("--images", type=_command.at_least(1), default=NUM_TEST)
    parser.add_argument(
        "--batch",
        nargs="+",
        type=_command.at_least(1),
        default=[64],
        help="64 in the published recipe",
    )
    parser.add_argument(
        "--cached", action="store_true", help="our form starts from cached frozen features"
    )
    args = parser.parse(argv)
    if _common.is_worker(args, prepare):
        return
    _common.run("evaluation", args, cases(args))


def cases(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the settings of all cases."""
    found = []
    for case in model_cases(args):
        for batch in args.batch:
            own = {"batch": batch, "num_images": args.images, "cached": args.cached}
            found.append({**case, **own})
    return found


def prepare(settings: dict[str, Any]) -> Callable[[], SplitResult]:
    """Return a function that evaluates all images once, as after a training epoch."""
    model = build_model(settings).eval()
    numbers = precision(settings)
    names = dict(enumerate(class_texts(settings["classes"], "name")))
    evaluator = build_evaluator(configuration(settings), lab2cname=names)
    with torch.no_grad():
        batches = make_batches(model, settings)

    def predict(batch: dict) -> tuple[Tensor, Tensor]:
        with numbers.autocast():
            logits = model(batch["inputs"])
        return model.scores(logits), batch["label"]

    def evaluate() -> SplitResult:
        with torch.no_grad(), text_once(model, numbers):
            scores, labels = predict_split(
                batches, predict, split="test", num_classes=settings["classes"]
            )
        return evaluate_on_main(evaluator, scores, labels, None)

    return evaluate


def make_batches(model: torch.nn.Module, settings: dict[str, Any]) -> list[dict]:
    """Return the batches of a split; all share one set of images, to need less memory."""
    size, num_images = settings["batch"], settings["num_images"]
    images = random_images(settings, min(size, num_images))
    labels = random_labels(settings, num_images)  # (N, C)
    batches = []
    for index in torch.arange(num_images).split(size):
        inputs = images[: len(index)]
        if is_cached(settings):
            inputs = cached(model, inputs, settings)
        batches.append({"inputs": inputs, "label": labels[index], "index": index})
    return batches


if __name__ == "__main__":
    _command.start(main)
