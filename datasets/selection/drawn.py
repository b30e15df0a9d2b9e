"""A choice that was drawn at random: its line in the log and its file in the output folder."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Drawn:
    """One random choice.

    Attributes:
        message: line for the log.
        file: name of the file that keeps the choice; empty: none.
        write: writes the choice to the path that it is given.
    """

    message: str
    file: str = ""
    write: Callable[[Path], object] | None = None
