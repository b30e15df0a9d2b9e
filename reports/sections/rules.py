"""Decision rules beside each other."""

from evaluation.evaluated import RuleResult
from reports.blocks import Figure, Section, Text
from reports.figures.forest import Forest, ForestRow, draw_forest
from reports.tables import MISSING, Cell, Column, Row, Table, with_interval
from reports.view import RunView

METRICS = {"macro_f1": "macro F1", "micro_f1": "micro F1", "samples_f1": "samples F1"}
LEAD = (
    "The scores stay the same; only the rule that turns them into classes differs. Rules are tuned "
    "on val and applied to the final split. The headline rule is the benchmark's."
)
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
    return Section("rules", "Decision rules", LEAD, blocks)


def _figure(view: RunView) -> Figure:
    rows = []
    for result in view.run.rules:
        entry = _intervals(view, result).get("macro_f1", {})
        values = result.metrics.get(view.split, {})
        cells = [_number(values.get(name)) for name in METRICS]
        rows.append(
            ForestRow(
                label=result.name.replace("_", " "),
                value=values.get("macro_f1"),
                low=entry.get("low"),
                high=entry.get("high"),
                cells=cells,
                muted=result.tuned_on == "test",
            )
        )
    reference = view.run.rules[0].metrics.get(view.split, {}).get("macro_f1")
    title = f"macro F1 on {view.split} (%)"
    forest = Forest(rows, title, tuple(METRICS.values()), reference=reference)
    best = max(rows, key=lambda row: row.value or 0)
    alternative = f"Macro F1 of {len(rows)} decision rules; the highest is {best.label}."
    wide, narrow = draw_forest("rules", forest, alternative)
    caption = "Bars: macro F1; the dashed line is the headline rule."
    if any(row.low is not None for row in rows):
        caption += " Lines: 95 % intervals; each draw redraws val too and refits the rule."
    return Figure(wide, narrow, caption)


def _table(view: RunView) -> Table:
    splits = [name for name in view.run.splits if name != view.split]
    columns = ["rule", "tuned on", "decides by"]
    columns += [Column(f"{title}, {view.split}") for title in METRICS.values()]
    has_differences = any(_intervals(view, r).get("difference") for r in view.run.rules)
    if has_differences:
        columns.append(Column("macro F1 against the first", signed=True))
    columns += [Column(f"macro F1, {split}") for split in splits]
    rows = []
    for result in view.run.rules:
        intervals = _intervals(view, result)
        values = result.metrics.get(view.split, {})
        cells = [result.name, result.tuned_on or "not tuned", result.rule.describe()]
        for name in METRICS:
            entry = intervals.get(name) if name == "macro_f1" else None
            cells.append(with_interval(values.get(name), entry))
        if has_differences:
            entry = intervals.get("difference", {}).get("macro_f1", {})
            cells.append(Cell(entry.get("value"), entry.get("low"), entry.get("high")))
        cells += [result.metrics.get(split, {}).get("macro_f1") for split in splits]
        rows.append(Row(cells, _mark(view, result)))
    tuned_on_test = any(result.tuned_on == "test" for result in view.run.rules)
    note = OPTIMISTIC if tuned_on_test else ""
    return Table("Decision rules", columns, rows, name="rules", note=note)


def _mark(view: RunView, result: RuleResult) -> str:
    if result.tuned_on == "test":
        return "muted"
    return "own" if result is view.run.rules[0] else ""


def _intervals(view: RunView, result: RuleResult) -> dict:
    return view.run.intervals.get("rules", {}).get(result.name, {})


def _number(value: float | None) -> str:
    return MISSING if value is None else f"{value:.2f}"
