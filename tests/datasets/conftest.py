"""A small generated data set and a configuration that points to it."""

from pathlib import Path

import pytest
from yacs.config import CfgNode

from core.config import get_cfg_default
from tools.scenes.make import make_scenes


@pytest.fixture(scope="session")
def scenes_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scenes")
    make_scenes(root, seed=0, size=48, num_train=22, num_val=6, num_test=7)
    return root


@pytest.fixture
def cfg(scenes_root: Path) -> CfgNode:
    """Return the default configuration for drawn scenes at 32 pixels, without workers."""
    cfg = get_cfg_default()
    cfg.DATASET.ROOT = str(scenes_root)
    cfg.DATASET.NAME = "Intentonomy"
    cfg.DATASET.HIERARCHY = "scenes"
    cfg.INPUT.SIZE = (32, 32)
    cfg.INPUT.TRANSFORMS = ("random_flip", "randaugment", "cutout", "normalize")
    cfg.DATALOADER.NUM_WORKERS = 0
    cfg.DATALOADER.TRAIN_X.BATCH_SIZE = 4
    cfg.DATALOADER.TEST.BATCH_SIZE = 4
    cfg.SEED = 1
    cfg.USE_CUDA = False
    return cfg
