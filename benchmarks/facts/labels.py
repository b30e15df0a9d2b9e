"""Facts of the labels alone: how their frequencies shift between the splits."""

from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from core.config_merge import setup_cfg
from datasets import build_annotations

Array = np.ndarray


def labels_of(root: Path, dataset_config: str) -> dict[str, Array]:
    """Return the labels ``(N, C)`` of ``train``, ``val`` and ``test`` below ``root``."""
    flags = {"DATASET.ROOT": (str(root), "--root")}
    dataset = build_annotations(setup_cfg([dataset_config], flags=flags), splits=("val", "test"))
    splits = {"train": dataset.train_x, "val": dataset.val, "test": dataset.test}
    return {
        name: np.stack([record.label for record in records]) for name, records in splits.items()
    }


def rank_correlation(first: Array, second: Array) -> float:
    """Return Spearman's correlation of the class frequencies of two splits' labels ``(N, C)``."""
    return float(spearmanr((first > 0).mean(axis=0), (second > 0).mean(axis=0)).statistic)
