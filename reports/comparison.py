"""The page of a comparison: one HTML file."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.files import write_text
from evaluation.comparison import Comparison, Pair
from evaluation.comparison.compare import notes_on_swaps
from evaluation.comparison.rule_grid import RULE_METRICS
from evaluation.metrics import HEADLINE_METRICS
from evaluation.published import PublishedRow
from evaluation.uncertainty.significance import NOT_RESOLVED, RESOLVED, Difference

from .blocks import Facts, Figure, FigureGrid, Section, Text, Tile, Tiles
from .comparison_tables import (
    PAGE_COLUMNS,
    classes_table,
    count_resolved,
    differences_table,
    published_table,
    results_table,
    rule_differences_table,
    rules_table,
    seeds_in_words,
)
from .figures import MAX_CLASSES
from .figures.gains import GainRow, Gains, cuts_an_interval, draw_gains
from .figures.slopes import draw_slopes
from .labels import label_of, rule_in_words
from .page import render_page
from .tables import Column, format_value, slug

SIGNED = Column("", signed=True)
P_VALUE = Column("", digits=4)
ARROW = "An arrow: the interval is wider."


def write_comparison(
    path: str | Path,
    comparison: Comparison,
    published: Sequence[PublishedRow] = (),
) -> None:
    """Write the page of a comparison, atomically.

    Args:
        path: HTML file to write.
        comparison: the comparison.
        published: published rows of the same data set.

    Raises:
        OSError: the file cannot be written.
    """
    sections = comparison_sections(comparison, published)
    html = render_page(
        title=comparison_title(comparison),
        subtitle=_subtitle(comparison),
        sections=sections,
        kicker="Comparison",
    )
    write_text(path, html)


def comparison_sections(
    comparison: Comparison,
    published: Sequence[PublishedRow],
) -> list[Section]:
    """Return the sections of the page in order; those without data are left out."""
    sections = [_verdict(comparison)]
    if comparison.pairs:
        sections.append(_differences(comparison))
    if comparison.rules is not None:
        sections.append(_rules(comparison))
    if published:
        sections.append(_published(comparison, published))
    for number, pair in enumerate(comparison.pairs, start=1):
        sections.append(_classes(pair, comparison, number))
    sections.append(_method(comparison))
    return sections


def comparison_title(comparison: Comparison) -> str:
    """Return the settings and the data set, as the page's heading."""
    names = list(comparison.settings)
    shown = " vs. ".join(names) if len(names) < 4 else f"{len(names)} settings"
    return f"{shown} on {comparison.dataset}" if comparison.dataset else shown


def _subtitle(comparison: Comparison) -> str:
    parts = [f"split {comparison.split}"]
    if comparison.num_images:
        parts.append(f"{comparison.num_images:,} images")
    counts = []
    for name, count in comparison.num_runs.items():
        counts.append(f"{name}: {count} run" + ("s" if count > 1 else ""))
    return " · ".join([*parts, *counts])


def _verdict(comparison: Comparison) -> Section:
    """Return the headline differences and the results of all settings."""
    blocks: list[Any] = []
    for pair in comparison.pairs:
        blocks += [Text(_in_words(pair)), Tiles(_tiles(pair))]
    blocks.append(results_table(comparison))
    lead = "Numbers are in percent, differences in percentage points."
    if comparison.pairs:
        lead += (
            " A difference is resolved where it is larger than what other images and other seeds "
            "would change."
        )
    else:
        lead += " No difference is tested here; the end of the page says why."
    return Section("verdict", "Verdict", lead, blocks)


def _in_words(pair: Pair) -> str:
    """Return one sentence that says which metrics differ beyond chance."""
    groups: dict[str, list[str]] = {}
    for metric, difference in pair.metrics.items():
        groups.setdefault(_words_of(difference), []).append(label_of(metric))
    parts = [words.format(", ".join(metrics)) for words, metrics in groups.items()]
    return f"{pair.other} against {pair.baseline}: {'; '.join(parts)}."


def _words_of(difference: Difference) -> str:
    """Return the part of the sentence for a difference, with a place for its metrics."""
    if difference.verdict == NOT_RESOLVED:
        return "not resolved in {}"
    words = "better in {}" if difference.value > 0 else "worse in {}"
    if difference.verdict == RESOLVED:
        return words
    return f"{words}, for these trained models only (one run)"


def _tiles(pair: Pair) -> list[Tile]:
    tiles = []
    for metric in HEADLINE_METRICS:
        if metric not in pair.metrics:
            continue
        difference = pair.metrics[metric]
        tile = Tile(
            label=label_of(metric),
            value=format_value(difference.value, SIGNED),
            interval=_interval(difference),
            hint=difference.verdict,
        )
        tiles.append(tile)
    return tiles


