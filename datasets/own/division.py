"""Labels of one cell: the text that stands between them."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import first_names
from core.logging import get_logger
from datasets.own.cells import shown
from datasets.own.items import ReadOptions, fault

# Name in DATASET.LABEL_DELIMITER -> text between two labels of a cell, in the order of the search.
DELIMITERS = {
    "pipe": "|", "semicolon": ";", "newline": "\n", "comma": ",", "space": " ",
    "slash": "/", "plus": "+", "ampersand": "&", "hash": "#",
}  # fmt: skip
SURE = ("pipe", "semicolon", "newline")  # no name has one inside
LIKELY_SIGNS = ("|", ";", ",")
# Signs that people write between labels and inside of names, with their name in LABEL_DELIMITER.
JOINTS = {
    "/": "slash", "+": "plus", "&": "ampersand", "#": "hash",
    ":": "", "\\": "", "__": "", "\t": "", " - ": "", "-": "", "_": "",
}  # fmt: skip

SCORED = re.compile(r"(.*\S)\s*[:=]\s*[\d.,]+%?")  # a name with its score

log = get_logger()


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell with labels: its text, or the labels of a list."""

    path: Path
    where: str
    text: str
    labels: tuple[str, ...] | None = None


def choose_delimiter(cells: Sequence[Cell], style: str, options: ReadOptions) -> str:
    """Return the name of the delimiter for all cells with text, ``none`` for one label per cell.

    With a list of classes it is the one at which every part is a class. Without one, ``|``, ``;``
    or a line break divide where they occur, then comma or space, but only in a column with a plural
    name. Spaces divide only if parts recur: ``clear water`` and ``water`` are labels with spaces
    between them, ``golden retriever`` and ``cat`` are not.

    Args:
        cells: all cells of all files.
        style: of the column, see ``Columns.style``.
        options: delimiter and classes that the user gives.

    Raises:
        UserError: it cannot be told whether a comma, a space or another sign divides labels.
    """
    if options.delimiter != "auto":
        return options.delimiter
    open_cells = [cell for cell in cells if cell.labels is None]
    if options.classnames:
        return _known_delimiter(open_cells, options.classnames)
    for name in SURE:
        if any(DELIMITERS[name] in cell.text for cell in open_cells):
            return name
    _check_joints(open_cells)
    for name in ("comma", "space"):
        found = [cell for cell in open_cells if DELIMITERS[name] in cell.text]
        if not found:
            continue
        if style == "many":
            _check_parts(open_cells, found[0], name)
            return name
        if name == "comma" or _whole_cells(open_cells).issuperset(found[0].text.split()):
            raise _ask(found[0], name)
    return "none"


def _known_delimiter(cells: Sequence[Cell], classnames: Sequence[str]) -> str:
    """Return the delimiter at which all parts are classes, or else the first that may divide."""
    accepted = set(classnames)
    possible = ["none"]
    for name, delimiter in DELIMITERS.items():
        occurs = any(delimiter in cell.text for cell in cells)
        if occurs and not any(delimiter in known for known in classnames):
            possible.append(name)
    for name in possible:
        if all(accepted.issuperset(divide(cell.text, name)) for cell in cells):
            return name
    return possible[1] if len(possible) > 1 else "none"


def _whole_cells(cells: Iterable[Cell]) -> set[str]:
    return {cell.text for cell in cells}


def _check_joints(cells: Sequence[Cell]) -> None:
    """Raise if a cell is several labels with a sign of ``JOINTS`` between them.

    ``joy/fear`` is, where ``joy`` and ``fear`` are cells, too, and where both recur in other cells
    with the sign. ``Doubt/Confusion`` is not. Of ``joy#fear`` one part is enough: names have no
    such sign inside, and doccano writes it.
    """
    whole = _whole_cells(cells)
    for sign, name in JOINTS.items():
        joined = {text: _parts(text, sign) for text in whole if len(_parts(text, sign)) > 1}
        counts = Counter(part for parts in joined.values() for part in parts)
        all_recur = bool(name) and all(counts[p] > 1 for parts in joined.values() for p in parts)
        for cell in cells:
            if cell.text not in joined:
                continue
            parts = joined[cell.text]
            one_is_enough = name == "hash" and any(p in whole or counts[p] > 1 for p in parts)
            if all_recur or one_is_enough or whole.issuperset(parts):
                raise _ask(cell, name)


