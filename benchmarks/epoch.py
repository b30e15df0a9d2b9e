"""Measure whole epochs from JPEG files to metrics: training, evaluation on val, checkpoint.

    python -m benchmarks.epoch --baseline --images 64
    python -m benchmarks.epoch --device cuda --baseline --images 12740 --val 498 --workers 15 \\
        --prepared --repeats 1 TRAINER.INTCLIP.PREC bf16

One repeat is one epoch of the published recipe with random weights. The data set is generated:
1080 x 720 JPEG files with Intentonomy's classes. Both forms run in our trainer, with the same loss,
optimiser, evaluation and checkpoints. The straightforward form has its own model and its own
loaders, which decode the originals in full and parse an annotation file of the official size for
every image.

The table gives the median time of an epoch ("median ms"), training images per second, and the peak
memory beyond the imports ("peak MB"). With --baseline, "speed-up" and "share of memory" compare
with the straightforward form. The last lines give the hours of a training of 60 such epochs.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from yacs.config import CfgNode

from benchmarks import _command, _common
from benchmarks._photos import write_official_size, write_photos
from benchmarks._plain_trainer import PlainIntCLIP
from benchmarks.straightforward import GRADIENTS
from core.config_merge import setup_cfg
from core.cpu import usable_cores
from engine.trainer import MultiLabelTrainer
from tools.prepare_images import prepare as prepare_copies
from trainers.intclip import IntCLIP

NUM_FILES = 24
EPOCHS = 60  # of the published schedule
KEYS = "any keys follow the flags, as for train.py: SPEED.TF32 on"
SHARED = ("size", "batch", "workers", "prepared", "cached", "no_parse", "gradients", "opts")


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, or run as one of the measuring processes."""
    args = parse(argv)
    if _common.is_worker(args, prepare):
        return
    results = _common.run("epoch", args, cases(args))
    for result in results:
        form, hours = result["settings"]["form"], EPOCHS * result["median"] / 3.6e6
        print(f"{form}: {EPOCHS} such epochs take {hours:.2f} hours")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the flags."""
    parser = _command.Parser(__doc__, repeats=2, keys=KEYS)
    number = _command.at_least
    parser.add_argument(
        "--backbone", nargs="+", default=["RN101"], help="names of open_clip; random weights"
    )
    parser.add_argument("--size", type=number(32), default=224, help="side of the images in pixels")
    parser.add_argument("--batch", type=number(1), default=32)
    parser.add_argument(
        "--images", type=number(1), default=64, help="training images; 12740 in Intentonomy"
    )
    parser.add_argument(
        "--val",
        type=number(0),
        default=0,
        help="val images, 498 in Intentonomy; 0: half as many as training",
    )
    parser.add_argument(
        "--workers", type=number(0), default=0, help="loader processes of each loader"
    )
    parser.add_argument("--prepared", action="store_true", help="our form reads prepared copies")
    parser.add_argument(
        "--cached", action="store_true", help="our form trains from the feature cache"
    )
    parser.add_argument(
        "--no-parse",
        action="store_true",
        help="the straightforward form does not parse annotations for every image",
    )
    parser.add_argument(
        "--gradients",
        default="text",
        choices=GRADIENTS,
        help="frozen weights to which the straightforward form gives a gradient",
    )
    return parser.parse(argv)


def cases(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the settings of all cases."""
    common = {name: getattr(args, name) for name in SHARED}
    common["num_images"] = args.images
    common["num_val"] = args.val or max(1, args.images // 2)
    return [{"backbone": name, **common} for name in args.backbone]


def prepare(settings: dict[str, Any]) -> Callable[[], None]:
    """Return a function that runs one epoch; the epochs follow each other, as in a training."""
    torch.set_num_threads(settings["threads"])
    folder = tempfile.TemporaryDirectory()
    trainer = build_trainer(settings, Path(folder.name, "data"))
    trainer.start_epoch, trainer.epoch = 0, 0

    def epoch() -> None:
        assert folder.name  # a reference: without one, Python deletes the folder
        trainer.before_epoch()
        trainer.run_epoch()
        trainer.after_epoch()
        trainer.epoch += 1

    return epoch


def build_trainer(settings: dict[str, Any], root: Path) -> MultiLabelTrainer:
    """Write the data set to the new folder ``root``; return the trainer of the settings' form."""
    num_images = settings["num_images"]
    splits = {"train": num_images, "val": settings["num_val"], "test": 1}
    num_files = min(NUM_FILES, num_images)
    write_photos(root, num_files=num_files, splits=splits, width=1080, height=720)
    cfg = configuration(settings, root)
    if settings["form"] == "ours":
        if settings["prepared"]:
            failures = prepare_copies(root, size=384, workers=usable_cores(), say=lambda line: None)
            assert not failures, failures
        return IntCLIP(cfg)
    annotation_file = ""
    if not settings["no_parse"]:
        annotation_file = str(root / "official.json")
        write_official_size(root / "official.json")
    gradients = settings["gradients"]
    return PlainIntCLIP(cfg, gradients=gradients, annotation_file=annotation_file)


def configuration(settings: dict[str, Any], root: Path) -> CfgNode:
    """Return the configuration of the published recipe on the generated data in ``root``."""
    size = settings["size"]
    own = {
        "DATASET.ROOT": str(root),
        "OUTPUT_DIR": str(root.parent / "out"),
        "SEED": "1",
        "DATALOADER.NUM_WORKERS": str(settings["workers"]),
        "DATALOADER.TRAIN_X.BATCH_SIZE": str(settings["batch"]),
        "INPUT.SIZE": f"({size}, {size})",
        "MODEL.BACKBONE.NAME": settings["backbone"],
        "MODEL.BACKBONE.PRETRAINED": "False",
        "TRAINER.NAME": "IntCLIP",
        "TRAINER.INTCLIP.CLASS_TEXT": "sentence",
        "USE_CUDA": str(settings["device"] == "cuda"),
    }
    if settings["cached"] and settings["form"] == "ours":
        own["TRAIN.FEATURE_CACHE"] = str(root.parent / "features")
        own["INPUT.NO_TRANSFORM"] = "True"
    opts = []
    for pair in own.items():
        opts += pair
    configs = _common.ROOT / "configs"
    files = [configs / "datasets/intentonomy.yaml", configs / "trainers/IntCLIP/rn101.yaml"]
    return setup_cfg([str(file) for file in files], opts=[*opts, *settings["opts"]])


if __name__ == "__main__":
    _command.start(main)
