"""Facts of the labels alone: their frequencies in each split, and the annotators' ceiling."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from core.config_merge import setup_cfg
from datasets import build_annotations
from evaluation.metrics import mean_average_precision
from evaluation.ranking import rank_classes, top1_accuracy
from tools.scenes import get_world
from tools.scenes.make import STAMP, sample_labelled

NUM_READINGS = 25  # of every picture by the annotators

Array = np.ndarray


@dataclass(frozen=True)
class Ceiling:
    """What nobody can exceed on a test split, because the annotators disagree; in percent.

    Attributes:
        mean_ap: mAP of the probability that annotators agree on an intent.
        first_guess: share of images whose most probable intent is a true one.
    """

    mean_ap: float
    first_guess: float


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


def ceiling(root: Path, seed: int = 0) -> Ceiling:
    """Return the ceiling of the test split of drawn scenes below ``root``.

    The scores are the shares of NUM_READINGS new readings in which two annotators agree: the best
    scores that exist for the noise of the world, up to the error of their number.
    """
    stamp = json.loads((root / STAMP).read_text())
    world = get_world(stamp["world"])
    annotators, rng = world.annotators, np.random.default_rng(seed)
    scores, labels = [], []
    for index in range(stamp["test"]):
        scene, votes = sample_labelled(world, stamp["seed"], "test", index)
        labels.append(annotators.consensus(votes, scene))
        readings = []
        for _ in range(NUM_READINGS):
            readings.append(annotators.consensus(annotators.annotate(scene, rng), scene))
        # the score without noise orders the intents that no reading has
        scores.append(np.mean(readings, axis=0) + 1e-3 * np.tanh(annotators.score(scene)))
    ranked, true = np.array(scores), np.array(labels).astype(np.float32)
    return Ceiling(
        mean_ap=100 * mean_average_precision(ranked, true),
        first_guess=100 * top1_accuracy(rank_classes(ranked), true),
    )
