"""The image files that a command line names: files, folders, patterns, a list on standard input."""

import glob
import os
from collections.abc import Iterable, Iterator
from typing import IO

from core.errors import UserError
from datasets.images import IMAGE_SUFFIXES

FROM_INPUT = "-"
PATTERN_SIGNS = "*?["


def find_images(given: Iterable[str], listed: IO[str]) -> Iterator[str]:
    """Yield the paths of the images that the words of a command line name, in order.

    A folder stands for the image files below it, by name. A pattern such as ``photos/*.jpg`` or
    ``photos/**/*.png`` stands for the files that it finds, by name. Any other word is a file, and
    whether it can be read is found out later. A path that several words name comes several times.

    Args:
        given: words; ``-`` stands for the lines of ``listed``.
        listed: list of paths, one per line; lines end with a zero byte if there is one.

    Raises:
        UserError: a folder or a pattern has no image.
    """
    for word in given:
        if word == FROM_INPUT:
            yield from _lines(listed)
        elif os.path.isdir(word):
            yield from _some(_below(word), f"the folder {word} has no image file")
        elif _is_pattern(word):
            found = filter(os.path.isfile, sorted(glob.iglob(word, recursive=True)))
            yield from _some(found, f"no file fits the pattern {word}")
        else:
            yield word


def _lines(listed: IO[str]) -> Iterator[str]:
    """Yield the paths of a list; ``find -print0`` ends them with zero bytes, others with lines."""
    rest = ""
    for line in listed:
        if "\0" in rest + line:
            yield from _ended_by_zero(rest + line, listed)
            return
        if line.strip():
            yield line.rstrip("\r\n")


def _ended_by_zero(start: str, listed: IO[str]) -> Iterator[str]:
    rest = start
    for line in [*listed, "\0"]:
        *whole, rest = (rest + line).split("\0")
        yield from (path for path in whole if path.strip())


def _below(folder: str) -> Iterator[str]:
    """Yield the image files below a folder, folder by folder; only one folder is in memory."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(IMAGE_SUFFIXES):
                yield os.path.join(parent, name)


def _is_pattern(word: str) -> bool:
    return any(sign in word for sign in PATTERN_SIGNS) and not os.path.lexists(word)


def _some(paths: Iterable[str], otherwise: str) -> Iterator[str]:
    """Yield the paths; raise :class:`UserError` if there is none."""
    found = False
    for path in paths:
        found = True
        yield path
    if not found:
        raise UserError(otherwise)