def _parts(text: str, sign: str) -> tuple[str, ...]:
    """Return what stands between the signs, each part once."""
    parts = (part.strip() for part in text.split(sign))
    return tuple(dict.fromkeys(part for part in parts if part))


def check_scores(path: Path, labels: Collection[str]) -> None:
    """Raise if all labels end with a number, as in ``joy:0.8`` or ``joy=2``.

    Raises:
        UserError: they would be one class per score.
    """
    found = [SCORED.fullmatch(label) for label in labels]
    if found and all(found) and len({match[1] for match in found}) < len(found):
        raise fault(
            path,
            "",
            f"label {shown(min(labels))} has a number behind its name; write one column per class "
            "with the numbers from 0 to 1",
        )


def warn_of_joined(path: Path, labels: Collection[str]) -> None:
    """Warn of a class that is made of other ones, as after a wrong ``LABEL_DELIMITER``."""
    known = set(labels)
    for label in sorted(known):
        for sign in (*DELIMITERS.values(), *JOINTS):
            parts = _parts(label, sign)
            is_plain = sign in LIKELY_SIGNS  # one part that is a class is enough
            is_joined = known.intersection(parts) if is_plain else known.issuperset(parts)
            if len(parts) > 1 and is_joined:
                log.warning(
                    "%s: class %s consists of other classes; write the same sign between all "
                    "labels, or set DATASET.LABEL_DELIMITER",
                    path,
                    shown(label),
                )
                return


def _check_parts(cells: Sequence[Cell], first: Cell, name: str) -> None:
    """Warn of the classes that a comma or space gives where one label may have it inside.

    Args:
        cells: all cells with text.
        first: the first one with the delimiter.
        name: of the delimiter.

    Raises:
        UserError: spaces may stand inside of names.
    """
    counts: Counter[str] = Counter()
    divided: set[str] = set()
    for text in {cell.text for cell in cells}:
        parts = divide(text, name)
        counts.update(parts)
        if len(parts) > 1:
            divided.update(parts)
    recur = any(counts[part] > 1 for part in divided)
    if not divided:
        return
    if name == "space" and not (recur and _are_labels({cell.text for cell in cells})):
        raise _ask(first, name)
    if name == "space" or not recur:
        log.warning(
            "%s: labels of one cell are divided at %s, which gives the classes %s; "
            "set DATASET.LABEL_DELIMITER to %s, or to none to keep each cell whole",
            first.path,
            name,
            first_names(sorted(counts), most=8),
            name,
        )


def _are_labels(texts: Collection[str]) -> bool:
    """Return True if words look like labels, and not like parts of the names of classes.

    Labels are few, stand alone in some cells, or stand at different places: ``clear primary`` and
    ``clear primary water``. The word of ``air hockey`` and ``ice hockey`` is always the last one.
    """
    places: dict[str, set[int]] = {}
    for text in texts:
        for place, word in enumerate(reversed(text.split())):
            places.setdefault(word, set()).add(place)
    if len(places) < len(texts) or not texts.isdisjoint(places):
        return True
    return any(len(found) > 1 for found in places.values())


def _ask(cell: Cell, name: str) -> Exception:
    accepted = f"none or {name}" if name else "none, or write | between the labels in the file"
    return fault(
        cell.path,
        cell.where,
        f"{shown(cell.text)} may be one label or several; set DATASET.LABEL_DELIMITER to "
        f"{accepted}, or list the classes in DATASET.CLASSES",
    )


def divide(text: str, delimiter: str) -> tuple[str, ...]:
    """Return the labels of a cell's text, each once, for the name of a delimiter."""
    if delimiter == "none":
        return (text,) if text else ()
    return _parts(text, DELIMITERS[delimiter])
