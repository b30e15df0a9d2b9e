"""Write the tables of docs/configuration.md from the declared keys.

    python -m tools.config_page [--check]

The introduction of the page, above the marker line, is written by hand and stays as it is. With
``--check`` nothing is written; the exit status is 1 where the page is not current.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.config import SECTION_ORDER, Key, declared_keys, is_component
from core.errors import UserError
from core.files import PROJECT, write_text
from tools import command

PAGE = PROJECT / "docs" / "configuration.md"
MARKER = "<!-- Below this line: written by python -m tools.config_page. Do not edit. -->"
GENERAL = "General"  # heading of the keys without a section
ORDER = (GENERAL, *SECTION_ORDER)
HEADER = (
    "| key | default | accepted | meaning | may change on resume | declared in |\n"
    "| --- | --- | --- | --- | --- | --- |"
)


def describe_type(key: Key) -> str:
    """Return the accepted type, values or range of a key in words."""
    default = key.default
    if isinstance(default, tuple | list):
        return _describe_list(key)
    if key.accepted():
        return _join_code(key.accepted())
    if isinstance(default, bool):
        return "`True` or `False`"
    names = {int: "whole number", float: "number", str: "text"}
    return f"{names[type(default)]}{_describe_range(key)}"


def _describe_list(key: Key) -> str:
    length = f" of {key.length}" if key.length else ""
    if key.accepted():
        return f"list{length} with elements from {_join_code(key.accepted())}"
    names = {int: "whole numbers", float: "numbers", str: "texts"}
    joint = " " if length else " of "
    return f"list{length}{joint}{names[key.element_type]}{_describe_range(key)}"


def _describe_range(key: Key) -> str:
    return "".join(f", {bound}" for bound in key.bounds())


def _join_code(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def describe_default(default: Any) -> str:
    """Return a default as it can be written on the command line; ``empty`` for an empty one."""
    if default == "" or default == () or default == []:
        return "empty"
    if isinstance(default, tuple | list):
        elements = ", ".join(repr(element) for element in default)
        return f"`[{elements}]`"
    return f"`{default}`"


def escape(text: str) -> str:
    """Return plain text as it is written in a cell of a Markdown table."""
    for character in "\\|<*":
        text = text.replace(character, f"\\{character}")
    return text


def key_row(key: Key) -> str:
    """Return the row of one key."""
    file = key.owner.replace(".", "/") + ".py"
    cells = [
        f"`{key.full_name}`",
        describe_default(key.default),
        describe_type(key),
        escape(key.help),
        "yes" if key.may_change else "no",
        f"[{file}](../{file})",
    ]
    return f"| {' | '.join(cells)} |"


def group_of(key: Key) -> str:
    """Return the heading under which a key stands: the section of a trainer or loss, else the first
    part of its section.
    """
    if is_component(key.section):
        return key.section
    return key.section.partition(".")[0] or GENERAL


def group_keys(keys: Mapping[str, Key]) -> dict[str, list[Key]]:
    """Return the keys of each heading in alphabetical order; the headings are in the order of the
    page.
    """
    groups: dict[str, list[Key]] = {}
    for _, key in sorted(keys.items()):
        groups.setdefault(group_of(key), []).append(key)
    return dict(sorted(groups.items(), key=lambda item: _position(item[0])))


def _position(group: str) -> tuple[int, str]:
    root = group.partition(".")[0]
    index = ORDER.index(root) if root in ORDER else len(ORDER)
    return index, group


def write_tables(keys: Mapping[str, Key]) -> str:
    """Return the generated part of the page: a list of the headings, then one table for each."""
    groups = group_keys(keys)
    lines = [" · ".join(f"[{group}](#{_anchor(group)})" for group in groups), ""]
    for group, members in groups.items():
        lines += [f"### {group}", "", HEADER]
        lines += [key_row(key) for key in members]
        lines.append("")
    return "\n".join(lines)


def _anchor(heading: str) -> str:
    """Return the anchor that GitHub gives a heading: lower case, without dots."""
    return heading.lower().replace(".", "")


def renew(page: str, tables: str) -> str:
    """Return the page with ``tables`` below the marker line.

    Raises:
        UserError: the marker line is missing.
    """
    introduction, marker, _ = page.partition(MARKER)
    if not marker:
        raise UserError(f"{PAGE} has no line '{MARKER}'; add it below the introduction")
    return f"{introduction}{marker}\n\n{tables}"


def main(argv: Sequence[str] | None = None) -> int:
    """Write or check the page; return the exit status."""
    parser = command.make_parser("tools.config_page", __doc__)
    parser.add_argument("--check", action="store_true", help="only report whether it is current")
    args = parser.parse_args(argv)
    return command.run(lambda: update(PAGE, args))


def update(path: Path, args: argparse.Namespace) -> int:
    """Write the page, or only compare it; return the exit status."""
    # Dassl, where it is installed, adds trainers of its own to the accepted names.
    os.environ["INTCLIP_BASE"] = "builtin"
    page = path.read_text(encoding="utf-8")
    renewed = renew(page, write_tables(declared_keys()))
    if renewed == page:
        print(f"{path.name} is current")
        return 0
    if args.check:
        print(
            f"{path.name} is not current; run python -m tools.config_page and commit the result",
            file=sys.stderr,
        )
        return 1
    write_text(path, renewed)
    print(f"Wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
