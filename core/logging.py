"""Log plain lines to the console and to ``<output>/log.txt``, configured once per run.

Lines carry no prefix, because result parsers of CoOp and Dassl compare whole lines.
"""

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from core.distributed import is_main, read_launch
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


@contextmanager
def only_warnings() -> Iterator[None]:
    """Let only warnings and errors pass inside."""
    logger = get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def print_text(text: str) -> None:
    """Print a text on the main process; a reader that ends early, such as ``head``, is no error.

    Raises:
        UserError: the environment of several processes is incomplete.
    """
    place = read_launch(os.environ)  # before the processes have joined
    if place is not None and place["RANK"] > 0:
        return
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # At its end Python flushes again, which then must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
