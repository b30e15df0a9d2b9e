"""The results of a comparison: its two tables, and the files that are written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.methods import report
from benchmarks.methods.plan import Method, Options, describe_options
from benchmarks.methods.statistics import summarise


@dataclass(frozen=True)
class Choice:
    """A method's chosen setting, its mAP on val, and the number of settings that were tried."""

    setting: Options
    val: float
    num_trials: int


@dataclass(frozen=True)
class Page:
    """What the tables and the picture show.

    Attributes:
        methods: in the order of the rows; differences are to the last one.
        choices: chosen setting by method name.
        values: ``values[method][metric]`` are the results on test, ``(splits, seeds)``.
        seconds: median time of a run by method name.
        chance: mAP of random scores, in percent.
        splits: numbers of the splits.
        seeds: the seeds of each split.
    """

    methods: Sequence[Method]
    choices: Mapping[str, Choice]
    values: Mapping[str, Mapping[str, np.ndarray]]
    seconds: Mapping[str, float]
    chance: float
    splits: Sequence[int]
    seeds: Sequence[int]

    def write(self, folder: Path, *, command: str, minutes: float) -> None:
        """Write ``table.md``, ``table.json`` and ``table.svg`` to ``folder``, and print the first.

        Args:
            folder: is created where it does not exist.
            command: the command line, for the page.
            minutes: duration of the command.
        """
        origin = self._origin(command, minutes)
        text = f"{origin}\n\n{self.results_table()}\n\n{self.settings_table()}\n"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "table.md").write_text(text, encoding="utf-8")
        self._write_values(folder / "table.json")
        self._draw(folder / "table.svg")
        print(f"{text}\n{folder / 'table.md'}, {folder / 'table.svg'}")

    def results_table(self) -> str:
        """Return the results on test as a Markdown table.

        It has mean ± standard deviation of each metric, the interval of mAP, and the paired
        difference of mAP to the last method.
        """
        reference = self.methods[-1]
        header = ["method", "mAP", "95 % interval", *list(report.METRICS.values())[1:]]
        header.append(f"mAP against {reference.label}")
        rows = [["chance", f"{self.chance:.1f}", *[""] * len(report.METRICS), ""]]
        for method in self.methods:
            rows.append(self._results_row(method, reference))
        return report.markdown_table(header, rows)

    def _results_row(self, method: Method, reference: Method) -> list[str]:
        values = self.values[method.name]
        mean_ap, *others = [summarise(values[metric]) for metric in report.METRICS]
        row = [method.label, report.spread(mean_ap), report.interval(mean_ap)]
        row += map(report.spread, others)
        if method is reference:
            return [*row, ""]
        paired = summarise(values["mAP"] - self.values[reference.name]["mAP"])
        return [*row, report.difference(paired)]

    def settings_table(self) -> str:
        """Return a Markdown table of the chosen settings and the time of a run."""
        header = ["method", "tried", "chosen on val", "val mAP", "seconds per run"]
        rows = []
        for method in self.methods:
            choice = self.choices[method.name]
            shown = f"as {method.like}" if method.like else describe_options(choice.setting)
            seconds = f"{self.seconds[method.name]:.0f}"
            rows.append([method.label, str(choice.num_trials), shown, f"{choice.val:.1f}", seconds])
        return report.markdown_table(header, rows, align_right_from=len(header))

    def _origin(self, command: str, minutes: float) -> str:
        return (
            f"`{command}`: {len(self.seeds)} seeds on each of {len(self.splits)} splits, "
            f"{minutes:.0f} minutes of this call (finished runs are taken over)."
        )

    def _write_values(self, path: Path) -> None:
        content = {}
        for name, values in self.values.items():
            content[name] = {metric: value.tolist() for metric, value in values.items()}
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def _draw(self, path: Path) -> None:
        labels, values, summaries = [], [], []
        for method in self.methods:
            mean_ap = self.values[method.name]["mAP"]
            labels.append(method.label)
            values.append(mean_ap)
            summaries.append(summarise(mean_ap))
        report.draw_picture(path, labels, values, summaries, self.chance)
