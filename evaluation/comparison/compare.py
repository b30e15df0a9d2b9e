"""Compare settings: mean over seeds, paired tests on the same images, decision rules, classes.

Metrics are in percent, differences in percentage points.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..data_title import data_title
from ..metrics import F1_NAMES
from ..published import RunFacts, facts_of
from ..rules import HEADLINE_RULE
from ..uncertainty.intervals import LEVEL
from ..uncertainty.significance import SWAPS, Difference, compare_classes, compare_methods
from .paired_runs import PairedRun, pair_runs
from .rule_grid import RuleGrid, cross_rules
from .run_folder import RunFolder
from .run_groups import Setting, seed_of
from .summary import Summary, summarize

PAIRED_METRICS = ("mAP", "mAP_interp", *F1_NAMES)
CLASS_METRICS = ("ap", "f1")
SECOND_RULE = "shrunk"  # registered name of the rule that is set beside the headline's


@dataclass(frozen=True)
class ClassGain:
    """Gain of one class over the baseline.

    Attributes:
        name: class name.
        num_pos: positives in the compared split.
        baseline: metric (``ap``, ``f1``) -> mean over the runs of the baseline.
        other: metric -> mean over the runs of the other setting.
        difference: metric -> other - baseline.
    """

    name: str
    num_pos: int
    baseline: Mapping[str, float]
    other: Mapping[str, float]
    difference: Mapping[str, Difference]


@dataclass(frozen=True)
class Pair:
    """A setting against the baseline, on the same images.

    Attributes:
        baseline: name of the baseline.
        other: name of the other setting.
        metrics: metric -> other - baseline.
        classes: gains of the classes that have a positive, the most frequent first.
    """

    baseline: str
    other: str
    metrics: Mapping[str, Difference]
    classes: Sequence[ClassGain]


@dataclass(frozen=True)
class Comparison:
    """Everything that the tables and the page of a comparison are made from.

    Attributes:
        split: the compared split.
        settings: names of the settings; the first one is the baseline.
        folders: setting -> output folders of its runs, as they were given.
        summaries: setting -> metric -> summary over the runs.
        pairs: the tested settings against the baseline.
        rules: method and decision rule; None if no rule can be fitted.
        facts: setting -> backbone and protocol, for the warnings of published rows.
        dataset: the data set as in titles (:func:`..data_title.data_title`); empty if unknown.
        num_images: images of the compared split; 0 without scores.
        swaps: swaps of the paired tests.
        seed: seed of the swaps.
        notes: sentences that a reader must know.
    """

    split: str
    settings: Sequence[str]
    folders: Mapping[str, Sequence[str]]
    summaries: Mapping[str, Mapping[str, Summary]]
    pairs: Sequence[Pair] = ()
    rules: RuleGrid | None = None
    facts: Mapping[str, RunFacts] = field(default_factory=dict)
    dataset: str = ""
    num_images: int = 0
    swaps: int = 0
    seed: int = 0
    notes: Sequence[str] = ()

    @property
    def num_runs(self) -> dict[str, int]:
        """Setting -> number of runs."""
        return {name: len(folders) for name, folders in self.folders.items()}


def compare(
    settings: Sequence[Setting],
    *,
    split: str,
    second_rule: str = SECOND_RULE,
    swaps: int = SWAPS,
    seed: int = 0,
    numbers_only: bool = False,
) -> Comparison:
    """Compare settings; the first one is the baseline of all differences.

    Args:
        settings: settings, from :func:`evaluation.comparison.run_groups.group_runs`.
        split: split to compare on; all runs have its metrics.
        second_rule: registered name of the rule that is set beside ``global``.
        swaps: swaps of the paired approximate randomisation.
        seed: seed of the swaps.
        numbers_only: read ``metrics.json`` alone, so that images and labels may differ.

    Raises:
        UserError: two runs were evaluated on other images or labels, or the scores of a run do
            not give its metrics.
    """
    notes: list[str] = []
    paired: dict[str, list[PairedRun]] = {}
    if not numbers_only:
        paired = pair_runs(settings, split, notes)
    baseline = settings[0].name
    pairs = []
    if baseline in paired:
        for other in list(paired)[1:]:
            pairs.append(_compare_pair(baseline, other, paired, swaps, seed))
    elif paired:
        notes.append(f"No differences are tested, because the baseline {baseline} has no scores.")
    rules = None
    if paired and split == "test":
        both = (HEADLINE_RULE, second_rule)
        rules = cross_rules(paired, both, notes, baseline=baseline, swaps=swaps, seed=seed)
    notes += _notes_on_tests(settings, numbers_only=numbers_only)
    notes += _notes_on_runs(settings, pairs)
    if pairs:
        notes += notes_on_swaps(len(pairs[0].classes), swaps)
    return Comparison(
        split=split,
        settings=[setting.name for setting in settings],
        folders={setting.name: [str(run.path) for run in setting.runs] for setting in settings},
        summaries={setting.name: summarize(setting, split) for setting in settings},
        pairs=pairs,
        rules=rules,
        facts={setting.name: run_facts(setting.runs[0]) for setting in settings},
        dataset=common_dataset(settings),
        num_images=_num_images(paired),
        swaps=swaps,
        seed=seed,
        notes=notes,
    )


def run_facts(run: RunFolder) -> RunFacts:
    """Return backbone and protocol of a run, as far as its files say."""
    if (run.path / "metrics.json").is_file():
        return facts_of(run.card, run.metrics)
    # The log of another project does not say how its rule was tuned.
    return RunFacts()


def common_dataset(settings: Sequence[Setting]) -> str:
    """Return the data set of all runs; empty if it is unknown or not the same."""
    found = _datasets(settings)
    return found.pop() if len(found) == 1 else ""


def _num_images(paired: Mapping[str, Sequence[PairedRun]]) -> int:
    """Return the images of the compared split; 0 if no run has scores."""
    for runs in paired.values():
        return len(runs[0].scored.scores)
    return 0


def _compare_pair(
    baseline: str, other: str, paired: Mapping[str, Sequence[PairedRun]], swaps: int, seed: int
) -> Pair:
    """Test ``other`` against ``baseline``."""
    a = [run.scored for run in paired[baseline]]
    b = [run.scored for run in paired[other]]
    metrics = compare_methods(a, b, metrics=PAIRED_METRICS, swaps=swaps, seed=seed)
    tested = {}
    for metric in CLASS_METRICS:
        tested[metric] = compare_classes(a, b, metric=metric, swaps=swaps, seed=seed)
    means_a, means_b = _class_means(paired[baseline]), _class_means(paired[other])
    num_pos = (a[0].labels > 0).sum(axis=0)
    classes = []
    for c in np.argsort(-num_pos, kind="stable"):
        if not num_pos[c]:
            continue
        gain = ClassGain(
            name=paired[baseline][0].classes[c],
            num_pos=int(num_pos[c]),
            baseline={metric: float(means_a[metric][c]) for metric in CLASS_METRICS},
            other={metric: float(means_b[metric][c]) for metric in CLASS_METRICS},
            difference={metric: tested[metric][c] for metric in CLASS_METRICS},
        )
        classes.append(gain)
    return Pair(baseline, other, metrics, classes)


def _class_means(runs: Sequence[PairedRun]) -> dict[str, np.ndarray]:
    """Return AP and F1 of each class in percent, ``(C,)``, as means over the runs."""
    ap = [run.scored.ap for run in runs]
    f1 = [run.scored.f1["per_class"] for run in runs]
    return {"ap": 100 * np.mean(ap, axis=0), "f1": 100 * np.mean(f1, axis=0)}


def _notes_on_tests(settings: Sequence[Setting], *, numbers_only: bool) -> list[str]:
    """Return why no difference is tested, where the command or the number of settings says so."""
    if len(settings) == 1:
        return ["There is one setting: no difference is tested."]
    if numbers_only:
        return ["--numbers-only reads metrics.json alone: no difference is tested."]
    return []


def _notes_on_runs(settings: Sequence[Setting], pairs: Sequence[Pair]) -> list[str]:
    """Return sentences on seeds, versions of the code, and the number of tests."""
    notes = []
    single = [setting.name for setting in settings if len(setting.runs) == 1]
    if single and pairs:
        notes.append(
            f"{_with_one_run(single)}: a difference says something about these models, not about "
            "the methods; run more seeds."
        )
    for setting in settings:
        commits = {run.card.get("commit") for run in setting.runs} - {None, ""}
        if len(commits) > 1:
            notes.append(f"{setting.name}: its runs come from {len(commits)} commits of the code.")
        seeds = [seed_of(run) for run in setting.runs]
        if len(seeds) > 1 and None in seeds:
            notes.append(f"{setting.name}: the seeds are not known; the runs count as independent.")
    if len(pairs) > 1:
        notes.append(
            f"{len(pairs)} settings are tested against {pairs[0].baseline}; p is not corrected for "
            "that number."
        )
    datasets = _datasets(settings)
    if len(datasets) > 1:
        notes.append(f"The runs are of different data sets: {', '.join(sorted(datasets))}.")
    return notes


def _with_one_run(names: Sequence[str]) -> str:
    """Return which settings have one run; quoted, because a name may hold commas."""
    if len(names) == 1:
        return f"'{names[0]}' has only one run"
    *first, last = [f"'{name}'" for name in names]
    return f"{', '.join(first)} and {last} have only one run each"


def notes_on_swaps(num_classes: int, swaps: int) -> list[str]:
    """Return a note where Holm's first step cannot fall below the level with so few swaps.

    The smallest p of ``swaps`` swaps is 1 / (swaps + 1); Holm's correction multiplies it by the
    number of classes.

    Args:
        num_classes: tested classes.
        swaps: swaps of the paired tests.
    """
    smallest = num_classes / (swaps + 1)
    if smallest < LEVEL:
        return []
    needed = round(num_classes / LEVEL)
    return [
        f"Too few swaps: with {swaps:,} swaps and {num_classes} classes, p of a class after Holm's "
        f"correction is at least {min(smallest, 1):.3f}, so that no class can be resolved. Give "
        f"--swaps {needed} or more."
    ]


def _datasets(settings: Sequence[Setting]) -> set[str]:
    """Return the titles of the data sets in the runs' configurations."""
    found = set()
    for setting in settings:
        for run in setting.runs:
            section = run.config.get("DATASET")
            if isinstance(section, Mapping) and section.get("NAME"):
                found.add(data_title(section))
    return found
