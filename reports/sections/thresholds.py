"""F1 over the threshold."""

from reports.blocks import Figure, Section, Text
from reports.figures.sweep import GRID, draw_sweep, sweep
from reports.labels import LABELS
from reports.tables import Column, Table
from reports.view import RunView

LEAD = (
    "F1 with one threshold for all classes. A flat top says that the exact threshold matters "
    "little."
)
TRANSFER = " A small distance between the tops of val and {split} says that it transfers well."


def section(view: RunView) -> Section:
    """Return the section."""
    title = "Threshold"
    if not view.is_probability:
        text = "The scores are no probabilities from 0 to 1: there is no sweep of thresholds."
        return Section("threshold", title, "", [Text(text, "quiet")])
    if not view.positive.any():
        text = "No class has a positive: there is no macro F1 to show over the threshold."
        return Section("threshold", title, "", [Text(text, "quiet")])
    curves = sweep(view.scores, view.labels)
    val = None
    if "val" in view.run.splits and view.split != "val":
        result = view.run.splits["val"].result
        if (result.labels > 0).any():
            val = sweep(result.scores, result.labels)["macro_f1"]
    chosen = getattr(view.run.final.result.rule, "threshold", None)
    chosen_name = "chosen" if view.tuned_on else "given"
    best = GRID[curves["macro_f1"].argmax()]
    alternative = (
        f"F1 over the threshold. Macro F1 on {view.split} is highest at {best:g} with "
        f"{curves['macro_f1'].max():.1f} %."
    )
    if chosen is not None:
        alternative += f" The {chosen_name} threshold is {chosen:g}."
    wide, narrow = draw_sweep(
        "sweep",
        curves,
        split=view.split,
        val=val,
        chosen=chosen,
        chosen_name=chosen_name,
        alternative=alternative,
    )
    caption = (
        f"The highest macro F1 on {view.split} is at {best:g} ({curves['macro_f1'].max():.2f} %)."
    )
    if view.has_rule and view.tuned_on != view.split:
        caption += f" The headline rule is not tuned on {view.split}."
    caption += " Curves have steps of 0.01"
    # A threshold that is given was not chosen among these.
    is_tuned = chosen is not None and view.tuned_on
    caption += "; the rule global chooses among 0.05, 0.10, ..., 0.95." if is_tuned else "."
    blocks = [Figure(wide, narrow, caption), _table(view, curves, val)]
    lead = LEAD if val is None else LEAD + TRANSFER.format(split=view.split)
    return Section("threshold", title, lead, blocks)


def _table(view: RunView, curves, val) -> Table:
    columns = ["threshold", *(Column(f"{LABELS[name]}, {view.split}") for name in curves)]
    if val is not None:
        columns.append(Column("macro F1, val"))
    rows = []
    for i in range(4, len(GRID), 5):
        cells = [float(GRID[i]), *(float(values[i]) for values in curves.values())]
        if val is not None:
            cells.append(float(val[i]))
        rows.append(cells)
    return Table("F1 at each threshold", columns, rows, name="thresholds", closed=True)
