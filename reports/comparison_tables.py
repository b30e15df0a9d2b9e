"""Tables of a comparison of settings: results, differences, decision rules, classes, published."""

import math
from collections.abc import Sequence
from typing import Any

from evaluation.comparison import Comparison, Pair
from evaluation.comparison.compare import ClassGain
from evaluation.comparison.rule_grid import RULE_METRICS
from evaluation.comparison.summary import Summary
from evaluation.published import PublishedRow, RunFacts, rows_beside
from evaluation.report import table_columns
from evaluation.significance import RESOLVED, THESE_MODELS, Difference

from .labels import label_of
from .tables import Cell, Column, Row, Table, slug

PUBLISHED_NUMBERS = ("macro_f1", "micro_f1", "samples_f1", "mAP", "mAP_interp")
PUBLISHED_LABELS = tuple(map(label_of, PUBLISHED_NUMBERS))
REASONS = "not comparable because"
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
        note = "Mean ± standard deviation over the seeds (n - 1 in the denominator)."
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
        f"{comparison.swaps:,} swaps; the variance between seeds is part of interval and p."
    )
    caption = f"Differences to {baseline} on {comparison.split}"
    return Table(caption, columns, rows, name="differences", note=note)


def rules_table(comparison: Comparison) -> Table:
    """Return method x decision rule: for each F1 a row per setting."""
    grid = comparison.rules
    assert grid is not None, "call it only where a grid exists"
    columns = ["metric", "run", *grid.rules, Column("gain of the rule", signed=True)]
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
        columns.append(Column(rule, signed=True, hint="percentage points, with the 95 % interval"))
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


def published_table(comparison: Comparison, published: Sequence[PublishedRow]) -> Table:
    """Return the settings and the published rows, with warnings where they do not compare."""
    columns = ["method", "backbone", *PUBLISHED_LABELS, "rule", "source", "kind", REASONS]
    rows = []
    for setting in comparison.settings:
        facts, cells = _own_cells(comparison, setting)
        own = [OWN_RULES.get(facts.tuned_on), "this comparison", "own run", None]
        rows.append(Row([setting, facts.backbone or None, *cells, *own], mark="own"))
    for row in rows_beside(published, common_facts(comparison)):
        cells = [row[name] for name in PUBLISHED_NUMBERS]
        cells += [row["rule"], row["source"], row["kind"]]
        reasons = " ".join(row["warnings"]) or None
        rows.append(Row([row["method"], row["backbone"], *cells, reasons]))
    return Table(_published_caption(comparison), columns, rows, name="published")


def compact_published_table(comparison: Comparison, published: Sequence[PublishedRow]) -> Table:
    """Return :func:`published_table` in fewer columns: rule and source stand below the method."""
    rows = []
    for row in published_table(comparison, published).body:
        method, backbone, *numbers, rule, source, kind, reasons = row.cells
        described = [rule.value] if rule.value else []
        if row.mark != "own":
            described.append(f"{source.value} ({kind.value})")
        method = Cell(method.value, note="; ".join(described))
        rows.append(Row([method, backbone, *numbers, reasons], row.mark))
    columns = ["method", "backbone", *PUBLISHED_LABELS, REASONS]
    return Table(_published_caption(comparison), columns, rows, name="published")


def short_published_table(
    comparison: Comparison, published: Sequence[PublishedRow]
) -> tuple[Table, list[str]]:
    """Return :func:`published_table` for a terminal: numbers in place of the warnings.

    Returns:
        The table, and the warnings that the numbers stand for, the first one for 1.
    """
    rows = []
    for setting in comparison.settings:
        facts, cells = _own_cells(comparison, setting)
        rows.append([setting, facts.backbone or None, *cells, ""])
    reasons: list[str] = []
    for row in rows_beside(published, common_facts(comparison)):
        reasons += [reason for reason in row["warnings"] if reason not in reasons]
        numbers = sorted(reasons.index(reason) + 1 for reason in row["warnings"])
        cells = [row[name] for name in ("method", "backbone", *PUBLISHED_NUMBERS)]
        rows.append([*cells, ", ".join(map(str, numbers))])
    columns = ["method", "backbone", *PUBLISHED_LABELS, "not comparable"]
    return Table(_published_caption(comparison), columns, rows), reasons


def common_facts(comparison: Comparison) -> RunFacts:
    """Return the facts that all settings share; a fact that differs is empty."""
    facts = list(comparison.facts.values())
    backbones = {fact.backbone for fact in facts}
    tuned_on = {fact.tuned_on for fact in facts}
    return RunFacts(
        backbone=backbones.pop() if len(backbones) == 1 else "",
        tuned_on=tuned_on.pop() if len(tuned_on) == 1 else "",
    )


def count_resolved(classes: Sequence[ClassGain]) -> str:
    """Return how many classes differ beyond chance, as a sentence."""
    parts, models = [], []
    for metric, name in (("ap", "AP"), ("f1", "F1")):
        verdicts = [gain.difference[metric].verdict for gain in classes]
        parts.append(f"{name} of {verdicts.count(RESOLVED)}")
        if THESE_MODELS in verdicts:
            models.append(f"{name} of {verdicts.count(THESE_MODELS)}")
    text = f"Resolved of {len(classes)} classes: {', '.join(parts)}."
    if models:
        text += f" For these models only: {', '.join(models)}."
    return text


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


def _own_cells(comparison: Comparison, setting: str) -> tuple[RunFacts, list[Cell]]:
    """Return the facts of a setting and its numbers that published rows have, too."""
    facts = comparison.facts.get(setting, RunFacts())
    summaries = comparison.summaries[setting]
    return facts, [summary_cell(summaries.get(name)) for name in PUBLISHED_NUMBERS]


def _published_caption(comparison: Comparison) -> str:
    return f"Beside published results on {comparison.dataset or 'the same data'}"
