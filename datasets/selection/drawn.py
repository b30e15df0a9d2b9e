"""A choice that was drawn at random: its line in the log and its file in the output folder."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from core.distributed import is_main
from core.files import write_atomically
from core.logging import get_logger

log = get_logger()


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


def keep_drawn(choices: Iterable[Drawn], folder: Path) -> None:
    """Log the choices; the main process keeps them in the output folder.

    Raises:
        OSError: a file cannot be written.
    """
    for drawn in choices:
        log.info(drawn.message)
        if drawn.write is not None and is_main():
            write_atomically(folder / drawn.file, drawn.write)
