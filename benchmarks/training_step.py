"""Time and peak memory of a training step: forward, loss, backward, update; random weights, random images.

python -m benchmarks.training_step --baseline --batch 8 32
python -m benchmarks.training_step --baseline --batch 32 --cached
python -m benchmarks.training_step --device cuda --batch 64 --precision fp32 bf16 --schedule
python -m benchmarks.training_step --baseline --batch 8 --profile
"""

import argparse
import json
from collections.abc import Callable, Sequence
from typing import Any

import torch

from benchmarks import _command, _common
from benchmarks._models import (
    KEYS,
    PEAK,
    add_model_flags,
    build_model,
    cached,
    learnt,
    model_cases,
    precision,
    random_images,
    random_labels,
)
from core.config_merge import setup_cfg
from engine.speed import batch_parts, part_weight, text_once
from losses import build_loss

SCHEDULE = (
    60 * 12_740
)  # images of the published schedule: epochs times training images of Intentonomy


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, or be one of the measuring processes."""
    parser = _command.Parser(__doc__, keys=KEYS)
    add_model_flags(parser)
    parser.add_argument("--batch", nargs="+", type=_command.at_least(1), default=[8, 32])
    parser.add_argument(
        "--cached", action="store_true", help="our form starts from cached frozen features"
    )
    parser.add_argument(
        "--schedule",
        action="store_true",
        help="also the training time of the published schedule, and the share of peak",
    )
    parser.add_argument(
        "--profile", action="store_true", help="the time of each operation instead (torch.profiler)"
    )
    args = parser.parse(argv)
    if args.worker:
        _common.serve(prepare, json.loads(args.worker))
        return
    if args.profile:
        for case in cases(args):
            for settings in _common.forms(args, case):
                print(f"{json.dumps(settings)}\n{profile(settings)}", flush=True)
        return
    results = _common.run("training_step", args, cases(args))
    if args.schedule:
        print("\n" + schedule(results))


def cases(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the settings of all cases."""
    own = [{"batch": batch, "num_images": batch, "cached": args.cached} for batch in args.batch]
    return [{**case, **batch} for case in model_cases(args) for batch in own]


def prepare(settings: dict[str, Any]) -> Callable[[], None]:
    """Return one training step."""
    model = build_model(settings).train()
    optimizer = torch.optim.SGD(learnt(model), lr=1e-5, momentum=0.9, weight_decay=5e-4)
    loss, numbers = build_loss("AsymmetricPairLoss"), precision(settings)
    scaler = numbers.scaler
    inputs, labels = (
        random_images(settings, settings["batch"]),
        random_labels(settings, settings["batch"]),
    )
    if settings["cached"] and settings["form"] == "ours":
        inputs = cached(model, inputs, settings)
    size = _option(settings, "MICRO_BATCH")

    def backward(images: Any, label: torch.Tensor, weight: float) -> None:
        with numbers.autocast():
            value = weight * loss(model(images), label)
        scaler.scale(value).backward()

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        parts = batch_parts(inputs, labels, size if settings["form"] == "ours" else 0)
        if len(parts) == 1:
            backward(inputs, labels, 1.0)
        else:
            with text_once(model, numbers):
                for images, label in parts:
                    backward(images, label, part_weight(loss, len(label), len(labels)))
        scaler.step(optimizer)
        scaler.update()

    return step


def profile(settings: dict[str, Any], num_rows: int = 20) -> str:
    """Return the operations of one training step by their own time, longest first."""
    from torch.profiler import ProfilerActivity

    step, on_cuda = prepare(settings), settings["device"] == "cuda"
    step()
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_cuda else [])]
    with torch.profiler.profile(activities=activities) as record:
        step()
        if on_cuda:
            torch.cuda.synchronize()
    key = "self_cuda_time_total" if on_cuda else "self_cpu_time_total"
    return record.key_averages().table(sort_by=key, row_limit=num_rows, max_name_column_width=40)


def schedule(results: Sequence[dict[str, Any]]) -> str:
    """Return a Markdown table: hours of the published schedule at each result's speed, and share of the peak."""
    rows = [
        "| form | size | batch | precision | hours | share of an H100's peak |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for result in results:
        settings = result["settings"]
        hours = SCHEDULE / result["images_per_s"] / 3600
        name = settings["precision"]
        peak = (
            "tf32" if name == "fp32" and _option(settings, "TF32") != "off" else name
        )  # cuDNN's is on in torch
        share = operations(settings) / (result["median"] / 1000) / PEAK[peak]
        shown = f"{share:.1%}" if settings["device"] == "cuda" else ""
        case = " | ".join(str(settings[name]) for name in ("form", "size", "batch", "precision"))
        rows.append(f"| {case} | {hours:.2f} | {shown} |")
    return "\n".join(rows)


def _option(settings: dict[str, Any], name: str) -> Any:
    return setup_cfg([], opts=settings["speed"]).SPEED[name]


def operations(settings: dict[str, Any]) -> int:
    """Return the floating-point operations of one step of our form, counted by torch on a batch of two.

    The text part does not depend on the batch, the image part grows with it: two counts give both.
    """
    from torch.utils.flop_counter import FlopCounterMode

    counts = []
    for batch in (1, 2):
        small = {
            **settings,
            "form": "ours",
            "device": "cpu",
            "precision": "fp32",
            "batch": batch,
            "speed": [],
        }
        step = prepare(small)
        with FlopCounterMode(display=False) as counter:
            step()
        counts.append(counter.get_total_flops())
    per_image = counts[1] - counts[0]
    return counts[0] + (settings["batch"] - 1) * per_image


if __name__ == "__main__":
    _command.start(main)
