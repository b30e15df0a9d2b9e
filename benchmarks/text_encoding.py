"""Measure time and peak memory of encoding all prompts, with or without a gradient.

    python -m benchmarks.text_encoding --baseline
    python -m benchmarks.text_encoding --classes 28 1006 --class-text name --shared-contexts

One repeat encodes the positive and negative prompts of all classes and, unless --no-gradient is
given, computes the gradient of their contexts. A training step does this once. Weights are random.

The table gives the median time of a repeat ("median ms") and the peak memory beyond the imports
("peak MB"). With --baseline, "speed-up" compares with the straightforward form, which encodes 77
positions per prompt and also computes gradients of the frozen text encoder.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from benchmarks import _command, _common
from benchmarks._models import KEYS, add_model_flags, build_model, model_cases, precision


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, or run as one of the measuring processes."""
    parser = _command.Parser(__doc__, keys=KEYS)
    add_model_flags(parser)
    parser.add_argument(
        "--no-gradient", action="store_true", help="encode without a gradient, as in evaluation"
    )
    args = parser.parse(argv)
    if _common.is_worker(args, prepare):
        return
    cases = [{**case, "gradient": not args.no_gradient} for case in model_cases(args)]
    _common.run("text_encoding", args, cases)


def prepare(settings: dict[str, Any]) -> Callable[[], None]:
    """Return a function that encodes all prompts once."""
    model, numbers = build_model(settings).train(), precision(settings)
    encode = model.encode_texts if settings["form"] == "straightforward" else model.text

    def repeat() -> None:
        with torch.set_grad_enabled(settings["gradient"]), numbers.autocast():
            positive, negative = encode()  # (C, E) each
            total = positive.float().square().sum() + negative.float().square().sum()
        if settings["gradient"]:
            model.zero_grad(set_to_none=True)
            total.backward()

    return repeat


if __name__ == "__main__":
    _command.start(main)
