"""Measure time and peak memory of a training step: forward, loss, backward, update.

    python -m benchmarks.training_step --baseline --batch 8 32
    python -m benchmarks.training_step --baseline --batch 32 --cached
    python -m benchmarks.training_step --device cuda --batch 64 --precision fp32 bf16 --schedule
    python -m benchmarks.training_step --baseline --batch 8 --profile

One repeat is one step on the same random images, which are already on the device; weights are
random. Our form runs the engine's own TrainingStep, so SPEED.MICRO_BATCH works as in train.py.

The table gives the median time of a step ("median ms"), images per second, and the peak memory
beyond the imports ("peak MB"; on CUDA, the memory that torch allocated). With --baseline,
"speed-up" and "share of memory" compare with the straightforward form. --schedule adds the hours
that the published schedule takes at this speed, without loading, and the share of an H100's peak.
--profile prints the time of single operations instead.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import _command, _common
from benchmarks._models import (
    KEYS,
    add_model_flags,
    build_model,
    cached,
    configuration,
    is_cached,
    learnable,
    model_cases,
    precision,
    random_images,
    random_labels,
)
from engine.loop import TrainingStep
from engine.precision import Precision
from losses import build_loss

SCHEDULE = 60 * 12_740  # epochs of the published schedule times training images of Intentonomy

# Dense operations per second of an H100 SXM.
PEAK = {"fp32": 67e12, "tf32": 495e12, "bf16": 989e12, "fp16": 989e12}


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, or run as one of the measuring processes."""
    args = parse(argv)
    if _common.is_worker(args, prepare):
        return
    if args.profile:
        for case in cases(args):
            for settings in _common.forms(args, case):
                print(f"{json.dumps(settings)}\n{profile(settings)}", flush=True)
        return
    results = _common.run("training_step", args, cases(args))
    if args.schedule:
        print("\n" + schedule(results))


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the flags."""
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
    return parser.parse(argv)


def cases(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the settings of all cases."""
    found = []
    for case in model_cases(args):
        for batch in args.batch:
            own = {"batch": batch, "num_images": batch, "cached": args.cached}
            found.append({**case, **own})
    return found


def prepare(settings: dict[str, Any]) -> Callable[[], Tensor]:
    """Return a function that makes one training step and returns its loss, on the device."""
    model = build_model(settings).train()
    optim = torch.optim.SGD(learnable(model), lr=1e-5, momentum=0.9, weight_decay=5e-4)
    loss, numbers = build_loss("AsymmetricPairLoss"), precision(settings)
    inputs = random_images(settings, settings["batch"])
    labels = random_labels(settings, settings["batch"])
    if is_cached(settings):
        inputs = cached(model, inputs, settings)
    if settings["form"] == "straightforward":
        return lambda: plain_step(model, loss, optim, numbers, inputs, labels)
    size = configuration(settings).SPEED.MICRO_BATCH
    step = TrainingStep(model, model, loss, optim, numbers, micro_batch=size)
    return lambda: step(inputs, labels)


def plain_step(
    model: nn.Module,
    loss: nn.Module,
    optim: torch.optim.Optimizer,
    numbers: Precision,
    images: Tensor,
    label: Tensor,
) -> Tensor:
    """Make the straightforward form's step on images ``(B, 3, H, W)`` and labels ``(B, C)``.

    Returns:
        The loss, detached.
    """
    optim.zero_grad(set_to_none=True)
    with numbers.autocast():
        value = loss(model(images), label)
    numbers.scaler.scale(value).backward()
    numbers.scaler.step(optim)
    numbers.scaler.update()
    return value.detach()


def profile(settings: dict[str, Any], num_rows: int = 20) -> str:
    """Return a table of the operations of one step by their own time, longest first."""
    from torch.profiler import ProfilerActivity

    step, on_cuda = prepare(settings), settings["device"] == "cuda"
    step()
    activities, sort_by = [ProfilerActivity.CPU], "self_cpu_time_total"
    if on_cuda:
        activities.append(ProfilerActivity.CUDA)
        sort_by = "self_cuda_time_total"
    with torch.profiler.profile(activities=activities) as record:
        step()
        if on_cuda:
            torch.cuda.synchronize()
    averages = record.key_averages()
    return averages.table(sort_by=sort_by, row_limit=num_rows, max_name_column_width=40)


def schedule(results: Sequence[dict[str, Any]]) -> str:
    """Return a Markdown table: hours of the published schedule, and share of an H100's peak."""
    rows = [["form", "size", "batch", "precision", "hours", "share of an H100's peak"]]
    for result in results:
        settings = result["settings"]
        case = [str(settings[name]) for name in ("form", "size", "batch", "precision")]
        hours = SCHEDULE / result["images_per_s"] / 3600
        rows.append([*case, f"{hours:.2f}", share_of_peak(result)])
    return _common.markdown(rows)


def share_of_peak(result: dict[str, Any]) -> str:
    """Return the share of an H100's peak operations per second; empty for a case on the CPU."""
    settings = result["settings"]
    if settings["device"] != "cuda":
        return ""
    name = settings["precision"]
    # Convolutions use TF32 in torch unless it is switched off.
    if name == "fp32" and configuration(settings).SPEED.TF32 != "off":
        name = "tf32"
    return f"{operations(settings) / (result['median'] / 1000) / PEAK[name]:.1%}"


def operations(settings: dict[str, Any]) -> int:
    """Return the floating-point operations of one step of our form, as torch counts them.

    The text part does not depend on the batch and the image part is proportional to it, so the
    counts at batch sizes 1 and 2 give both.
    """
    from torch.utils.flop_counter import FlopCounterMode

    own = {"form": "ours", "device": "cpu", "precision": "fp32", "speed": []}
    counts = []
    for batch in (1, 2):
        step = prepare({**settings, **own, "batch": batch})
        with FlopCounterMode(display=False) as counter:
            step()
        counts.append(counter.get_total_flops())
    per_image = counts[1] - counts[0]
    return counts[0] + (settings["batch"] - 1) * per_image


if __name__ == "__main__":
    _command.start(main)
