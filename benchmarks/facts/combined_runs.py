"""What zero-shot scores add to finished runs of a benchmark."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.facts.combine import Scores, combine
from benchmarks.facts.labels import labels_of
from benchmarks.methods.compare import Place
from benchmarks.methods.runs import Run, Runner
from benchmarks.methods.statistics import grid
from evaluation import GlobalThreshold
from evaluation.metrics import macro_f1, mean_average_precision
from evaluation.predictions import read_predictions

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
    labels = {split: labels_of(runner.roots[split], config) for split in splits}
    mean_ap, macro = {}, {}
    for place, run in trained.items():
        val, test = labels[place[0]]["val"], labels[place[0]]["test"]
        alone = _read(files[run])
        combined = combine(alone, _read(files[zero_shot[place]]), val, mean_average_precision)
        before, after = _results(alone, val, test), _results(combined.scores, val, test)
        mean_ap[place], macro[place] = 100 * (after - before)
    return Gain(grid(mean_ap, splits, seeds), grid(macro, splits, seeds))


def _read(files: dict[str, str]) -> Scores:
    return Scores(**{split: read_predictions(path).scores for split, path in files.items()})


def _results(scores: Scores, val: Array, test: Array) -> Array:
    """Return mAP on test, and macro F1 at the threshold that is best on val: ``(2,)``."""
    rule = GlobalThreshold.fit(scores.val, val)
    pair = mean_average_precision(scores.test, test), macro_f1(rule.decide(scores.test), test)
    return np.array(pair)
