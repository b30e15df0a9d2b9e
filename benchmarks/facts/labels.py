"""Facts of the labels alone: how their frequencies shift between the splits."""

from pathlib import Path

import numpy as np
from scipy.stats import spearmanr
from yacs.config import CfgNode

from core.config_merge import setup_cfg
from datasets import IntentDataset, build_annotations

Array = np.ndarray


def read_annotations(root: Path, dataset_config: str) -> tuple[CfgNode, IntentDataset]:
    """Return the configuration and the data set below ``root``, without its images."""
    cfg = setup_cfg([dataset_config], flags={"DATASET.ROOT": (str(root), "--root")})
    return cfg, build_annotations(cfg, splits=("val", "test"))


def labels_of(dataset: IntentDataset) -> dict[str, Array]:
    """Return the labels ``(N, C)`` of ``train``, ``val`` and ``test``."""
    splits = {"train": dataset.train_x, "val": dataset.val, "test": dataset.test}
    return {
        name: np.stack([record.label for record in records]) for name, records in splits.items()
    }


def rank_correlation(first: Array, second: Array) -> float:
    """Return Spearman's correlation of the class frequencies of two splits' labels ``(N, C)``."""
    return float(spearmanr((first > 0).mean(axis=0), (second > 0).mean(axis=0)).statistic)
