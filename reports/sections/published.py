"""Published numbers beside the run's own."""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.metrics import F1_NAMES
from evaluation.published import NUMBERS, backbone_of
from reports.blocks import Figure, Section
from reports.figures.forest import Forest, ForestRow, draw_forest
from reports.labels import LABELS
from reports.tables import Cell, Column, Row, Table, format_value, with_interval
from reports.view import RunView

LEAD = (
    "Numbers from papers, from third tables (a method as another paper reports it) and from logs "
    "of public repositories. Read the rule and the backbone before the number: a threshold tuned "
    "on the scored split, or another backbone, can be worth more than the method."
)


def section(view: RunView, published: Sequence[Mapping[str, Any]]) -> Section | None:
    """Return the section; None without published rows.

    Args:
        view: the run.
        published: rows with ``method``, ``backbone``, the numbers, ``rule``, ``kind``, ``source``
            and optionally ``warnings``, a list of sentences.
    """
    if not published:
        return None
    columns = ["method", "backbone", *(LABELS[name] for name in NUMBERS), "decision rule", "source"]
    rows = [_own_row(view)]
    for entry in published:
        rows.append(_row(entry))
    table = Table("Published rows", columns, rows, name="published")
    blocks = [_figure(view, published), table]
    return Section("published", "Beside published numbers", LEAD, blocks, link="Published rows")


def _figure(view: RunView, published: Sequence[Mapping[str, Any]]) -> Figure:
    entry = view.interval("macro_f1")
    own = {"method": view.run.title, "backbone": _backbone(view.run.card), **view.metrics}
    rows = [_forest_row(own, low=entry.get("low"), high=entry.get("high"), own=True)]
    for row in published:
        if row.get("macro_f1") is not None:
            rows.append(_forest_row(row, muted=bool(row.get("warnings"))))
    rows.sort(key=lambda row: -(row.value or 0))
    forest = Forest(rows, "macro F1 (%)", [LABELS[name] for name in F1_NAMES])
    alternative = "Macro F1: " + ", ".join(f"{row.label} {row.cells[0]}" for row in rows)
    wide, narrow = draw_forest("published", forest, alternative)
    caption = "Bars: macro F1. Bold: this run, with its 95 % interval where there is one."
    if any(row.muted for row in rows):
        caption += " Gray: protocol or backbone differ from this run's; the table says how."
    return Figure(wide, narrow, caption)


def _forest_row(entry: Mapping[str, Any], **more: Any) -> ForestRow:
    label = entry["method"]
    if entry.get("backbone"):
        label += f", {entry['backbone']}"
    cells = []
    for name in F1_NAMES:
        cells.append(format_value(entry.get(name), Column(name)))
    return ForestRow(label, entry.get("macro_f1"), cells=cells, **more)


def _own_row(view: RunView) -> Row:
    rule = view.run.final.result.rule
    backbone = _backbone(view.run.card)
    cells = [view.run.title, backbone]
    for name in NUMBERS:
        cells.append(with_interval(view.metric(name), view.interval(name)))
    return Row([*cells, rule.describe() if rule else None, "this run"], "own")


def _row(entry: Mapping[str, Any]) -> Row:
    cells: list[Any] = [Cell(entry.get("method"), note=" ".join(entry.get("warnings", ())))]
    cells.append(entry.get("backbone"))
    cells += [entry.get(name) for name in NUMBERS]
    source = ", ".join(str(entry[key]) for key in ("kind", "source") if entry.get(key))
    return Row([*cells, entry.get("rule"), source])


def _backbone(card: Mapping[str, Any]) -> str | None:
    return backbone_of(card) or None
