"""Time of evaluating images with text features, random weights, random images; no image is read from a disk.

    python -m benchmarks.evaluation --baseline --images 1217

``--images 152`` measures an eighth of the test split of Intentonomy; the table then also says what 1,217 take: the time
per batch is the same for all but the first, in which our form encodes the texts.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from typing import Any

import torch

from benchmarks import _command, _common
from benchmarks._models import (
    KEYS,
    add_model_flags,
    build_model,
    cached,
    model_cases,
    precision,
    random_images,
)
from engine.speed import text_once

NUM_TEST = 1217


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, or be one of the measuring processes."""
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
    if args.worker:
        _common.serve(prepare, json.loads(args.worker))
        return
    _common.run("evaluation", args, cases(args))


def cases(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the settings of all cases."""
    own = [
        {"batch": batch, "num_images": args.images, "cached": args.cached} for batch in args.batch
    ]
    return [{**case, **batch} for case in model_cases(args) for batch in own]


def prepare(settings: dict[str, Any]) -> Callable[[], None]:
    """Return one evaluation of all images, as after a training epoch; it encodes the texts once."""
    model = build_model(settings)
    batch, numbers = settings["batch"], precision(settings)
    sizes = [
        min(batch, settings["num_images"] - start)
        for start in range(0, settings["num_images"], batch)
    ]
    images = random_images(settings, max(sizes))
    inputs = [images[:size] for size in sizes]
    if settings["cached"] and settings["form"] == "ours":
        inputs = [cached(model, images[:size], settings) for size in sizes]

    @torch.inference_mode()
    def evaluate() -> None:
        model.eval()
        with text_once(model, numbers):
            for batch in inputs:
                with numbers.autocast():
                    logits = model(batch)
                model.scores(logits.float()).cpu()

    return evaluate


if __name__ == "__main__":
    _command.start(main)
