"""Record the first 30 losses of each trainer: python -m tests.golden.make [--pictures]

Run it only when a change is meant to change numbers, and say in the commit why. ``--pictures`` also
draws the pictures again. The losses in float64 hold on any processor: CLIP is loaded in float64 and
what learns starts from NumPy's numbers, because torch's own depend on the processor in the last
bits.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

import trainers  # noqa: F401  (registers them)
from core.config_merge import setup_cfg
from core.seed import set_seed
from engine.base_choice import TRAINER_REGISTRY, build_trainer
from tests.golden.data import SIZE, draw_pictures, write_data

LOSSES = Path(__file__).parent / "losses.json"
LEARNING = ("IntCLIP", "DualCoOp", "FineTune", "LinearProbe")
NUM_STEPS = 30
INIT_STD = 0.02
COMMON = [
    "SEED", "1", "INPUT.SIZE", f"({SIZE}, {SIZE})", "DATALOADER.TRAIN_X.BATCH_SIZE", "16",
    "OPTIM.MAX_EPOCH", "8",
    "DATALOADER.NUM_WORKERS", "0",
]  # fmt: skip


def build(name: str, root: Path, out: Path):
    """Return the trainer ``name`` with its shipped small configuration on the golden pictures."""
    files = ["configs/datasets/scenes_plain.yaml", f"tests/golden/configs/{name}.yaml"]
    return build_trainer(
        setup_cfg(files, opts=[*COMMON, "DATASET.ROOT", str(root), "OUTPUT_DIR", str(out)])
    )


def build_in_float64(name: str, root: Path, out: Path):
    """Return the trainer with CLIP loaded in float64 and learnt values that are the same on any
    processor.
    """
    cls = TRAINER_REGISTRY.get(name)
    load_clip = cls.load_clip
    cls.load_clip = lambda self: load_clip(self).double()
    try:
        trainer = build(name, root, out)
    finally:
        cls.load_clip = load_clip
    trainer.model.double()
    rng = np.random.RandomState(1)
    for key, parameter in sorted(trainer.model.trainable_state_dict().items()):
        if ".ctx_" in key or key.startswith("aggregation."):
            parameter.copy_(torch.tensor(INIT_STD * rng.standard_normal(tuple(parameter.shape))))
    return trainer


def train_steps(
    trainer, num_steps: int = NUM_STEPS, dtype: torch.dtype = torch.float32
) -> list[float]:
    """Return the losses of the first ``num_steps`` steps, through loader, loss, optimiser and
    schedule.
    """
    mean = torch.tensor(trainer.dm.normalizer.mean, dtype=dtype).view(3, 1, 1)
    std = torch.tensor(trainer.dm.normalizer.std, dtype=dtype).view(3, 1, 1)
    losses: list[float] = []
    set_seed(1)
    trainer.epoch = 0
    while len(losses) < num_steps:
        trainer.dm.set_epoch(trainer.epoch)
        trainer.set_model_mode("train")
        for trainer.batch_idx, batch in enumerate(trainer.train_loader_x):
            if dtype == torch.float64:  # a batch that is normalised already stays as it is
                batch["img"] = (batch["img"].to(dtype) / 255 - mean) / std
            losses.append(float(trainer.forward_backward(batch)["loss"]))
        trainer.update_lr()
        trainer.epoch += 1
    return losses[:num_steps]


def record(kinds: tuple[str, ...] = ("float32", "float64")) -> dict[str, dict[str, list[float]]]:
    """Return ``{kind: {trainer: losses}}``."""
    losses = {}
    with tempfile.TemporaryDirectory() as folder:
        root = write_data(Path(folder, "data"))
        for kind in kinds:
            make = build if kind == "float32" else build_in_float64
            losses[kind] = {
                name: train_steps(
                    make(name, root, Path(folder, kind, name)), dtype=getattr(torch, kind)
                )
                for name in LEARNING
            }
    return losses


if __name__ == "__main__":
    if "--pictures" in sys.argv:
        draw_pictures()
    LOSSES.write_text(json.dumps(record(), indent=1) + "\n", encoding="utf-8")
