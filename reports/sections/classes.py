"""Numbers per class, the most frequent class first."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from evaluation.calibration import MIN_POSITIVES
from evaluation.metrics import Array
from reports.blocks import Figure, Section, Text
from reports.figures import MAX_CLASSES
from reports.figures.forest import Forest, ForestRow, draw_forest
from reports.tables import Column, Table, format_value, is_missing, with_interval
from reports.view import RunView, thresholds_of

WITH_F1 = "Bars are average precision, diamonds F1."
WITHOUT_F1 = "Bars are average precision. There is no F1, because the evaluator has no rule."
ORDER = (
    "Classes are sorted by their number of images in the final split, so that the long tail is at "
    "the bottom."
)
PRIOR_TITLE = "prior ratio"
PRIOR = "share of positives here over that in train; 1 means that both agree"


def section(view: RunView) -> Section:
    """Return the section."""
    blocks = [_figure(view)]
    if view.run.train_counts is None:
        text = "There are no training labels: counts in train and prior ratios are left out."
        blocks.append(Text(text, "quiet"))
    if view.num_classes > MAX_CLASSES:
        text = f"The figure shows the {MAX_CLASSES} most frequent classes, the table all."
        blocks.append(Text(text, "quiet"))
    blocks.append(_table(view))
    lead = f"{WITH_F1 if view.has_rule else WITHOUT_F1} {ORDER}"
    return Section("classes", "Per class", lead, blocks)


def _figure(view: RunView) -> Figure:
    thresholds = thresholds_of(_shown_rule(view), view.num_classes)
    columns = [f"n {view.split}"]
    if view.run.train_counts is not None:
        columns += ["n train", PRIOR_TITLE]
    if _differ(thresholds):
        columns.append("threshold")
    rows = []
    intervals = view.class_intervals("ap")
    for c in view.by_frequency[:MAX_CLASSES]:
        entry = intervals[c]
        rows.append(
            ForestRow(
                label=view.run.names[c],
                value=float(view.ap[c]),
                low=entry.get("low"),
                high=entry.get("high"),
                mark=float(view.f1[c]),
                note=_note(view, c, entry),
                cells=_cells(view, c, thresholds),
            )
        )
    title = "average precision, F1 (%)" if view.has_rule else "average precision (%)"
    forest = Forest(rows, title, columns, end=100.0)
    wide, narrow = draw_forest("classes", forest, _alternative(view))
    return Figure(wide, narrow, _caption(view, thresholds))


def _caption(view: RunView, thresholds: Array | None) -> str:
    parts = ["Bar: average precision."]
    if view.has_rule:
        parts.append("Diamond: F1 under the headline rule.")
    if view.run.intervals.get("classes"):
        parts.append(
            f"Line: 95 % interval over images; under {MIN_POSITIVES} positives an interval of a "
            "class cannot be trusted."
        )
    if view.run.train_counts is not None:
        parts.append(f"Prior ratio: share of positives on {view.split} over the share in train.")
    if _differ(thresholds):
        parts.append(f"Threshold: of the chosen rule, {_shown_rule(view).describe()}.")
        if view.has_rule:
            parts.append("The table has F1 under this rule, too.")
    return " ".join(parts)


def _differ(thresholds: Array | None) -> bool:
    """Return True if classes have different thresholds; one for all needs no column."""
    return thresholds is not None and len(np.unique(thresholds)) > 1


def _note(view: RunView, c: int, entry: Mapping[str, Any]) -> str:
    if not view.num_pos[c]:
        return "no positive"
    return entry.get("note", "")


def _cells(view: RunView, c: int, thresholds: Array | None) -> list[str]:
    cells = [f"{view.num_pos[c]:,}"]
    if view.run.train_counts is not None:
        cells.append(f"{int(view.run.train_counts[c]):,}")
        cells.append(_ratio(_prior_ratio(view, c)))
    if _differ(thresholds):
        cells.append(f"{thresholds[c]:.2f}")
    return cells


def _prior_ratio(view: RunView, c: int) -> float | None:
    return None if view.prior_ratio is None else float(view.prior_ratio[c])


def _ratio(value: float | None) -> str:
    large = not is_missing(value) and value >= 10
    return format_value(value, Column("", digits=0 if large else 2))


def _shown_rule(view: RunView) -> Any:
    """Return the chosen rule, or the headline's where none is chosen."""
    return view.run.rule or view.run.final.result.rule


def _alternative(view: RunView) -> str:
    present = [c for c in view.by_frequency if not np.isnan(view.ap[c])]
    if not present:
        return "Average precision per class: no class has a positive."
    best = max(present, key=lambda c: view.ap[c])
    worst = min(present, key=lambda c: view.ap[c])
    return (
        f"Average precision of {view.num_classes} classes. Highest: "
        f"{view.run.names[best]}, {view.ap[best]:.1f} %. Lowest: {view.run.names[worst]}, "
        f"{view.ap[worst]:.1f} %. The table below has all numbers."
    )


def _table(view: RunView) -> Table:
    run, split = view.run, view.split
    rule = _shown_rule(view)
    thresholds = thresholds_of(rule, view.num_classes)
    own_rule = run.rule is not None and run.rule != run.final.result.rule
    chosen_f1 = view.f1_of(run.rule.decide(view.scores)) if own_rule else None
    extras = _extra_columns(view)
    columns = ["class", Column(f"n {split}")]
    if run.train_counts is not None:
        columns += [Column("n train"), Column("prior ratio", hint=PRIOR)]
    columns.append(Column("AP"))
    if view.has_rule:
        columns.append(Column("F1"))
    if chosen_f1 is not None:
        columns.append(Column("F1, chosen rule", hint=rule.describe()))
    if thresholds is not None:
        columns.append(Column("threshold", digits=3))
    columns += [Column(title) for title in extras.values()]
    rows = []
    ap_intervals, f1_intervals = view.class_intervals("ap"), view.class_intervals("f1")
    for c in view.by_frequency:
        cells = [run.names[c], int(view.num_pos[c])]
        if run.train_counts is not None:
            cells += [int(run.train_counts[c]), _prior_ratio(view, c)]
        cells.append(with_interval(float(view.ap[c]), ap_intervals[c]))
        if view.has_rule:
            cells.append(with_interval(float(view.f1[c]), f1_intervals[c]))
        if chosen_f1 is not None:
            cells.append(float(chosen_f1[c]))
        if thresholds is not None:
            cells.append(float(thresholds[c]))
        cells += [_extra(view, c, key) for key in extras]
        rows.append(cells)
    return Table("Classes", columns, rows, name="classes", closed=True)


def _extra_columns(view: RunView) -> dict[str, str]:
    """Return the columns of per_class.csv that have no column of their own here."""
    titles = {"ap_interp": "AP interpolated", "auc": "AUC", "ece": "calibration error"}
    rows = view.run.final.result.per_class
    return {key: title for key, title in titles.items() if rows and key in rows[0]}


def _extra(view: RunView, c: int, key: str) -> float | None:
    value = view.run.final.result.per_class[c].get(key)
    return None if is_missing(value) else float(value)
