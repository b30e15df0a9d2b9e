"""Time of whole epochs from JPEG files to metrics: training, evaluation on val, checkpoint; random weights.

    python -m benchmarks.epoch --baseline --images 64
    python -m benchmarks.epoch --device cuda --baseline --images 12740 --val 498 --workers 15 --prepared --repeats 1 \\
        TRAINER.INTCLIP.PREC bf16

The data set is generated: 1080 x 720 JPEGs with Intentonomy's classes. Both forms run in our trainer, with the same
loss, optimiser, evaluation and checkpoints. The straightforward form has its own model and its own loaders, which parse
an annotation file of the official size for every image and decode the originals in full.
"""

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from benchmarks import _command, _common
from benchmarks._models import class_texts
from benchmarks._photos import NUM_CLASSES, write_official_size, write_photos
from benchmarks._plain_images import PlainDataset, plain_transform
from benchmarks.straightforward import GRADIENTS, Straightforward
from core.config_merge import setup_cfg
from core.cpu import usable_cores
from datasets.base import Record
from datasets.loading import Collate
from engine.trainer import MultiLabelTrainer
from tools.prepare_images import prepare as prepare_copies

NUM_FILES = 24
EPOCHS = 60  # of the published schedule


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, or be one of the measuring processes."""
    parser = _command.Parser(
        __doc__, repeats=2, keys="any keys follow the flags, as for train.py: SPEED.TF32 on"
    )
    parser.add_argument(
        "--backbone", nargs="+", default=["RN101"], help="names of open_clip; random weights"
    )
    parser.add_argument("--size", type=_command.at_least(32), default=224)
    parser.add_argument("--batch", type=_command.at_least(1), default=32)
    parser.add_argument(
        "--images",
        type=_command.at_least(1),
        default=64,
        help="training images; 12740 in Intentonomy",
    )
    parser.add_argument(
        "--val",
        type=_command.at_least(0),
        default=0,
        help="val images, 498 in Intentonomy; 0: half as many as training",
    )
    parser.add_argument(
        "--workers", type=_command.at_least(0), default=0, help="loader processes of each loader"
    )
    parser.add_argument("--prepared", action="store_true", help="our form reads prepared copies")
    parser.add_argument(
        "--cached", action="store_true", help="our form trains from the feature cache"
    )
    parser.add_argument(
        "--no-parse",
        action="store_true",
        help="the straightforward form parses annotations once, too",
    )
    parser.add_argument("--gradients", default="text", choices=GRADIENTS)
    args = parser.parse(argv)
    if args.worker:
        _common.serve(prepare, json.loads(args.worker))
        return
    shared = ("size", "batch", "workers", "prepared", "cached", "no_parse", "gradients")
    common = {name: getattr(args, name) for name in shared} | {
        "num_images": args.images,
        "opts": args.opts,
    }
    common["num_val"] = args.val or max(1, args.images // 2)
    results = _common.run("epoch", args, [{"backbone": name, **common} for name in args.backbone])
    for result in results:
        print(
            f"{result['settings']['form']}: {EPOCHS} such epochs take {EPOCHS * result['median'] / 3.6e6:.2f} hours"
        )


def prepare(settings: dict[str, Any]) -> Callable[[], None]:
    """Return one epoch."""
    from trainers.intclip import IntCLIP

    torch.set_num_threads(settings["threads"])
    folder, num = tempfile.TemporaryDirectory(), settings["num_images"]
    root, splits = Path(folder.name, "data"), {"train": num, "val": settings["num_val"], "test": 1}
    write_photos(root, num_files=min(NUM_FILES, num), splits=splits, width=1080, height=720)
    if settings["prepared"] and settings["form"] == "ours":
        assert not prepare_copies(root, size=384, workers=usable_cores(), say=lambda line: None)
    trainer = IntCLIP(configuration(settings, root))
    if settings["form"] == "straightforward":
        write_official_size(root / "official.json")
        use_plain_loaders(
            trainer, settings, "" if settings["no_parse"] else str(root / "official.json")
        )
        texts = class_texts(NUM_CLASSES, "sentence")
        replace_model(trainer, Plain(trainer.load_clip(), texts, gradients=settings["gradients"]))
    trainer.start_epoch, trainer.epoch = 0, 0

    def epoch() -> None:
        assert folder.name  # keeps the folder alive
        trainer.before_epoch()
        trainer.run_epoch()
        trainer.after_epoch()
        trainer.epoch += 1

    return epoch


def configuration(settings: dict[str, Any], root: Path) -> Any:
    """Return the published recipe's configuration on the generated data."""
    configs, size = _common.ROOT / "configs", settings["size"]
    opts = {
        "DATASET.ROOT": str(root), "OUTPUT_DIR": str(root.parent / "out"), "SEED": "1",
        "DATALOADER.NUM_WORKERS": str(settings["workers"]), "TRAINER.NAME": "IntCLIP",
        "MODEL.BACKBONE.NAME": settings["backbone"], "MODEL.BACKBONE.PRETRAINED": "False",
        "INPUT.SIZE": f"({size}, {size})", "DATALOADER.TRAIN_X.BATCH_SIZE": str(settings["batch"]),
        "USE_CUDA": str(settings["device"] == "cuda"), "TRAINER.INTCLIP.CLASS_TEXT": "sentence",
    }  # fmt: skip
    if settings["cached"] and settings["form"] == "ours":
        opts |= {"TRAIN.FEATURE_CACHE": str(root.parent / "features"), "INPUT.NO_TRANSFORM": "True"}
    files = [
        str(configs / "datasets/intentonomy.yaml"),
        str(configs / "trainers/IntCLIP/rn101.yaml"),
    ]
    return setup_cfg(
        files, opts=[part for pair in opts.items() for part in pair] + settings["opts"]
    )


