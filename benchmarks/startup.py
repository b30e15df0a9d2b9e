"""Time from the start of a process until the first training step, with the backbone's file on the disk.

    python -m benchmarks.startup --baseline

Ours is ``train.py`` itself, on a small generated data set. The straightforward form imports torch, torchvision and
open_clip, loads the same file with open_clip and builds its two encoders, and no more. ``phases`` says when (in ms)
the imports were done, the model was built, and the first batch was there.
"""

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

OWN = [
    "DATALOADER.NUM_WORKERS",
    "0",
    "DATALOADER.TRAIN_X.BATCH_SIZE",
    "8",
    "TRAINER.INTCLIP.CLASS_TEXT",
    "sentence",
]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, or be one of the measuring processes."""
    parser = _command.Parser(__doc__)
    parser.add_argument(
        "--backbone", nargs="+", default=["RN101"], help="names of open_clip; random weights"
    )
    parser.add_argument("--size", type=_command.at_least(32), default=224)
    parser.add_argument("--probe", nargs=4, default=[], help="form, start time, backbone, folder")
    args = parser.parse(argv)
    if args.probe:
        probe(*args.probe, args.size)
    elif args.worker:
        _common.serve(prepare, json.loads(args.worker))
    else:
        _common.run(
            "startup", args, [{"backbone": name, "size": args.size} for name in args.backbone]
        )


def prepare(settings: dict[str, Any]) -> Callable[[], None]:
    """Write data set and backbone file; return one start, whose phases go to stderr."""
    import torch

    from models import load_clip
    from tools.scenes.make import make_scenes

    folder = tempfile.TemporaryDirectory()
    make_scenes(folder.name, seed=0, size=settings["size"], num_train=16, num_val=8, num_test=8)
    clip = load_clip(settings["backbone"], pretrained=False, generator_seed=0)
    torch.save(clip.state_dict(), Path(folder.name, "clip.pt"))
    del clip

    def start() -> None:
        probe = ["--probe", settings["form"], str(time.time()), settings["backbone"], folder.name]
        command = [
            sys.executable,
            "-m",
            "benchmarks.startup",
            "--size",
            str(settings["size"]),
            *probe,
        ]
        subprocess.run(command, cwd=_common.ROOT, env=os.environ, check=True, stdout=sys.stderr)

    return start


def probe(form: str, started: str, backbone: str, folder: str, size: int) -> None:
    """Start up; print the milliseconds from ``started`` to the end of each phase."""
    phases: dict[str, float] = {}

    def mark(name: str) -> None:
        phases[name] = round(1000 * (time.time() - float(started)), 1)

    (start_ours if form == "ours" else start_straightforward)(mark, backbone, folder, size)
    mark("first batch")
    print(json.dumps({"form": form, "phases": phases}))


class FirstStep(Exception):
    """The first training step would begin now."""


def start_ours(mark: Callable[[str], None], backbone: str, folder: str, size: int) -> None:
    """Run ``train.py`` until its first step."""
    import train
    from engine.trainer import MultiLabelTrainer

    mark("imports")

    def stop(self: MultiLabelTrainer, batch: dict) -> None:
        raise FirstStep

    def before(self: MultiLabelTrainer) -> None:
        mark("model")
        hook(self)

    hook, MultiLabelTrainer.before_train = MultiLabelTrainer.before_train, before
    MultiLabelTrainer.forward_backward = stop
    configs = _common.ROOT / "configs"
    flags = [
        "--root",
        folder,
        "--seed",
        "1",
        "--trainer",
        "IntCLIP",
        "--output-dir",
        f"{folder}/out",
    ]
    flags += ["--dataset-config-file", str(configs / "datasets/scenes.yaml")]
    flags += ["--config-file", str(configs / "trainers/IntCLIP/rn101.yaml")]
    own = [
        "MODEL.BACKBONE.NAME",
        backbone,
        "MODEL.BACKBONE.PATH",
        f"{folder}/clip.pt",
        "INPUT.SIZE",
        f"({size}, {size})",
    ]
    try:
        train.main([*flags, *own, *OWN])
    except FirstStep:
        return
    raise AssertionError("no training step was made")


def start_straightforward(
    mark: Callable[[str], None], backbone: str, folder: str, size: int
) -> None:
    """Import, load with open_clip, build, read one batch."""
    import open_clip
    import torch
    from PIL import Image
    from torchvision.transforms import v2

    from benchmarks.straightforward import Straightforward

    mark("imports")
    clip = open_clip.create_model(
        backbone.replace("/", "-"), pretrained=f"{folder}/clip.pt", force_quick_gelu=True
    )
    model = Straightforward(clip, [f"class {i}" for i in range(8)]).train()
    mark("model")
    to_tensor = v2.Compose(
        [v2.Resize((size, size)), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
    )
    files = sorted(Path(folder, "low").iterdir())[:8]
    batch = torch.stack(
        [to_tensor(Image.open(file).convert("RGB")) for file in files]
    )  # (8, 3, size, size)
    assert len(batch) == 8 and model.training


if __name__ == "__main__":
    _command.start(main)
