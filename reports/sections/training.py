"""Training curves."""

from collections.abc import Mapping, Sequence

import numpy as np

from reports.blocks import FigureGrid, Section
from reports.figures.history import draw_history
from reports.labels import metric_in_words
from reports.tables import Table
from reports.view import RunView

Pairs = Sequence[tuple[int, float]]
BATCHES = "train/"  # steps of these curves count batches, steps of the others epochs
MAX_POINTS = 300
PANELS = {  # name in the log -> heading, title of the axis
    "train/loss": ("Loss in training", "loss"),
    "train/lr": ("Learning rate", "learning rate"),
}
LEADS = {
    "best_val": "The evaluated epoch is the best one on val; test plays no part in the choice.",
    "last_step": "The last epoch is evaluated: no epoch is chosen.",
}


def section(view: RunView) -> Section | None:
    """Return the section; None for a run without training."""
    history = {name: pairs for name, pairs in view.run.history.items() if len(pairs)}
    if not history:
        return None
    items = []
    for i, (panel, curves) in enumerate(_panels(history).items()):
        step = "batch" if panel.startswith(BATCHES) else "epoch"
        last = ", ".join(f"{label} {pairs[-1][1]:.4g}" for label, pairs in curves.items())
        alternative = f"{panel} over the {step}; at the end {last}"
        drawn = {label: _shown(pairs, step) for label, pairs in curves.items()}
        heading, axis = _titles(panel)
        svg = draw_history(f"history-{i}", drawn, step, alternative, axis)
        items.append((heading, svg))
    tables = [_table(history, step) for step in ("epoch", "batch")]
    shown = [table for table in tables if table.rows]
    blocks = [FigureGrid(items, size="medium"), *shown]
    return Section("training", "Training", _lead(view), blocks)


def _lead(view: RunView) -> str:
    """Return which epoch is evaluated, as far as the run card says."""
    config = view.run.card.get("config", {})
    return LEADS.get(config.get("TEST", {}).get("FINAL_MODEL"), "")


def _panels(history: Mapping[str, Pairs]) -> dict[str, dict[str, Pairs]]:
    """Return panel -> label -> values.

    Loss and learning rate have a panel each; other names with the same part before a slash share
    one.
    """
    panels: dict[str, dict[str, Pairs]] = {}
    for name, pairs in history.items():
        panel, _, label = name.rpartition("/")
        if name.startswith(BATCHES) or not panel:
            panel = name
        panels.setdefault(panel, {})[metric_in_words(label)] = pairs
    return panels


def _titles(panel: str) -> tuple[str, str]:
    """Return heading and axis of a panel in words; a name that is not known stays as it is."""
    if panel in PANELS:
        return PANELS[panel]
    if panel == "val":
        return "Metrics on val", "%"
    return panel, panel.rpartition("/")[2].replace("_", " ")


def _shown(pairs: Pairs, step: str) -> Pairs:
    """Return the points to draw: epochs from 1 on, many batches as the means of neighbours."""
    if step == "epoch":
        return [(number + 1, value) for number, value in pairs]
    if len(pairs) <= MAX_POINTS:
        return pairs
    return [tuple(part.mean(axis=0)) for part in np.array_split(np.asarray(pairs), MAX_POINTS)]


def _table(history: Mapping[str, Pairs], step: str) -> Table:
    values = {}
    for name, pairs in history.items():
        if name.startswith(BATCHES) == (step == "batch"):
            values[name] = dict(pairs)
    first = 1 if step == "epoch" else 0
    rows = []
    for number in sorted({number for pairs in values.values() for number in pairs}):
        rows.append([number + first, *(pairs.get(number) for pairs in values.values())])
    caption = f"Training curves per {step}"
    return Table(caption, [step, *values], rows, shown=step == "epoch", closed=True)