def _differences(comparison: Comparison) -> Section:
    """Return the differences to the baseline as figure and table."""
    several = len(comparison.pairs) > 1
    rows = []
    for pair in comparison.pairs:
        for metric, difference in pair.metrics.items():
            label = label_of(metric)
            if several:
                label += f", {pair.other}"
            rows.append(_gain_row(label, difference, [format_value(difference.p, P_VALUE)]))
    baseline = comparison.pairs[0].baseline
    gains = Gains(rows, f"difference to {baseline}, percentage points", ("difference", "p"))
    alternative = "Difference to the baseline per metric, with 95 % intervals: the table below."
    wide, narrow = draw_gains("differences", gains, alternative)
    caption = (
        "Points with 95 % intervals. Filled: resolved; hollow and gray: not resolved, or one run."
    )
    lead = "All settings are compared on the same images."
    figure = Figure(wide, narrow, caption, *_about_arrows(gains))
    blocks = [figure, differences_table(comparison)]
    return Section("differences", f"Differences to {baseline}", lead, blocks, link="Differences")


def _rules(comparison: Comparison) -> Section:
    """Return the settings at two decision rules as slopes and tables."""
    grid = comparison.rules
    assert grid is not None, "call it only where a grid exists"
    ends = tuple(rule_in_words(rule) for rule in grid.rules)
    lead = (
        "F1 depends on the decision rule. A gain of the method holds at both rules: the lines do "
        "not cross. A rising line is the gain of the rule."
    )
    items = []
    for metric in RULE_METRICS:
        values = {}
        for setting, by_rule in grid.cells.items():
            first, second = (by_rule[rule][metric].mean for rule in grid.rules)
            values[setting] = (first, second)
        alternative = f"{label_of(metric)} at the rules {' and '.join(ends)}: the table below."
        label = label_of(metric)
        svg = draw_slopes(f"slopes-{metric}", values, ends, alternative, f"{label} (%)")
        items.append((label, svg))
    blocks: list[Any] = [FigureGrid(items, size="medium"), rules_table(comparison)]
    if grid.differences:
        blocks.append(rule_differences_table(comparison))
    return Section("rules", "Method and decision rule", lead, blocks, link="Decision rules")


def _published(comparison: Comparison, published: Sequence[PublishedRow]) -> Section:
    lead = (
        "Published rows differ in backbone, decision rule, choice of the epoch and definition of "
        "mAP; the last column says where. A "
        "dash means that the source gives no such number."
    )
    table = published_table(comparison, published, PAGE_COLUMNS)
    return Section("published", "Published results", lead, [table])


def _classes(pair: Pair, comparison: Comparison, number: int) -> Section:
    """Return the gains per class as figure and table."""
    split = comparison.split
    rows = []
    for gain in pair.classes:
        difference = gain.difference["ap"]
        cells = [f"{gain.num_pos:,}", format_value(difference.p_holm, P_VALUE)]
        rows.append(_gain_row(gain.name, difference, cells))
    columns = ("gain", "n", "p (Holm)")
    gains = Gains(rows, "gain in average precision, percentage points", columns)
    alternative = f"Gain of each class in average precision: {count_resolved(pair.classes)}"
    blocks: list[Any] = []
    for note in notes_on_swaps(len(pair.classes), comparison.swaps):
        blocks.append(Text(note, mark="warning"))
    if rows and len(rows) <= MAX_CLASSES:
        wide, narrow = draw_gains(f"classes-{number}", gains, alternative)
        caption = (
            f"The most frequent class first; n: positives in {split}. Filled: resolved after "
            "Holm's correction; hollow and gray: not resolved."
        )
        blocks.append(Figure(wide, narrow, caption, *_about_arrows(gains)))
    blocks.append(replace(classes_table(pair, split, number), closed=True))
    return Section(
        f"classes-{number}-{slug(pair.other)}",
        f"Classes: {pair.other} against {pair.baseline}",
        count_resolved(pair.classes),
        blocks,
        link=f"Classes: {pair.other}",
    )


def _method(comparison: Comparison) -> Section:
    """Return how the differences are tested, the notes, and the runs."""
    blocks: list[Any] = []
    for note in comparison.notes:
        blocks.append(Text(note, mark="warning"))
    if comparison.pairs:
        text = (
            f"Test: paired approximate randomisation. The predictions of both settings for an "
            f"image are swapped at random, {comparison.swaps:,} times (seed {comparison.seed}); "
            f"{seeds_in_words(comparison)}. Holm's correction is over the classes; it changes "
            "p and verdict of a class, not its interval."
        )
        blocks.append(Text(text))
    items = {name: ", ".join(folders) for name, folders in comparison.folders.items()}
    blocks.append(Facts(items, heading="Folders of the runs"))
    return Section("method", "How this was compared", "", blocks, link="Method")


def _about_arrows(gains: Gains) -> list[str]:
    """Return a sentence for the wide and the narrow form, empty where it has no arrow."""
    return [ARROW if cut else "" for cut in cuts_an_interval(gains)]


def _gain_row(label: str, difference: Difference, cells: Sequence[str]) -> GainRow:
    value = format_value(difference.value, SIGNED)
    return GainRow(
        label=label,
        value=difference.value,
        low=difference.low,
        high=difference.high,
        resolved=difference.verdict == RESOLVED,
        cells=(value, *cells),
    )


def _interval(difference: Difference) -> str:
    low, high = format_value(difference.low, SIGNED), format_value(difference.high, SIGNED)
    return f"{low} to {high}"
