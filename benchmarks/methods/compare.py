"""The comparison: a sweep per method on val of the first split, then all seeds on all splits."""

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.methods.page import Choice, Page
from benchmarks.methods.plan import Method, Options
from benchmarks.methods.report import METRICS
from benchmarks.methods.runs import Run, Runner
from benchmarks.methods.statistics import grid
from core.config_merge import setup_cfg
from datasets.build import build_dataset
from evaluation.metrics import chance_mean_average_precision

SWEEP_SEED = 1
SELECT = "mAP"

Place = tuple[int, int]  # split, seed


def compare(runner: Runner, splits: Sequence[int], seeds: Sequence[int]) -> Page:
    """Sweep, run and collect the results; differences are to the last method of the plan."""
    choices = sweep(runner, splits[0])
    write_choices(runner.folder / "sweep.json", choices)
    methods = runner.plan.methods
    runs = {}
    for method in methods:
        runs[method.name] = final_runs(method, choices[method.name].setting, splits, seeds)
    results = runner.results(itertools.chain(*map(dict.values, runs.values())), "test")
    values, seconds = {}, {}
    for name, by_place in runs.items():
        values[name] = values_on_test(by_place, results, splits, seeds)
        times = [results[run]["seconds"] for run in by_place.values()]
        seconds[name] = float(np.median(times))
    return Page(methods, choices, values, seconds, chance(runner, splits), splits, seeds)


def sweep(runner: Runner, split: int) -> dict[str, Choice]:
    """Return each method's best setting by mAP on val, from one seed on one split.

    A method with ``like`` takes over the choice of another one.
    """
    trials: dict[str, list[Run]] = {}
    for method in runner.plan.methods:
        if not method.like:
            trials[method.name] = sweep_runs(method, split)
    results = runner.results(itertools.chain(*trials.values()), "sweep on val")
    choices = {}
    for name, runs in trials.items():
        choices[name] = best_choice(runs, results)
    for method in runner.plan.methods:
        if method.like:
            choices[method.name] = choices[method.like]
    return choices


def sweep_runs(method: Method, split: int) -> list[Run]:
    """Return a run for each setting that ``method`` tries."""
    runs = []
    for setting in method.trials:
        runs.append(Run(method, _frozen(setting), split, SWEEP_SEED, final=False))
    return runs


def best_choice(runs: Sequence[Run], results: Mapping[Run, dict]) -> Choice:
    """Return the setting with the highest mAP on val; the first one where several are equal."""
    best = max(runs, key=lambda run: results[run]["val"][SELECT])
    return Choice(dict(best.setting), results[best]["val"][SELECT], num_trials=len(runs))


def write_choices(path: Path, choices: Mapping[str, Choice]) -> None:
    """Write the choice of each method as JSON."""
    content = {name: vars(choice) for name, choice in choices.items()}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def final_runs(
    method: Method, setting: Options, splits: Sequence[int], seeds: Sequence[int]
) -> dict[Place, Run]:
    """Return the runs of a method by (split, seed); one that learns nothing has one per split."""
    runs = {}
    for split in splits:
        for seed in seeds:
            own_seed = seed if method.learns else 0
            runs[split, seed] = Run(method, _frozen(setting), split, own_seed, final=True)
    return runs


def values_on_test(
    runs: Mapping[Place, Run],
    results: Mapping[Run, dict],
    splits: Sequence[int],
    seeds: Sequence[int],
) -> dict[str, np.ndarray]:
    """Return the results on test of one method's runs, ``(splits, seeds)`` for each metric."""
    values = {}
    for metric in METRICS:
        by_place = {place: results[run]["test"][metric] for place, run in runs.items()}
        values[metric] = grid(by_place, splits, seeds)
    return values


def chance(runner: Runner, splits: Sequence[int]) -> float:
    """Return the mAP of random scores on test in percent, the mean over splits."""
    found = []
    for split in splits:
        flags = {"DATASET.ROOT": (str(runner.roots[split]), "--root")}
        cfg = setup_cfg([runner.plan.dataset_config], flags=flags)
        labels = np.stack([record.label for record in build_dataset(cfg).test])  # (N, C)
        found.append(chance_mean_average_precision(labels))
    return float(np.mean(found)) * 100


def _frozen(setting: Options) -> tuple:
    """Return a setting sorted by key, in a form that can be a key of a dict."""
    items = []
    for key, value in sorted(setting.items()):
        if isinstance(value, list):
            value = tuple(value)
        items.append((key, value))
    return tuple(items)
