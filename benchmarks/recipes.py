"""Measure a training step of each recipe: trainer, backbone and batch size.

    python -m benchmarks.recipes --trainer IntCLIP DualCoOp --backbone RN101 ViT-B-16 --batch 8 32
    python -m benchmarks.recipes --device cuda --batch 64 256 TRAINER.INTCLIP.PREC bf16
    python -m benchmarks.recipes --trainer LinearProbe --cached

A recipe is configs/trainers/TRAINER/rn101.yaml, with another backbone where one is named. One
repeat is one step of the real trainer on generated photographs with Intentonomy's classes, which
are already loaded; weights are random. With --cached, the step starts from stored features of the
frozen image encoder, and the images are not augmented.

The table gives the median time of a step, images per second, the peak memory beyond the imports
(on CUDA, the memory that torch allocated), and the hours that the recipe's epochs over
Intentonomy's training images take at this speed, without loading and evaluation.
"""

import argparse
import itertools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from yacs.config import CfgNode

from benchmarks import _command, _common
from benchmarks._photos import OFFICIAL_TRAIN, write_photos
from core.config_merge import setup_cfg
from engine.base_choice import build_trainer
from engine.dry_run.batch import load_batch

TRAINERS = ("LinearProbe", "DualCoOp", "FineTune", "IntCLIP")  # those that learn
NUM_FILES = 24  # different photographs
HEADER = (
    "trainer",
    "backbone",
    "batch",
    "s per step",
    "images/s",
    "peak memory",
    "epochs",
    "hours of the recipe",
)
KEYS = "any keys follow the flags, as for train.py: SPEED.TF32 on"


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, or run as one of the measuring processes."""
    args = parse(argv)
    if _common.is_worker(args, prepare):
        return
    results = []
    for case in cases(args):
        results += _common.measure("recipes", [case], args.repeats, args.warm_up)
        _common.emit(results[-1], args.output)
    print("\n" + table(results))


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the flags."""
    parser = _command.Parser(__doc__, repeats=3, keys=KEYS, has_baseline=False)
    number = _command.at_least
    parser.add_argument("--trainer", nargs="+", default=TRAINERS, choices=TRAINERS)
    parser.add_argument(
        "--backbone", nargs="+", default=["RN101"], help="names of open_clip; random weights"
    )
    parser.add_argument("--batch", nargs="+", type=number(1), default=[64])
    parser.add_argument(
        "--cached", action="store_true", help="start from stored features, without augmentation"
    )
    return parser.parse(argv)


def cases(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the settings of all cases."""
    common = {
        "cached": args.cached,
        "device": args.device,
        "threads": args.threads or torch.get_num_threads(),
        "opts": args.opts,
        "form": "ours",
    }
    found = []
    for trainer, backbone, batch in itertools.product(args.trainer, args.backbone, args.batch):
        own = {"trainer": trainer, "backbone": backbone, "batch": batch, "num_images": batch}
        found.append({**own, **common})
    return found


def prepare(settings: dict[str, Any]) -> Callable[[], object]:
    """Return a function that makes one training step on a batch of photographs."""
    torch.set_num_threads(settings["threads"])
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "data")
        splits = {"train": settings["batch"], "val": 1, "test": 1}
        num_files = min(NUM_FILES, settings["batch"])
        write_photos(root, num_files=num_files, splits=splits, width=1080, height=720)
        trainer = build_trainer(configuration(settings, root))
        batch = load_batch(trainer.train_loader_x)
    trainer.set_model_mode("train")
    trainer.epoch = trainer.batch_idx = 0
    trainer.num_batches = 2  # more than one: no step is taken for the last one of the epoch
    return lambda: trainer.forward_backward(batch)


def configuration(settings: dict[str, Any], root: Path) -> CfgNode:
    """Return the configuration of the recipe on the generated data in ``root``."""
    own = {
        "DATASET.ROOT": str(root),
        "OUTPUT_DIR": str(root.parent / "out"),
        "SEED": "1",
        "DATALOADER.NUM_WORKERS": "0",
        "DATALOADER.TRAIN_X.BATCH_SIZE": str(settings["batch"]),
        "MODEL.BACKBONE.NAME": settings["backbone"],
        "MODEL.BACKBONE.PRETRAINED": "False",
        "USE_CUDA": str(settings["device"] == "cuda"),
    }
    if settings["cached"]:
        own["TRAIN.FEATURE_CACHE"] = str(root.parent / "features")
        own["INPUT.NO_TRANSFORM"] = "True"
    opts = list(itertools.chain.from_iterable(own.items()))
    configs = _common.ROOT / "configs"
    recipe = configs / "trainers" / settings["trainer"] / "rn101.yaml"
    files = [configs / "datasets/intentonomy.yaml", recipe]
    return setup_cfg([str(file) for file in files], opts=[*opts, *settings["opts"]])


def table(results: Sequence[dict[str, Any]]) -> str:
    """Return a Markdown table with a row per case."""
    rows = [HEADER]
    for result in results:
        settings = result["settings"]
        epochs = configuration(settings, Path("data")).OPTIM.MAX_EPOCH
        hours = epochs * OFFICIAL_TRAIN / result["images_per_s"] / 3600
        name = settings["trainer"] + (", cached" if settings["cached"] else "")
        rows.append(
            [
                name,
                settings["backbone"],
                str(settings["batch"]),
                f"{result['median'] / 1000:.3g}",
                f"{result['images_per_s']:.3g}",
                f"{result['peak_memory_mb'] / 1024:.1f} GB",
                str(epochs),
                f"{hours:.3g}",
            ]
        )
    return _common.markdown(rows)


if __name__ == "__main__":
    _command.start(main)
