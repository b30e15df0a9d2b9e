"""The comparison: one sweep per method on val of the first split, then every seed on every split."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.methods import report
from benchmarks.methods.plan import Method, Options, describe_options
from benchmarks.methods.runs import Run, Runner
from benchmarks.methods.statistics import grid, summarise
from datasets.build import build_dataset
from evaluation.metrics import chance_mean_average_precision

SWEEP_SEED = 1
SELECT = "mAP"


@dataclass(frozen=True)
class Choice:
    """A method's chosen setting, its mAP on val, and how many settings were tried."""

    setting: Options
    val: float
    num_trials: int


@dataclass(frozen=True)
class Page:
    """All that the table and the picture need; ``values[method][metric]`` is ``(splits, seeds)``."""

    methods: Sequence[Method]
    choices: dict[str, Choice]
    values: dict[str, dict[str, np.ndarray]]
    seconds: dict[str, float]
    chance: float
    splits: Sequence[int]
    seeds: Sequence[int]

    def write(self, folder: Path, *, command: str, minutes: float) -> None:
        """Write ``table.md``, ``table.json`` and ``table.svg`` to ``folder``."""
        text = f"{self._origin(command, minutes)}\n\n{self.results_table()}\n\n{self.settings_table()}\n"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "table.md").write_text(text, encoding="utf-8")
        record = {
            name: {m: v.tolist() for m, v in values.items()} for name, values in self.values.items()
        }
        (folder / "table.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        maps = [self.values[m.name]["mAP"] for m in self.methods]
        labels = [m.label for m in self.methods]
        report.draw_picture(
            folder / "table.svg", labels, maps, [summarise(v) for v in maps], self.chance
        )
        print(f"{text}\n{folder / 'table.md'}, {folder / 'table.svg'}")

    def results_table(self) -> str:
        """Return test results: mean ± standard deviation, interval of mAP, paired difference to the last method."""
        reference = self.methods[-1]
        header = [
            "method",
            "mAP",
            "95 % interval",
            *list(report.METRICS.values())[1:],
            f"mAP against {reference.label}",
        ]
        rows = [["chance", f"{self.chance:.1f}", "", "", "", "", ""]]
        for method in self.methods:
            by_metric = [summarise(self.values[method.name][metric]) for metric in report.METRICS]
            paired = summarise(self.values[method.name]["mAP"] - self.values[reference.name]["mAP"])
            rows.append(
                [
                    method.label,
                    report.spread(by_metric[0]),
                    report.interval(by_metric[0]),
                    *map(report.spread, by_metric[1:]),
                    "" if method is reference else report.difference(paired),
                ]
            )
        return report.markdown_table(header, rows)

    def settings_table(self) -> str:
        """Return what the sweep chose, and what a run costs."""
        header = ["method", "tried", "chosen on val", "val mAP", "seconds per run"]
        rows = []
        for method in self.methods:
            choice = self.choices[method.name]
            shown = f"as {method.like}" if method.like else describe_options(choice.setting)
            cells = (
                str(choice.num_trials),
                shown,
                f"{choice.val:.1f}",
                f"{self.seconds[method.name]:.0f}",
            )
            rows.append([method.label, *cells])
        return report.markdown_table(header, rows, align_right_from=len(header))

    def _origin(self, command: str, minutes: float) -> str:
        return (
            f"`{command}`: {len(self.seeds)} seeds on each of {len(self.splits)} splits, "
            f"{minutes:.0f} minutes of this call (finished runs are taken over)."
        )


def compare(runner: Runner, splits: Sequence[int], seeds: Sequence[int]) -> Page:
    """Sweep, run and gather; the last method of the plan is the one that differences refer to."""
    choices = sweep(runner, splits[0])
    (runner.folder / "sweep.json").write_text(
        json.dumps({name: vars(choice) for name, choice in choices.items()}, indent=1) + "\n",
        encoding="utf-8",
    )
    runs = {
        method.name: {
            (split, seed): Run(
                method,
                _frozen(choices[method.name].setting),
                split,
                seed if method.learns else 0,
                True,
            )
            for split in splits
            for seed in seeds
        }
        for method in runner.plan.methods
    }
    results = runner.results(
        [run for by_place in runs.values() for run in by_place.values()], "test"
    )
    values, seconds = {}, {}
    for name, by_place in runs.items():
        tests = {place: results[run]["test"] for place, run in by_place.items()}
        values[name] = {
            metric: grid({place: test[metric] for place, test in tests.items()}, splits, seeds)
            for metric in report.METRICS
        }
        seconds[name] = float(np.median([results[run]["seconds"] for run in by_place.values()]))
    return Page(
        runner.plan.methods, choices, values, seconds, _chance(runner, splits), splits, seeds
    )


def sweep(runner: Runner, split: int) -> dict[str, Choice]:
    """Return each method's best setting by val mAP, from the same number of trials with one seed on one split."""
    trials = {
        method.name: [
            Run(method, _frozen(setting), split, SWEEP_SEED, False) for setting in method.trials
        ]
        for method in runner.plan.methods
        if not method.like
    }
    results = runner.results([run for runs in trials.values() for run in runs], "sweep on val")
    choices = {}
    for name, runs in trials.items():
        best = max(runs, key=lambda run: results[run]["val"][SELECT])
        choices[name] = Choice(dict(best.setting), results[best]["val"][SELECT], len(runs))
    for method in runner.plan.methods:
        if method.like:
            choices[method.name] = choices[method.like]
    return choices


def _frozen(setting: Options) -> tuple:
    return tuple(
        (key, tuple(v) if isinstance(v, list) else v) for key, v in sorted(setting.items())
    )


def _chance(runner: Runner, splits: Sequence[int]) -> float:
    """Return the mean over splits of what random scores reach on test."""
    from core.config_merge import setup_cfg

    found = []
    for split in splits:
        cfg = setup_cfg(
            [runner.plan.dataset_config],
            flags={"DATASET.ROOT": (str(runner.roots[split]), "--root")},
        )
        labels = np.stack([record.label for record in build_dataset(cfg).test])
        found.append(chance_mean_average_precision(labels))
    return float(np.mean(found)) * 100
