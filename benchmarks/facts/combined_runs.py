"""What zero-shot scores add to finished runs of a benchmark."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from yacs.config import CfgNode

from benchmarks.facts.combine import Scores, combine
from benchmarks.facts.labels import labels_of, read_annotations
from benchmarks.methods.compare import Place
from benchmarks.methods.runs import Run, Runner
from benchmarks.methods.statistics import grid
from datasets import IntentDataset
from evaluation import GlobalThreshold
from evaluation.metrics import macro_f1, mean_average_precision
from tools.evaluate_predictions import read_split

Array = np.ndarray


@dataclass(frozen=True)
class Gain:
    """Differences to the trained model alone, in percent, ``(splits, seeds)`` each."""

    mean_ap: Array
    macro_f1: Array


def find_gain(
    runner: Runner,
    trained: dict[Place, Run],
    zero_shot: dict[Place, Run],
    splits: Sequence[int],
    seeds: Sequence[int],
) -> Gain:
    """Return what the zero-shot scores add to the trained runs; weights are chosen on val.

    Args:
        runner: of the runs; it predicts val and test of each again where that is not done.
        trained: runs of a method by (split, seed).
        zero_shot: those of CLIP without training.
        splits: numbers of the splits.
        seeds: the seeds of each split.
    """
    files = runner.predictions([*trained.values(), *zero_shot.values()])
    config = runner.plan.dataset_config
    annotations = {split: read_annotations(runner.roots[split], config) for split in splits}
    mean_ap, macro = {}, {}
    for place, run in trained.items():
        cfg, dataset = annotations[place[0]]
        labels = labels_of(dataset)
        val, test = labels["val"], labels["test"]
        alone = _read(files[run], cfg, dataset)
        other = _read(files[zero_shot[place]], cfg, dataset)
        combined = combine(alone, other, val, mean_average_precision)
        before, after = _results(alone, val, test), _results(combined.scores, val, test)
        mean_ap[place], macro[place] = 100 * (after - before)
    return Gain(grid(mean_ap, splits, seeds), grid(macro, splits, seeds))


def _read(files: dict[str, Path], cfg: CfgNode, dataset: IntentDataset) -> Scores:
    """Return the scores of val and test in the order of the data set."""
    scores = {}
    for split, path in files.items():
        scores[split] = read_split(path, cfg, dataset, split, logits=False).scores
    return Scores(**scores)


def _results(scores: Scores, val: Array, test: Array) -> Array:
    """Return mAP on test, and macro F1 at the threshold that is best on val: ``(2,)``."""
    rule = GlobalThreshold.fit(scores.val, val)
    pair = mean_average_precision(scores.test, test), macro_f1(rule.decide(scores.test), test)
    return np.array(pair)
