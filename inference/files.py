"""The image files that a command line names: files, folders, patterns, a list on standard input."""

import codecs
import contextlib
import glob
import itertools
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import IO

from PIL import features

from core.errors import UserError, first_names, printable
from datasets.images import IMAGE_SUFFIXES

# Of the files that a folder stands for; Pillow reads AVIF from version 11.3.
_HAS_AVIF = "avif" in features.modules and features.check("avif")
SUFFIXES = (*IMAGE_SUFFIXES, ".avif") if _HAS_AVIF else IMAGE_SUFFIXES
MOST_KINDS = 5  # of skipped files that are named
MAPS_FILE = "explanations.jsonl"  # names the pictures that --explain has written beside it
FROM_INPUT = "-"
PATTERN_SIGNS = "*?["
CHUNK = 65536  # bytes; more than the longest path


def find_images(
    given: Iterable[str],
    listed: IO[bytes] | None,
    skipped: Counter[str] | None = None,
    *,
    left_out: str = "",
    empty: list[str] | None = None,
) -> Iterator[str]:
    """Return the paths of the images that the words of a command line name, in order.

    A folder stands for the image files below it, by name. A pattern such as ``photos/*.jpg`` or
    ``photos/**/*.png`` stands for the files that it finds, by name. Any other word is a file, and
    whether it can be read is found out later. A path that several words name comes several times.

    The paths are looked up while they are taken; only the first of each word is looked up now, so
    that a mistake in the words ends the command before any work.

    Args:
        given: words; ``-`` stands for the paths of ``listed``.
        listed: list of paths, one per line; if it has zero bytes, they end the paths.
        skipped: counts the other files of the folders by suffix, while paths are taken.
        left_out: folder that does not count below a folder or in a pattern, such as one that
            pictures are written to; empty: none.
        empty: gets a line for each folder and pattern without an image, beside other words.

    Raises:
        UserError: no word has an image, or there is no list.
    """
    skipped = Counter() if skipped is None else skipped
    without: list[str] = []
    found = []
    for word in given:
        try:
            found.append(_named(word, listed, skipped, left_out))
        except _NoImage as error:
            without.append(str(error))
    if not found:
        raise UserError("; ".join(without))
    if empty is not None:
        empty += without
    return itertools.chain.from_iterable(found)


def describe_skipped(skipped: Counter[str]) -> str:
    """Return the skipped files by suffix in one line, the most frequent first."""
    kinds = [f"{number} {suffix}" for suffix, number in skipped.most_common()]
    files = "file" if skipped.total() == 1 else "files"
    return printable(
        f"skipped {skipped.total()} {files} in folders: {first_names(kinds, MOST_KINDS)}; names of "
        f"images end in {', '.join(SUFFIXES)}"
    )


class _NoImage(Exception):
    """A word stands for no image; the message says so in one line."""


def _named(
    word: str, listed: IO[bytes] | None, skipped: Counter[str], left_out: str
) -> Iterator[str]:
    if word == FROM_INPUT:
        if listed is None:
            raise UserError("'-' stands for a list on standard input, which is closed")
        return _listed(listed)
    if os.path.isdir(word):
        below = _below(word, skipped, left_out)
        return _some(below, f"the folder {word} has no image file", skipped)
    if _is_pattern(word):
        fitting = _fitting(word, left_out)
        return _some(fitting, f"no file fits the pattern {word}", Counter())
    return iter([word])


def _fitting(pattern: str, left_out: str) -> Iterator[str]:
    """Yield the files that fit a pattern, by name."""
    start = min(pattern.index(sign) for sign in PATTERN_SIGNS if sign in pattern)
    leaves_out = left_out and _is_inside(left_out, os.path.dirname(pattern[:start]))
    for path in sorted(glob.iglob(pattern, recursive=True)):
        if os.path.isfile(path) and not (leaves_out and _is_inside(path, left_out)):
            yield path


def _is_inside(path: str, folder: str) -> bool:
    """Return whether a path lies below a folder, links resolved."""
    return os.path.realpath(path).startswith(os.path.join(os.path.realpath(folder), ""))


def _listed(stream: IO[bytes]) -> Iterator[str]:
    """Yield the paths of a list; ``find -print0`` ends them with zero bytes, others with lines."""
    end, rest = b"", b""
    is_start = True
    while chunk := stream.read1(CHUNK):
        if is_start:
            chunk = chunk.removeprefix(codecs.BOM_UTF8)
            is_start = False
        end = end or (b"\0" if b"\0" in chunk else b"\n")
        *whole, rest = (rest + chunk).split(end)
        yield from _paths(whole, end)
    yield from _paths([rest], end)


def _paths(names: Iterable[bytes], end: bytes) -> Iterator[str]:
    for name in names:
        if name.strip():
            # lists of other systems end their lines with \r\n
            yield os.fsdecode(name if end == b"\0" else name.rstrip(b"\r"))


def _below(folder: str, skipped: Counter[str], left_out: str) -> Iterator[str]:
    """Yield the image files below a folder, folder by folder; only one folder is in memory.

    ``skipped`` counts the other files by suffix; hidden ones do not count. Nothing below
    ``left_out`` counts, and no picture of an explanation.
    """
    closed: list[str] = []
    place = os.path.realpath(left_out)
    for parent, folders, names in os.walk(folder, onerror=lambda e: closed.append(e.filename)):
        yield from closed  # named as unreadable, where os.walk would leave it out in silence
        closed.clear()
        maps = _maps(parent) if MAPS_FILE in names else ()
        if left_out and parent != folder and os.path.realpath(parent) == place:
            folders.clear()  # os.walk goes into those that stay in the list
            continue
        folders.sort()
        for name in sorted(names):
            if name in maps:
                continue
            if name.lower().endswith(SUFFIXES):
                yield os.path.join(parent, name)
            elif not name.startswith("."):
                skipped[os.path.splitext(name)[1].lower() or "without a suffix"] += 1
    yield from closed


def _maps(folder: str) -> set[str]:
    """Return the pictures of explanations in a folder, which are no photographs."""
    found = set()
    with open(os.path.join(folder, MAPS_FILE), encoding="utf-8", errors="replace") as lines:
        for line in lines:
            with contextlib.suppress(ValueError, TypeError, KeyError):
                found.add(json.loads(line)["picture"])
    return found


def _is_pattern(word: str) -> bool:
    return any(sign in word for sign in PATTERN_SIGNS) and not os.path.lexists(word)


def _some(paths: Iterator[str], otherwise: str, skipped: Counter[str]) -> Iterator[str]:
    """Return the paths; raise :class:`_NoImage` if there is none."""
    for path in paths:
        return itertools.chain([path], paths)
    if skipped:
        otherwise += f"; {describe_skipped(skipped)}"
    raise _NoImage(printable(otherwise))
