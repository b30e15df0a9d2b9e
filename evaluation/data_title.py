"""The name of a data set for titles and notes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def data_title(section: Mapping[str, Any]) -> str:
    """Return the name of a data set, with the file or the hierarchy that tells it from others.

    Args:
        section: ``cfg.DATASET``, or the same of a run card.

    Returns:
        An empty string where the section has no name.
    """
    if section.get("TITLE"):
        return str(section["TITLE"])
    name = str(section.get("NAME") or "")
    detail = str(section.get("FILE") or "") or Path(str(section.get("HIERARCHY") or "")).stem
    if not name or not detail or detail.lower() == name.lower():
        return name
    return f"{name} ({Path(detail).name})"
