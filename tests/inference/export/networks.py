"""Trainers over tiny random CLIPs, without data and training, for the comparison of formats."""

import json

import torch

import trainers  # noqa: F401  (registers them)
from core.config_merge import setup_cfg
from datasets.classes_only import ClassesOnly
from datasets.hierarchy import default_hierarchy
from engine.precision import Precision
from inference.export.run import PLAIN
from inference.open_run import build_without_data

TEXT = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1}
VISION = {
    "resnet": {"layers": [1, 1, 1, 1], "width": 8, "image_size": 64, "patch_size": None},
    "vit": {"layers": 3, "width": 64, "image_size": 64, "patch_size": 16},
}
NAMES = ["joy", "calm", "fear", "pride", "hope"]
SIZE = (64, 96)  # another grid than that of the backbone, so that positions are resized
SHORT_PROMPTS = [
    "TRAINER.INTCLIP.N_CTX_POS", "2", "TRAINER.INTCLIP.N_CTX_NEG", "2",
    "TRAINER.DUALCOOP.N_CTX_POS", "2", "TRAINER.DUALCOOP.N_CTX_NEG", "2",
]  # fmt: skip


def build(folder, name, family, options=(), *, size=SIZE, files=None):
    """Return the trainer ``name`` whose learnt weights are random numbers."""
    arch = folder / f"{family}.json"
    content = {"embed_dim": 32, "quick_gelu": True, "vision_cfg": VISION[family], "text_cfg": TEXT}
    arch.write_text(json.dumps(content))
    opts = ["SEED", "1", "INPUT.SIZE", str(size), "MODEL.BACKBONE.PATH", ""]
    opts += ["MODEL.BACKBONE.ARCH", str(arch), *PLAIN, *SHORT_PROMPTS, *options]
    cfg = setup_cfg(files or [f"configs/trainers/{name}/scenes.yaml"], opts=opts)
    trainer = build_without_data(cfg, ClassesOnly(NAMES, default_hierarchy(NAMES)))
    trainer.precision = Precision("fp32", trainer.device)
    change_weights(trainer)
    return trainer


def change_weights(trainer):
    """Add noise to the learnt weights, which start at zero or at those of the sight branch."""
    generator = torch.Generator().manual_seed(3)
    for value in trainer.model.trainable_state_dict().values():
        value += 0.05 * torch.randn(value.shape, generator=generator)
