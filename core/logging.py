"""Log plain lines to the console and to ``<output>/log.txt``, configured once per run.

Lines carry no prefix, because result parsers of CoOp and Dassl compare whole lines.
"""

import logging
import sys
import time
from pathlib import Path

from tqdm import tqdm

from core.distributed import is_main
from core.errors import UserError

NAME = "intclip"


class _ConsoleHandler(logging.Handler):
    """Write to stdout without tearing a progress bar on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            with tqdm.external_write_mode(file=sys.stdout):
                sys.stdout.write(self.format(record) + "\n")
                sys.stdout.flush()
        except (OSError, ValueError):
            self.handleError(record)


def get_logger() -> logging.Logger:
    """Return the logger of the project; every module uses ``log = get_logger()``."""
    return logging.getLogger(NAME)


def setup_logging(output_dir: str | None = None) -> Path | None:
    """Log to the console and to a new file; on several processes only the main one logs.

    Args:
        output_dir: folder of the file, created if it is missing; None: console only. An existing
            ``log.txt`` is kept, and the new file gets the time as suffix, as in Dassl.

    Returns:
        The log file, None where none is written.

    Raises:
        UserError: the folder or the file cannot be written.
    """
    # Some libraries that Dassl imports switch INFO off for the whole process.
    logging.disable(logging.NOTSET)
    logger = get_logger()
    logger.setLevel(logging.INFO)
    logger.propagate = False
    close_logging()
    if not is_main():
        logger.addHandler(logging.NullHandler())
        return None
    logger.addHandler(_ConsoleHandler())
    if output_dir is None:
        return None
    folder = Path(output_dir)
    path = folder / "log.txt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path = folder / f"log.txt{time.strftime('-%Y-%m-%d-%H-%M-%S')}"
        logger.addHandler(logging.FileHandler(path, encoding="utf-8"))
    except OSError as error:
        raise UserError(f"OUTPUT_DIR '{output_dir}' cannot be written: {error.strerror}") from error
    return path


def close_logging() -> None:
    """Remove and close all handlers of the logger; a second call changes nothing."""
    logger = get_logger()
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
