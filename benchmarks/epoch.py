"""Time of whole epochs from image files to metrics: training, evaluation on val, checkpoint; random weights.

    python -m benchmarks.epoch --baseline --images 64

The data set is generated. Both forms run in our trainer, with the same loaders, loss, optimiser and evaluation; the
straightforward form takes the model's place.
"""

import json
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from benchmarks import _common
from benchmarks._models import class_texts
from benchmarks.straightforward import GRADIENTS, Straightforward
from core.config_merge import setup_cfg
from engine.trainer import MultiLabelTrainer


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, or be one of the measuring processes."""
    parser = _common.parser(__doc__, repeats=2)
    parser.add_argument("--backbone", nargs="+", default=["RN101"], help="names of open_clip; random weights")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--images", type=int, default=64, help="training images; half as many for val")
    parser.add_argument("--cached", action="store_true", help="our form trains from the feature cache")
    parser.add_argument("--gradients", default="text", choices=GRADIENTS)
    parser.add_argument("settings", nargs="*", metavar="KEY VALUE", help="any keys, as for train.py")
    args = parser.parse_args(argv)
    if args.worker:
        _common.serve(prepare, json.loads(args.worker))
        return
    common = {"size": args.size, "batch": args.batch, "num_images": args.images, "cached": args.cached}
    common |= {"gradients": args.gradients, "opts": args.settings}
    _common.run("epoch", args, [{"backbone": name, **common} for name in args.backbone])


def prepare(settings: dict[str, Any]) -> Callable[[], None]:
    """Return one epoch."""
    import trainers
    from tools.make_scenes import make_scenes

    torch.set_num_threads(settings["threads"])
    folder, num = tempfile.TemporaryDirectory(), settings["num_images"]
    make_scenes(folder.name, seed=0, size=256, num_train=num, num_val=max(1, num // 2), num_test=1)
    trainer = trainers.IntCLIP(configuration(settings, folder.name))
    if settings["form"] == "straightforward":
        replace_model(trainer, Plain(trainer.load_clip(), class_texts(8, "sentence"), gradients=settings["gradients"]))
    trainer.start_epoch, trainer.epoch = 0, 0

    def epoch() -> None:
        assert folder.name  # keeps the folder alive
        trainer.before_epoch()
        trainer.run_epoch()
        trainer.after_epoch()
        trainer.epoch += 1

    return epoch


def configuration(settings: dict[str, Any], root: str) -> Any:
    """Return the published recipe's configuration on the generated data."""
    configs, size = _common.ROOT / "configs", settings["size"]
    opts = {
        "DATASET.ROOT": root, "OUTPUT_DIR": f"{root}/out", "SEED": "1", "DATALOADER.NUM_WORKERS": "0",
        "MODEL.BACKBONE.NAME": settings["backbone"], "MODEL.BACKBONE.PRETRAINED": "False",
        "INPUT.SIZE": f"({size}, {size})", "DATALOADER.TRAIN_X.BATCH_SIZE": str(settings["batch"]),
        "USE_CUDA": str(settings["device"] == "cuda"),
    }  # fmt: skip
    if settings["cached"] and settings["form"] == "ours":
        opts |= {"TRAIN.FEATURE_CACHE": f"{root}/features", "INPUT.NO_TRANSFORM": "True"}
    files = [str(configs / "datasets/scenes.yaml"), str(configs / "trainers/IntCLIP/rn101.yaml")]
    return setup_cfg(files, opts=[part for pair in opts.items() for part in pair] + settings["opts"])


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
    trainer._optims[trainer.model_name], trainer._scheds[trainer.model_name] = trainer.optim, trainer.sched


if __name__ == "__main__":
    main()
