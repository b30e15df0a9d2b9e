"""Decision rules beside each other."""

from evaluation.evaluated import RuleResult
from evaluation.metrics import F1_NAMES
from evaluation.rules import HEADLINE_RULE
from reports.blocks import Figure, Section, Text
from reports.figures.forest import Forest, ForestRow, draw_forest
from reports.labels import LABELS, rule_in_words
from reports.tables import Cell, Column, Row, Table, format_value, is_missing, with_interval
from reports.view import RunView

METRICS = {name: LABELS[name] for name in F1_NAMES}
LEAD = "The scores stay the same; only the rule that turns them into classes differs."
OPTIMISTIC = "A gray row is tuned on the scored split: a bound, never a result."


def section(view: RunView) -> Section:
    """Return the section."""
    rules = view.run.rules
    if not rules:
        blocks = [Text("The run reports its headline rule alone.", "quiet")]
        return Section("rules", "Decision rules", "", blocks)
    blocks = [_figure(view), _table(view)]
    chosen = view.run.rule
    if chosen is not None:
        blocks.append(Text(f"rule.json holds: {chosen.describe()}."))
    return Section("rules", "Decision rules", _lead(view), blocks)


def _lead(view: RunView) -> str:
    """Return the lead, with the split that the rules are tuned on."""
    if view.split == "val":
        return f"{LEAD} Rules are tuned on val, which is also the scored split."
    if "val" in view.run.splits:
        return f"{LEAD} Rules are tuned on val and applied to {view.split}."
    return f"{LEAD} There is no val split, on which a rule could be tuned."


def _figure(view: RunView) -> Figure:
    rows = []
    for result in view.run.rules:
        entry = _intervals(view, result).get("macro_f1", {})
        values = result.metrics.get(view.split, {})
        cells = [format_value(values.get(name), Column(name)) for name in METRICS]
        rows.append(
            ForestRow(
                label=rule_in_words(result.name),
                value=values.get("macro_f1"),
                low=entry.get("low"),
                high=entry.get("high"),
                cells=cells,
                muted=result.tuned_on == view.split,
            )
        )
    reference = view.run.rules[0].metrics.get(view.split, {}).get("macro_f1")
    title = f"macro F1 on {view.split} (%)"
    forest = Forest(rows, title, tuple(METRICS.values()), reference=reference)
    alternative = f"Macro F1 of {len(rows)} decision rules."
    known = [row for row in rows if not is_missing(row.value)]
    if known:
        best = max(known, key=lambda row: row.value)
        alternative += f" The highest is {best.label}."
    wide, narrow = draw_forest("rules", forest, alternative)
    caption = "Bars: macro F1; the dashed line is the headline rule."
    if any(row.low is not None for row in rows):
        caption += " Lines: 95 % intervals; each draw redraws val too and refits the rule."
    return Figure(wide, narrow, caption)


def _table(view: RunView) -> Table:
    splits = [name for name in view.run.splits if name != view.split]
    columns = [Column("rule", hint=_about_keys(view)), "tuned on", "decides by"]
    columns += [Column(f"{title}, {view.split}") for title in METRICS.values()]
    has_differences = any(_intervals(view, r).get("difference") for r in view.run.rules)
    if has_differences:
        columns.append(Column(f"macro F1 against {HEADLINE_RULE}", signed=True))
    columns += [Column(f"macro F1, {split}") for split in splits]
    rows = []
    for result in view.run.rules:
        intervals = _intervals(view, result)
        values = result.metrics.get(view.split, {})
        cells = [rule_in_words(result.name), result.tuned_on or "not tuned", result.rule.describe()]
        for name in METRICS:
            entry = intervals.get(name) if name == "macro_f1" else None
            cells.append(with_interval(values.get(name), entry))
        if has_differences:
            entry = intervals.get("difference", {}).get("macro_f1", {})
            cells.append(Cell(entry.get("value"), entry.get("low"), entry.get("high")))
        cells += [result.metrics.get(split, {}).get("macro_f1") for split in splits]
        rows.append(Row(cells, _mark(view, result)))
    is_optimistic = any(result.tuned_on == view.split for result in view.run.rules)
    note = OPTIMISTIC if is_optimistic else ""
    return Table("Decision rules", columns, rows, name="rules", note=note)


def _about_keys(view: RunView) -> str:
    """Return how TEST.RULE spells a name of several words; empty where there is none."""
    for result in view.run.rules:
        if "_" in result.name:
            return f"TEST.RULE has an underscore for each space: {result.name}"
    return ""


def _mark(view: RunView, result: RuleResult) -> str:
    if result.tuned_on == view.split:
        return "muted"
    return "own" if result is view.run.rules[0] else ""


def _intervals(view: RunView, result: RuleResult) -> dict:
    return view.run.intervals.get("rules", {}).get(result.name, {})
