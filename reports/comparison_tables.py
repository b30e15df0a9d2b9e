"""Tables of a comparison of settings: results, differences, decision rules, classes, published."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.comparison import Comparison, Pair
from evaluation.comparison.compare import ClassGain
from evaluation.comparison.rule_grid import RULE_METRICS
from evaluation.comparison.summary import Summary
from evaluation.published import PublishedRow, RunFacts, rows_beside
from evaluation.result_files import table_columns
from evaluation.uncertainty.significance import RESOLVED, THESE_MODELS, Difference

from .labels import label_of, rule_in_words
from .tables import Cell, Column, Row, Table, slug

PUBLISHED_NUMBERS = ("macro_f1", "micro_f1", "samples_f1", "mAP", "mAP_interp")
# Columns of published rows, besides the fields of a row.
REASONS = "not comparable because"
DESCRIBED = "method, rule and source"  # rule and source stand below the method
NUMBERED = "numbers of the reasons"
ALL_COLUMNS = ("method", "backbone", *PUBLISHED_NUMBERS, "rule", "source", "kind", REASONS)
PAGE_COLUMNS = (DESCRIBED, "backbone", *PUBLISHED_NUMBERS, REASONS)
TERMINAL_COLUMNS = ("method", "backbone", *PUBLISHED_NUMBERS, NUMBERED)
TITLES = {DESCRIBED: "method", NUMBERED: "not comparable"}
OWN_RULES = {"val": "tuned on val", "none": "not tuned"}


def all_tables(comparison: Comparison, published: Sequence[PublishedRow] = ()) -> list[Table]:
    """Return the tables that have rows, in the order of the page.

    Args:
        comparison: the comparison.
        published: published rows of the same data set.
    """
    tables = [results_table(comparison)]
    if comparison.pairs:
        tables.append(differences_table(comparison))
    if comparison.rules is not None:
        tables.append(rules_table(comparison))
        if comparison.rules.differences:
            tables.append(rule_differences_table(comparison))
    for number, pair in enumerate(comparison.pairs, start=1):
        tables.append(classes_table(pair, comparison.split, number))
    if published:
        tables.append(published_table(comparison, published))
    return tables


def results_table(comparison: Comparison) -> Table:
    """Return a row per setting: number of runs, then mean and deviation of each listed metric."""
    names = table_columns(comparison.summaries)
    several = any(count > 1 for count in comparison.num_runs.values())
    columns: list[Column | str] = ["run"]
    if several:
        columns.append(Column("seeds", hint="runs with different seeds"))
    columns += [label_of(name) for name in names]
    rows = []
    for setting, summaries in comparison.summaries.items():
        cells: list[Any] = [setting]
        if several:
            cells.append(comparison.num_runs[setting])
        cells += [summary_cell(summaries.get(name)) for name in names]
        rows.append(cells)
    note = ""
    if several:
        note = "Mean ± standard deviation over the seeds (n \N{MINUS SIGN} 1 in the denominator)."
    return Table(f"Results on {comparison.split}", columns, rows, name="results", note=note)


def differences_table(comparison: Comparison) -> Table:
    """Return a row per setting and metric: its difference to the baseline, and the test."""
    columns = [
        Column("run"),
        Column("metric"),
        Column("difference", signed=True, hint="percentage points, with the 95 % interval"),
        Column("p", digits=4, hint="two-sided, images and seeds"),
        Column("verdict"),
    ]
    rows = []
    for pair in comparison.pairs:
        for metric, difference in pair.metrics.items():
            cells = [pair.other, label_of(metric), difference_cell(difference), difference.p]
            rows.append(Row([*cells, difference.verdict], mark=mark_of(difference)))
    baseline = comparison.pairs[0].baseline
    note = (
        f"Paired approximate randomisation on the same {comparison.num_images:,} images, "
        f"{comparison.swaps:,} swaps; {seeds_in_words(comparison)}."
    )
    caption = f"Differences to {baseline} on {comparison.split}"
    return Table(caption, columns, rows, name="differences", note=note)


def seeds_in_words(comparison: Comparison) -> str:
    """Return what interval and p say of the seeds of training."""
    if any(count == 1 for count in comparison.num_runs.values()):
        return (
            "interval and p hold the variance between seeds where both sides have several runs; "
            "with one run they are about these models alone"
        )
    return "the variance between seeds is part of interval and p"


def rules_table(comparison: Comparison) -> Table:
    """Return method x decision rule: for each F1 a row per setting."""
    grid = comparison.rules
    assert grid is not None, "call it only where a grid exists"
    names = [rule_in_words(rule) for rule in grid.rules]
    columns = ["metric", "run", *names, Column("gain of the rule", signed=True)]
    rows = []
    for metric in RULE_METRICS:
        for setting, by_rule in grid.cells.items():
            cells = [summary_cell(by_rule[rule][metric]) for rule in grid.rules]
            rows.append(
                [label_of(metric), setting, *cells, summary_cell(grid.gains[setting][metric])]
            )
    note = "Both rules are fitted on each run's val and applied to test."
    return Table("Method and decision rule", columns, rows, name="rules", note=note)


def rule_differences_table(comparison: Comparison) -> Table:
    """Return the gain of each method over the baseline at either rule."""
    grid = comparison.rules
    assert grid is not None, "call it only where a grid exists"
    columns: list[Column | str] = ["metric", "run"]
    for rule in grid.rules:
        hint = "percentage points, with the 95 % interval"
        columns.append(Column(rule_in_words(rule), signed=True, hint=hint))
    rows = []
    for metric in RULE_METRICS:
        for setting, by_rule in grid.differences.items():
            cells = [_marked(by_rule[rule][metric]) for rule in grid.rules]
            rows.append([label_of(metric), setting, *cells])
    caption = f"Gain of the method over {comparison.settings[0]} at each rule"
    return Table(caption, columns, rows, name="rule_differences")


def classes_table(pair: Pair, split: str, number: int) -> Table:
    """Return a row per class, the most frequent first: AP and F1 of both settings, gain, test.

    Args:
        pair: the pair of settings.
        split: the compared split.
        number: place of the pair, which makes the name of the files unique.
    """
    columns: list[Column | str] = ["class", Column("n", hint=f"positives in {split}")]
    for metric in ("AP", "F1"):
        columns += [
            Column(f"{metric} {pair.baseline}"),
            Column(f"{metric} {pair.other}"),
            Column(f"{metric} gain", signed=True, hint="percentage points, with the 95 % interval"),
            Column(f"{metric} p (Holm)", digits=4, hint="corrected for the number of classes"),
        ]
    rows = []
    for gain in pair.classes:
        cells: list[Any] = [gain.name, gain.num_pos]
        for metric in ("ap", "f1"):
            cells += [gain.baseline[metric], gain.other[metric]]
            cells += [_marked(gain.difference[metric]), gain.difference[metric].p_holm]
        rows.append(Row(cells))
    return Table(
        f"Classes: {pair.other} against {pair.baseline}",
        columns,
        rows,
        name=f"classes_{number}_{slug(pair.other)}",
        note=f"{count_resolved(pair.classes)} Holm's correction over the classes.",
    )


def published_table(
    comparison: Comparison,
    published: Sequence[PublishedRow],
    columns: Sequence[str] = ALL_COLUMNS,
) -> Table:
    """Return the settings and the published rows, with warnings where they do not compare.

    Args:
        comparison: the comparison.
        published: published rows of the same data set.
        columns: columns to show: ``ALL_COLUMNS``, ``PAGE_COLUMNS`` or ``TERMINAL_COLUMNS``.
    """
    rows = []
    for setting in comparison.settings:
        cells = _own_cells(comparison, setting)
        rows.append(Row([cells.get(name) for name in columns], mark="own"))
    reasons = published_reasons(comparison, published)
    for entry in rows_beside(published, common_facts(comparison)):
        cells = _published_cells(entry, reasons)
        rows.append(Row([cells[name] for name in columns]))
    titles = [TITLES.get(name, label_of(name)) for name in columns]
    caption = f"Beside published results on {comparison.dataset or 'the same data'}"
    return Table(caption, titles, rows, name="published")


def published_reasons(comparison: Comparison, published: Sequence[PublishedRow]) -> list[str]:
    """Return the warnings that the numbers of ``TERMINAL_COLUMNS`` stand for, the first for 1."""
    reasons: dict[str, None] = {}  # a set that keeps the order
    for entry in rows_beside(published, common_facts(comparison)):
        reasons.update(dict.fromkeys(entry["warnings"]))
    return list(reasons)


def common_facts(comparison: Comparison) -> RunFacts:
    """Return the facts that all settings share; a fact that differs is empty."""
    facts = list(comparison.facts.values())
    backbones = {fact.backbone for fact in facts}
    tuned_on = {fact.tuned_on for fact in facts}
    thresholds = {fact.thresholds for fact in facts}
    return RunFacts(
        backbone=backbones.pop() if len(backbones) == 1 else "",
        tuned_on=tuned_on.pop() if len(tuned_on) == 1 else "",
        thresholds=thresholds.pop() if len(thresholds) == 1 else "",
    )


def count_resolved(classes: Sequence[ClassGain]) -> str:
    """Return how many classes differ beyond chance, as a sentence."""
    parts, models = [], []
    for metric, name in (("ap", "AP"), ("f1", "F1")):
        verdicts = [gain.difference[metric].verdict for gain in classes]
        parts.append(f"{verdicts.count(RESOLVED)} in {name}")
        if THESE_MODELS in verdicts:
            models.append(f"{verdicts.count(THESE_MODELS)} in {name}")
    text = f"Of {len(classes)} classes, the difference is resolved for {' and '.join(parts)}"
    if models:
        text += f"; for these models only, it is for {' and '.join(models)}"
    return f"{text}."


def summary_cell(summary: Summary | None) -> Cell:
    """Return mean and standard deviation over the runs; without the latter for one run."""
    if summary is None:
        return Cell(None)
    if math.isnan(summary.std):
        return Cell(summary.mean)
    return Cell(summary.mean, note=f"± {summary.std:.2f}")


def difference_cell(difference: Difference) -> Cell:
    """Return a difference with its interval."""
    return Cell(difference.value, difference.low, difference.high)


def mark_of(difference: Difference) -> str:
    """Return the mark of a row: muted where the difference is not resolved."""
    return "" if difference.verdict == RESOLVED else "muted"


def _marked(difference: Difference) -> Cell:
    """Return a difference with its interval and, if it is not resolved, the verdict."""
    note = "" if difference.verdict == RESOLVED else difference.verdict
    return Cell(difference.value, difference.low, difference.high, note=note)


def _own_cells(comparison: Comparison, setting: str) -> dict[str, Any]:
    """Return the cells of a setting by column."""
    facts = comparison.facts.get(setting, RunFacts())
    summaries = comparison.summaries[setting]
    rule = OWN_RULES.get(facts.tuned_on)
    return {
        "method": setting,
        DESCRIBED: Cell(setting, note=rule or ""),
        "backbone": facts.backbone or None,
        **{name: summary_cell(summaries.get(name)) for name in PUBLISHED_NUMBERS},
        "rule": rule,
        "source": "this comparison",
        "kind": "own run",
        NUMBERED: "",
    }


def _published_cells(entry: Mapping[str, Any], reasons: Sequence[str]) -> dict[str, Any]:
    """Return the cells of a published row by column."""
    described = [f"{entry['source']} ({entry['kind']})"]
    if entry["rule"]:
        described.insert(0, entry["rule"])
    numbers = sorted(reasons.index(reason) + 1 for reason in entry["warnings"])
    return {
        **entry,
        DESCRIBED: Cell(entry["method"], note="; ".join(described)),
        REASONS: " ".join(entry["warnings"]) or None,
        NUMBERED: ", ".join(map(str, numbers)),
    }