class PlainSplit(Dataset):
    """The straightforward form's items with what our trainer asks of a batch."""

    def __init__(self, records: Sequence[Record], images: PlainDataset) -> None:
        self.records, self.images = records, images

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> dict[str, Any]:
        record = self.records[index]
        known = {
            "label": record.label,
            "index": index,
            "domain": record.domain,
            "impath": record.impath,
        }
        return {"img": self.images[index], **known}


def use_plain_loaders(
    trainer: MultiLabelTrainer, settings: dict[str, Any], annotation_file: str
) -> None:
    """Give ``trainer`` the straightforward form's loaders, whose images are normalised already."""
    cfg, dataset = trainer.cfg, trainer.dm.dataset

    def loader(records: Sequence[Record], batch_size: int, *, train: bool) -> DataLoader:
        transform = plain_transform(
            settings["size"], cfg.INPUT.INTERPOLATION, augment=train and not cfg.INPUT.NO_TRANSFORM
        )
        images = PlainDataset([record.impath for record in records], transform, annotation_file)
        return DataLoader(
            PlainSplit(records, images), batch_size, shuffle=train, drop_last=train, collate_fn=Collate(),
            num_workers=settings["workers"],
        )  # fmt: skip

    trainer.train_loader_x = loader(dataset.train_x, cfg.DATALOADER.TRAIN_X.BATCH_SIZE, train=True)
    trainer.val_loader = loader(dataset.val, cfg.DATALOADER.TEST.BATCH_SIZE, train=False)
    trainer.dm.normalizer = nn.Identity()


class Plain(Straightforward):
    """The straightforward form with what our trainer asks of a model."""

    def trainable_state_dict(self) -> dict[str, torch.Tensor]:
        """Return what a checkpoint keeps."""
        learnt = {id(parameter) for parameter in self.learnt()}
        return {name: p.detach() for name, p in self.named_parameters() if id(p) in learnt}


def replace_model(trainer: MultiLabelTrainer, model: nn.Module) -> None:
    """Put ``model`` in the place of the trainer's own, with an optimiser of the same kind."""
    trainer.model = trainer._models[trainer.model_name] = model.to(trainer.device)
    trainer.parallel_model = trainer.model
    optim = trainer.cfg.OPTIM
    trainer.optim = torch.optim.SGD(
        model.learnt(), lr=optim.LR, momentum=optim.MOMENTUM, weight_decay=optim.WEIGHT_DECAY
    )
    trainer.sched = torch.optim.lr_scheduler.LambdaLR(trainer.optim, lambda epoch: 1.0)
    trainer._optims[trainer.model_name], trainer._scheds[trainer.model_name] = (
        trainer.optim,
        trainer.sched,
    )


if __name__ == "__main__":
    _command.start(main)
