"""Training curves."""

from collections.abc import Mapping, Sequence

from reports.blocks import FigureGrid, Section
from reports.figures.history import draw_history
from reports.tables import Table
from reports.view import RunView

Pairs = Sequence[tuple[int, float]]


def section(view: RunView) -> Section | None:
    """Return the section; None for a run without training."""
    history = {name: pairs for name, pairs in view.run.history.items() if len(pairs)}
    if not history:
        return None
    items = []
    for i, (panel, curves) in enumerate(_panels(history).items()):
        last = ", ".join(f"{label} {pairs[-1][1]:.4g}" for label, pairs in curves.items())
        svg = draw_history(f"history-{i}", curves, f"{panel} over epochs; at the end {last}")
        items.append((panel, svg))
    lead = "The best epoch is chosen on val, never on test."
    grid = FigureGrid(items, size="medium")
    return Section("training", "Training", lead, [grid, _table(history)])


def _panels(history: Mapping[str, Pairs]) -> dict[str, dict[str, Pairs]]:
    """Return panel -> label -> values; names with the same part before a slash share a panel."""
    panels: dict[str, dict[str, Pairs]] = {}
    for name, pairs in history.items():
        panel, _, label = name.rpartition("/")
        panels.setdefault(panel or name, {})[label] = pairs
    return panels


def _table(history: Mapping[str, Pairs]) -> Table:
    steps = sorted({step for pairs in history.values() for step, _ in pairs})
    values = {name: dict(pairs) for name, pairs in history.items()}
    rows = []
    for step in steps:
        rows.append([step, *(values[name].get(step) for name in history)])
    return Table("Training curves", ["epoch", *history], rows, name="training", closed=True)
