"""Parameters, time and memory."""

from collections.abc import Mapping
from typing import Any

from reports.blocks import Section
from reports.sections.card import flatten
from reports.tables import Table
from reports.view import RunView

LEAD = "Times hold for this machine alone; parameters and FLOPs hold everywhere."


def section(view: RunView) -> Section | None:
    """Return the section; None without costs in the card."""
    costs = view.run.card.get("costs")
    if not isinstance(costs, Mapping) or not costs:
        return None
    rows = [[name.replace("_", " "), _readable(value)] for name, value in flatten(costs).items()]
    table = Table("Costs", ["quantity", "value"], rows, name="costs")
    return Section("costs", "Costs", LEAD, [table])


def _readable(value: Any) -> Any:
    """Return large numbers with a prefix, small ones with three digits."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(value) >= size:
            return f"{value / size:.2f} {prefix}"
    return value if isinstance(value, int) else float(f"{value:.4g}")
