"""Levels of the hierarchy and subsets of the classes."""

from evaluation.metrics import HEADLINE_METRICS
from reports.blocks import Figure, Section
from reports.figures.forest import Forest, ForestRow, draw_forest
from reports.labels import LABELS, group_in_words
from reports.tables import Column, Table, format_value, with_interval
from reports.view import RunView

LEAD = (
    "Scores and labels are max-pooled to the groups of the hierarchy: a group is true where any of "
    "its classes is. A large gain from classes to groups says that errors stay inside of a group."
)


def section(view: RunView) -> Section | None:
    """Return the section; None for classes without groups."""
    groups = view.run.groups
    if not groups.levels and not groups.subsets:
        return None
    blocks = []
    if groups.levels:
        blocks += [_figure(view), _levels_table(view)]
    if groups.subsets:
        blocks.append(_subsets_table(view))
    title = "Levels and subsets" if groups.levels and groups.subsets else "Groups of classes"
    return Section("levels", title, LEAD if groups.levels else "", blocks)


def _suffixes(view: RunView) -> dict[str, str]:
    """Return label -> suffix of the metrics, from the classes to the most general level."""
    suffixes = {f"{view.num_classes} classes": ""}
    for level in reversed(view.levels):
        size = len(view.run.groups.levels[level])
        suffixes[f"{size} groups, {group_in_words(level)}"] = f"/{level}"
    return suffixes


def _figure(view: RunView) -> Figure:
    rows = []
    for label, suffix in _suffixes(view).items():
        for metric in ("mAP", "macro_f1"):
            entry = view.interval(metric + suffix)
            value = view.metric(metric + suffix)
            text = format_value(value, Column(metric))
            name = f"{label}: {LABELS[metric]}"
            rows.append(ForestRow(name, value, entry.get("low"), entry.get("high"), cells=[text]))
    forest = Forest(rows, "mAP, macro F1 (%)", ["value"], end=100.0)
    alternative = "mAP and macro F1 at each level: " + ", ".join(
        f"{row.label} {row.cells[0]}" for row in rows
    )
    wide, narrow = draw_forest("levels", forest, alternative)
    return Figure(wide, narrow)


def _levels_table(view: RunView) -> Table:
    rows = []
    for label, suffix in _suffixes(view).items():
        cells = [label]
        for metric in HEADLINE_METRICS:
            name = metric + suffix
            cells.append(with_interval(view.metric(name), view.interval(name)))
        rows.append(cells)
    columns = ["level", *(Column(LABELS[metric]) for metric in HEADLINE_METRICS)]
    return Table("Levels of the hierarchy", columns, rows, name="levels")


def _subsets_table(view: RunView) -> Table:
    rows = []
    for subset, members in view.run.groups.subsets.items():
        name = f"macro_f1/{subset}"
        value = with_interval(view.metric(name), view.interval(name))
        rows.append([group_in_words(subset), len(members), value])
    columns = ["subset", "classes", Column("macro F1")]
    return Table("Subsets of the classes", columns, rows, name="subsets")
