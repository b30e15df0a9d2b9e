"""Find the classes of a data set and the groups of its hierarchy among the columns of a file."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..scored import Groups
from .data import name_some

Target = tuple[str, str]  # (level, group), or ("", class key)
Table = dict[str, list[Target]]  # heading -> what it can name


@dataclass(frozen=True)
class Columns:
    """Columns of a predictions file.

    Attributes:
        classes: class key -> column.
        groups: (level, group) -> column.
        unknown: headings that name nothing.
        doubled: headings whose class or group has another column.
        notes: sentences for the log.
    """

    classes: Mapping[str, int]
    groups: Mapping[Target, int]
    unknown: Sequence[str] = ()
    doubled: Sequence[str] = ()
    notes: Sequence[str] = ()


def find_columns(
    headings: Sequence[str], names: Sequence[str], groups: Groups, words: Sequence[str] = ()
) -> Columns:
    """Return the column of each class and each group.

    A heading is compared with class keys, then with class words, then with groups, and at last
    without regard to case and spaces. A class wins over a group of the same name, unless the class
    has a column of its own. A group that has the name and the classes of a group of another level
    shares its column.

    Args:
        headings: K names of columns.
        names: C class keys.
        groups: groups of the hierarchy.
        words: C names of the classes in words; empty if there are none.
    """
    exact = [_class_table(names, names), _class_table(words, names), _group_table(groups)]
    loose = [_loose_table(table) for table in exact]
    column_of: dict[Target, int] = {}
    still_open = list(enumerate(headings))
    for table in exact:
        still_open = _assign(still_open, table, column_of)
    notes = []
    strict = dict(still_open)
    for table in loose:
        still_open = _assign(
            [(column, _loose(heading)) for column, heading in still_open], table, column_of
        )
    left = {column for column, _ in still_open}
    changed = [heading for column, heading in strict.items() if column not in left]
    if changed:
        notes.append(f"Columns are matched without regard to case: {name_some(changed)}")
    unknown, doubled = [], []
    for column in sorted(left):
        is_known = any(_loose(headings[column]) in table for table in loose)
        (doubled if is_known else unknown).append(headings[column])
    classes = {name: column_of["", name] for name in names if ("", name) in column_of}
    found_groups = {target: column for target, column in column_of.items() if target[0]}
    return Columns(classes, found_groups, unknown, doubled, notes)


def _assign(
    headings: Iterable[tuple[int, str]], table: Table, column_of: dict[Target, int]
) -> list[tuple[int, str]]:
    """Give each column what it names and no earlier column has; return the columns left over."""
    left = []
    for column, heading in headings:
        free = [target for target in table.get(heading, ()) if target not in column_of]
        if free:
            column_of.update(dict.fromkeys(free, column))
        else:
            left.append((column, heading))
    return left


def _class_table(texts: Sequence[str], names: Sequence[str]) -> Table:
    """Return the table of class keys or words; a text of several classes names none."""
    table: Table = {}
    for text, name in zip(texts, names, strict=False):
        table.setdefault(text, []).append(("", name))
    return {text: targets for text, targets in table.items() if len(targets) == 1}


def _group_table(groups: Groups) -> Table:
    """Return the table of ``GROUP`` and ``LEVEL/GROUP``.

    A name that two levels give to different classes is in the table with its level only.
    """
    table: Table = {}
    members: dict[str, Sequence[int]] = {}
    ambiguous = set()
    for level, level_groups in groups.levels.items():
        for group, classes in level_groups.items():
            table[f"{level}/{group}"] = [(level, group)]
            if sorted(members.setdefault(group, classes)) != sorted(classes):
                ambiguous.add(group)
            table.setdefault(group, []).append((level, group))
    for group in ambiguous:
        del table[group]
    return table


def _loose_table(table: Table) -> Table:
    """Return the table without regard to case; a text that two entries share is left out."""
    merged: dict[str, list[list[Target]]] = {}
    for text, targets in table.items():
        merged.setdefault(_loose(text), []).append(targets)
    return {text: entries[0] for text, entries in merged.items() if len(entries) == 1}


def _loose(text: str) -> str:
    return " ".join(text.replace("_", " ").split()).casefold()
