"""Run card: the command, and everything that is needed to run it again."""

from collections.abc import Mapping
from typing import Any

from core.config_merge import flatten
from reports.blocks import Command, Facts, Section
from reports.tables import MISSING
from reports.view import RunView

LEAD = "run.json beside this page has the same content."
APART = ("command", "argv", "config", "costs", "result")  # argv says the same as command


def section(view: RunView) -> Section | None:
    """Return the section; None without a card."""
    card = view.run.card
    if not card:
        return None
    blocks: list[Any] = []
    if card.get("command"):
        blocks.append(Command(_command(card["command"])))
    rest = {name: value for name, value in card.items() if name not in APART}
    blocks.append(Facts(_texts(rest, separators=True)))
    if card.get("config"):
        heading = "Resolved configuration"
        if card.get("kind") == "predictions":
            heading += " (keys of network and training have no effect here)"
        blocks.append(Facts(_texts(card["config"]), heading=heading))
    return Section("card", "Run card", LEAD, blocks)


def _command(command: Any) -> str:
    return command if isinstance(command, str) else " ".join(map(str, command))


def _texts(values: Mapping[str, Any], *, separators: bool = False) -> dict[str, str]:
    """Return name -> value as text; ``separators`` writes 12,345, but not for a seed to type."""
    texts = {}
    for name, value in flatten(values):
        if isinstance(value, (list, tuple)):
            value = ", ".join(map(str, value))
        is_count = isinstance(value, int) and not isinstance(value, bool)
        if separators and is_count and not name.endswith("seed"):
            value = f"{value:,}"
        is_empty = value is None or value == "" or value == {}
        texts[name] = MISSING if is_empty else str(value)
    return texts
