"""Shared fixtures: a small data set in the official layout and a fast configuration."""

import pytest
import torch
from hypothesis import settings

from core.logging import close_logging, get_logger

settings.register_profile("machine may be busy", deadline=None, derandomize=True)
settings.load_profile("machine may be busy")

# Intervals, costs and report take seconds; their own tests switch them on.
NO_EXTRAS = ["TEST.BOOTSTRAP", "0", "TEST.COSTS", "False", "TEST.REPORT", "False"]
FAST = [
    "OPTIM.MAX_EPOCH", "2", "INPUT.SIZE", "(64, 64)", "DATALOADER.TRAIN_X.BATCH_SIZE", "16",
    "TRAINER.INTCLIP.N_CTX_POS", "4", "TRAINER.INTCLIP.N_CTX_NEG", "4",
    "TRAINER.INTCLIP.SEMANTIC_LAYERS", "('layer4',)",
    *NO_EXTRAS,
]  # fmt: skip


@pytest.fixture(scope="session")
def scenes_root(tmp_path_factory):
    """Return the folder of drawn scenes of 48 / 24 / 24 images."""
    # Here, because it imports torchvision, which takes longer than the tests of the losses.
    from tools.scenes.make import make_scenes

    root = tmp_path_factory.mktemp("scenes")
    make_scenes(root, seed=0, size=64, num_train=48, num_val=24, num_test=24)
    return root


@pytest.fixture
def train_args(scenes_root):
    """Return a function: output folder and overrides to the arguments of a fast run."""

    def args(out, *opts):
        return [
            "--root", str(scenes_root), "--seed", "1", "--trainer", "IntCLIP",
            "--dataset-config-file", "configs/datasets/scenes.yaml",
            "--config-file", "configs/trainers/IntCLIP/scenes.yaml", "--output-dir", str(out),
            *FAST, *map(str, opts),
        ]  # fmt: skip

    return args


@pytest.fixture
def float64():
    """Make tensors and networks in double precision, where two forms of a formula agree on every
    processor.
    """
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(autouse=True)
def _no_open_logs():
    yield
    close_logging()
    get_logger().propagate = True  # setup_logging switches it off, and caplog needs it
