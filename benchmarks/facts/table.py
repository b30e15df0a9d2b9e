"""The table of facts: the figure of real data, that of the drawn world, whether they agree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.facts.combined_runs import Gain
from benchmarks.facts.labels import labels_of, rank_correlation, read_annotations
from benchmarks.methods import report
from benchmarks.methods.page import Page
from benchmarks.methods.statistics import Summary, summarise

FAR_ABOVE = 3  # times chance
CLOSE = 1.5  # points of mAP between methods that "differ little"; the real ones are 0.5 to 1
SHIFT = 0.2  # least difference of the two rank correlations


@dataclass(frozen=True)
class Roles:
    """Which methods of a plan stand for what in the facts; names of methods.

    Attributes:
        pooled: probe on the pooled embedding.
        mean: probe on the mean of the map.
        both: probe on both.
        name: zero-shot with class names.
        sentence: zero-shot with sentences.
        learning: methods that learn, all on one CLIP.
        combine: methods to whose scores zero-shot scores are added.
        small: the probe on both with a smaller CLIP; empty: that row is left out.
    """

    pooled: str
    mean: str
    both: str
    name: str
    sentence: str
    learning: tuple[str, ...]
    combine: tuple[str, ...]
    small: str = ""

    def methods(self) -> set[str]:
        """Return the names of all methods that the facts need."""
        single = {self.pooled, self.mean, self.both, self.name, self.sentence}
        if self.small:
            single.add(self.small)
        return single | set(self.learning) | set(self.combine)


@dataclass(frozen=True)
class Fact:
    """One row.

    Attributes:
        number: ``R1`` to ``R6``.
        statement: what real data show.
        real: its figures.
        drawn: those of the drawn world.
        agrees: whether the drawn figures show the same.
    """

    number: str
    statement: str
    real: str
    drawn: str
    agrees: bool


def facts_table(facts: Sequence[Fact]) -> str:
    """Return the facts as a Markdown table."""
    header = ["", "fact", "real", "drawn", "agrees"]
    rows = []
    for fact in facts:
        verdict = "yes" if fact.agrees else "**no**"
        rows.append([fact.number, fact.statement, fact.real, fact.drawn, verdict])
    return report.markdown_table(header, rows, align_right_from=len(header))


def find_facts(
    page: Page,
    roles: Roles,
    roots: Mapping[int, Path],
    dataset_config: str,
    gains: Mapping[str, Gain],
) -> list[Fact]:
    """Return the rows of the table.

    Args:
        page: results of all methods.
        roles: of the methods.
        roots: folder of the data of each split.
        dataset_config: YAML file of the data.
        gains: what zero-shot scores add to the methods ``roles.combine``.
    """
    return [
        *_frozen_features(page, roles),
        *_zero_shot(page, roles),
        *_combination(page, gains),
        _label_shift(roots, dataset_config),
        _both_features(page, roles),
        *_learning(page, roles),
    ]


def _frozen_features(page: Page, roles: Roles) -> list[Fact]:
    both = summarise(page.values[roles.both]["mAP"])
    above_chance = Fact(
        "R1",
        "a probe on frozen features is far above chance",
        "mAP 50.7, chance 6.9 (L/14)",
        f"mAP {both.mean:.1f}, chance {page.chance:.1f}",
        both.mean > FAR_ABOVE * page.chance,
    )
    if not roles.small:
        return [above_chance]
    gain = _difference(page, roles.both, roles.small, "macro_f1")
    larger_above_smaller = Fact(
        "R1",
        "the larger CLIP is clearly above the smaller one",
        "macro F1 46.2 (L/14), 38.3 (B/32)",
        f"macro F1 {_mean(page, roles.both, 'macro_f1')}, "
        f"{_mean(page, roles.small, 'macro_f1')}: {report.difference(gain)}",
        gain.low > 0,
    )
    return [above_chance, larger_above_smaller]


def _zero_shot(page: Page, roles: Roles) -> list[Fact]:
    names = summarise(page.values[roles.name]["mAP"])
    gain = _difference(page, roles.sentence, roles.name, "mAP")
    return [
        Fact(
            "R2",
            "zero-shot is well above chance",
            "mAP 18.5 (names), chance 6.9",
            f"mAP {names.mean:.1f} (names), chance {page.chance:.1f}",
            names.mean > 1.5 * page.chance,
        ),
        Fact(
            "R2",
            "sentences that describe are above names",
            "mAP 24.8 and 18.5",
            f"mAP {_mean(page, roles.sentence, 'mAP')} and {names.mean:.1f}: "
            f"{report.difference(gain)}",
            gain.low > 0,
        ),
    ]


def _combination(page: Page, gains: Mapping[str, Gain]) -> list[Fact]:
    facts = []
    labels = {method.name: method.label for method in page.methods}
    for name, gain in gains.items():
        mean_ap, macro_f1 = summarise(gain.mean_ap), summarise(gain.macro_f1)
        facts.append(
            Fact(
                "R3",
                f"adding standardised zero-shot scores helps: {labels[name]}",
                "mAP +3 to +5, macro F1 +3",
                f"mAP {report.difference(mean_ap)}, macro F1 {report.difference(macro_f1)}",
                mean_ap.low > 0,
            )
        )
    return facts


def _label_shift(roots: Mapping[int, Path], dataset_config: str) -> Fact:
    train, val = [], []
    for root in roots.values():
        labels = labels_of(read_annotations(root, dataset_config)[1])
        train.append(rank_correlation(labels["train"], labels["test"]))
        val.append(rank_correlation(labels["val"], labels["test"]))
    return Fact(
        "R4",
        "class frequencies shift from train to val and test",
        "rank correlation 0.55 train-test, 0.94 val-test",
        f"{np.mean(train):.2f} train-test, {np.mean(val):.2f} val-test",
        bool(np.mean(val) - np.mean(train) > SHIFT),
    )


def _both_features(page: Page, roles: Roles) -> Fact:
    shown, agrees = [f"mAP {_mean(page, roles.both, 'mAP')}"], True
    for label, name in (("pooled", roles.pooled), ("mean of map", roles.mean)):
        gain = _difference(page, roles.both, name, "mAP")
        shown.append(f"{label} {_mean(page, name, 'mAP')}: {report.difference(gain)}")
        agrees = agrees and gain.high >= 0
    return Fact(
        "R5",
        "pooled embedding and mean of the map together are at least as good as either",
        "at least as good",
        "; ".join(shown),
        agrees,
    )


def _learning(page: Page, roles: Roles) -> list[Fact]:
    means = {name: summarise(page.values[name]["mAP"]).mean for name in roles.learning}
    width = max(means.values()) - min(means.values())
    labels = {method.name: method.label for method in page.methods}
    listed = ", ".join(f"{labels[name]} {mean:.1f}" for name, mean in means.items())
    worst = min(means, key=lambda name: means[name])
    gain = _difference(page, worst, roles.sentence, "mAP")
    return [
        Fact(
            "R6",
            "methods that learn differ little",
            "0.5 to 1 point",
            f"mAP {listed}: {width:.1f} apart",
            width <= CLOSE,
        ),
        Fact(
            "R6",
            "trained methods are above zero-shot",
            "yes",
            f"the lowest, {labels[worst]}, against sentences: mAP {report.difference(gain)}",
            gain.low > 0,
        ),
    ]


def _mean(page: Page, name: str, metric: str) -> str:
    return f"{summarise(page.values[name][metric]).mean:.1f}"


def _difference(page: Page, first: str, second: str, metric: str) -> Summary:
    """Return the summary of the paired differences, first minus second."""
    return summarise(page.values[first][metric] - page.values[second][metric])
