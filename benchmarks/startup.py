"""Measure the time from the start of a process until the first training step.

    python -m benchmarks.startup --baseline

One repeat starts a new process; the file of the backbone lies on disk. Our form is train.py itself
on a small generated data set. The straightforward form imports torch, torchvision and open_clip,
loads the same file with open_clip, builds its two encoders and reads one batch, and no more.

The table gives the median time of a start ("median ms"). "CPU ms" and "peak MB" belong to the
process that waits and mean nothing here. Each start also prints a line with "phases" to stderr: the
milliseconds until the imports were done, the model was built, and the first batch was there.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import _command, _common

BATCH = 8
Mark = Callable[[str], None]  # notes the end of a phase


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, run as one of the measuring processes, or be the process that starts up."""
    parser = _command.Parser(__doc__)
    parser.add_argument(
        "--backbone", nargs="+", default=["RN101"], help="names of open_clip; random weights"
    )
    parser.add_argument(
        "--arch", default="", help="architecture file (open_clip JSON) instead of a name"
    )
    parser.add_argument("--size", type=_command.at_least(32), default=224)
    parser.add_argument("--probe", default="", help=argparse.SUPPRESS)
    args = parser.parse(argv)
    if args.probe:
        probe(json.loads(args.probe))
    elif not _common.is_worker(args, prepare):
        own = {"arch": args.arch, "size": args.size}
        _common.run("startup", args, [{"backbone": name, **own} for name in args.backbone])


def prepare(settings: dict[str, Any]) -> Callable[[], None]:
    """Write data set and backbone file; return a function that starts one process and waits."""
    import torch

    from models import load_clip
    from tools.scenes.make import make_scenes

    folder = tempfile.TemporaryDirectory()
    make_scenes(folder.name, seed=0, size=settings["size"], num_train=16, num_val=8, num_test=8)
    arch = str(_common.ROOT / settings["arch"]) if settings["arch"] else ""
    clip = load_clip(
        settings["backbone"], arch=arch, pretrained=False, quick_gelu=True, generator_seed=0
    )
    torch.save(clip.state_dict(), Path(folder.name, "clip.pt"))
    del clip

    def start() -> None:
        case = {**settings, "arch": arch, "folder": folder.name, "started": time.time()}
        command = [sys.executable, "-m", "benchmarks.startup", "--probe", json.dumps(case)]
        subprocess.run(command, cwd=_common.ROOT, env=os.environ, check=True, stdout=sys.stderr)

    return start


def probe(case: dict[str, Any]) -> None:
    """Start up as ``case["form"]``; print the milliseconds from the start to each phase's end."""
    phases: dict[str, float] = {}

    def mark(name: str) -> None:
        phases[name] = round(1000 * (time.time() - case["started"]), 1)

    if case["form"] == "ours":
        start_ours(mark, case)
    else:
        start_straightforward(mark, case)
    mark("first batch")
    print(json.dumps({"form": case["form"], "phases": phases}))


class FirstStep(Exception):
    """Raised in place of the first training step."""


def start_ours(mark: Mark, case: dict[str, Any]) -> None:
    """Run ``train.py`` until its first step."""
    import train
    from engine.trainer import MultiLabelTrainer

    mark("imports")
    before_train = MultiLabelTrainer.before_train

    def stop(self: MultiLabelTrainer, batch: dict) -> None:
        raise FirstStep

    def mark_model(self: MultiLabelTrainer) -> None:
        mark("model")
        before_train(self)

    MultiLabelTrainer.before_train = mark_model
    MultiLabelTrainer.forward_backward = stop
    try:
        train.main(our_arguments(case))
    except FirstStep:
        return
    raise AssertionError("train.py made no training step")


def our_arguments(case: dict[str, Any]) -> list[str]:
    """Return the command line of ``train.py``."""
    configs, folder, size = _common.ROOT / "configs", case["folder"], case["size"]
    flags = {
        "--root": folder,
        "--seed": "1",
        "--trainer": "IntCLIP",
        "--output-dir": f"{folder}/out",
        "--dataset-config-file": str(configs / "datasets/scenes.yaml"),
        "--config-file": str(configs / "trainers/IntCLIP/rn101.yaml"),
    }
    keys = {
        "MODEL.BACKBONE.NAME": case["backbone"],
        "MODEL.BACKBONE.PATH": f"{folder}/clip.pt",
        "MODEL.BACKBONE.QUICK_GELU": "True",
        "INPUT.SIZE": f"({size}, {size})",
        "DATALOADER.NUM_WORKERS": "0",
        "DATALOADER.TRAIN_X.BATCH_SIZE": str(BATCH),
        "TRAINER.INTCLIP.CLASS_TEXT": "sentence",
    }
    if case["arch"]:
        keys["MODEL.BACKBONE.ARCH"] = case["arch"]
    arguments = []
    for pair in (flags | keys).items():
        arguments += pair
    return arguments


def start_straightforward(mark: Mark, case: dict[str, Any]) -> None:
    """Import, load with open_clip, build, read one batch."""
    import open_clip
    import torch
    from PIL import Image
    from torchvision.transforms import v2

    from benchmarks.straightforward import Straightforward

    mark("imports")
    folder, side, name = Path(case["folder"]), case["size"], case["backbone"].replace("/", "-")
    if case["arch"]:
        open_clip.add_model_config(case["arch"])
        name = Path(case["arch"]).stem
    clip = open_clip.create_model(name, pretrained=str(folder / "clip.pt"), force_quick_gelu=True)
    model = Straightforward(clip, [f"class {i}" for i in range(8)]).train()
    mark("model")
    to_float = v2.ToDtype(torch.float32, scale=True)
    transform = v2.Compose([v2.Resize((side, side)), v2.ToImage(), to_float])
    images = []
    for file in sorted((folder / "low").iterdir())[:BATCH]:
        images.append(transform(Image.open(file).convert("RGB")))  # (3, H, W)
    batch = torch.stack(images)  # (B, 3, H, W)
    assert len(batch) == BATCH and model.training


if __name__ == "__main__":
    _command.start(main)
