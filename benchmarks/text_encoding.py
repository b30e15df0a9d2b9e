"""Time and peak memory of encoding all prompts, with the gradient of the contexts or without.

python -m benchmarks.text_encoding --baseline
python -m benchmarks.text_encoding --classes 28 1006 --class-text name --shared-contexts
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

import torch

from benchmarks import _command, _common
from benchmarks._models import KEYS, add_model_flags, build_model, model_cases, precision


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, or be one of the measuring processes."""
    parser = _command.Parser(__doc__, keys=KEYS)
    add_model_flags(parser)
    parser.add_argument("--no-gradient", action="store_true", help="as in evaluation")
    args = parser.parse(argv)
    if args.worker:
        _common.serve(prepare, json.loads(args.worker))
        return
    _common.run(
        "text_encoding",
        args,
        [{**case, "gradient": not args.no_gradient} for case in model_cases(args)],
    )


def prepare(settings: dict[str, Any]) -> Callable[[], None]:
    """Return one encoding of all prompts."""
    model = build_model(settings).train()
    contexts = [parameter for name, parameter in model.named_parameters() if "ctx" in name]
    autocast, plain = precision(settings).autocast, settings["form"] == "straightforward"

    def encode() -> None:
        with torch.set_grad_enabled(settings["gradient"]), autocast():
            features = (
                [model.encode_text(context) for context in contexts] if plain else model.text()
            )
            total = sum(feature.float().square().sum() for feature in features)
        if settings["gradient"]:
            model.zero_grad(set_to_none=True)
            total.backward()

    return encode


if __name__ == "__main__":
    _command.start(main)
