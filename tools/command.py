"""The form of all tools' command lines: the parser, the exit status, one line for a mistake."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from core.cli import flag_hints
from core.errors import UserError


class Parser(argparse.ArgumentParser):
    """Parser that ends a user's mistake in one line, without the usage of all flags."""

    def error(self, message: str) -> NoReturn:
        """Print the mistake, the nearest flags, and where to find all; end with status 2."""
        hints = flag_hints(message, self._option_string_actions)
        self.exit(2, f"error: {message}.{hints} All flags: {self.prog} --help\n")


def make_parser(name: str, doc: str) -> Parser:
    """Return the parser of ``python -m <name>``; ``doc`` is the module's docstring."""
    description = doc.partition("\n")[0]
    return Parser(prog=f"python -m {name}", description=description, allow_abbrev=False)


def check_least(value: int, flag: str, least: int) -> None:
    """Raise :class:`UserError` if the number of a flag is too small."""
    if value < least:
        raise UserError(f"{flag} is {value}; expected at least {least}")


def run(command: Callable[[], int]) -> int:
    """Call ``command`` and return its exit status.

    A user's mistake, or an error of the file system, which names the file, is printed as one line:
    status 2. An interruption is status 130.
    """
    try:
        return command()
    except BrokenPipeError:  # the reader, such as head, has seen enough
        _discard_output()
        return 0
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; run the same command again to continue", file=sys.stderr)
        return 130


def _discard_output() -> None:
    """Let Python's last flush of standard output succeed, though nobody reads it."""
    with contextlib.suppress(OSError, ValueError):  # not a file of the system, or closed
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())


def report_failures(failures: list[str], what: str, *, most: int = 1000) -> int:
    """Print the failures, one line each, and return the exit status: 1 with failures, 0 without."""
    if not failures:
        return 0
    print(f"{len(failures)} {what}:", *failures[:most], sep="\n  ", file=sys.stderr)
    if len(failures) > most:
        print(f"  and {len(failures) - most} more", file=sys.stderr)
    return 1
