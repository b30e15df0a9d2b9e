"""The resolved configuration as YAML, with the source of each value in a comment."""

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from yacs.config import CfgNode

from core.config import SECTION_ORDER
from core.config_merge import COMMAND_LINE, flatten
from core.errors import UserError, did_you_mean
from core.files import PROJECT

COMMENT_COLUMN = 42  # where the comments start, if the values leave room
HEAD = """\
# The configuration of this command. Saved to a file, it can be given as --config-file.
# Behind each value: where it was set. Of several places the last one wins: default, YAML files,
# flags, KEY VALUE pairs.
"""


def describe_config(cfg: CfgNode, sources: Mapping[str, str], section: str = "") -> str:
    """Return the configuration as YAML, one line for each key, with its source behind it.

    ``yaml.safe_load`` of the text gives a tree that :func:`core.config_merge.setup_cfg` reads to an
    equal configuration.

    Args:
        cfg: the configuration.
        sources: file or flag of each key that does not have its default, from
            :func:`core.config_merge.resolve_args`.
        section: a section such as ``TRAINER.INTCLIP``, or one key; empty: everything.

    Raises:
        UserError: there is no such section or key; the error names the nearest one.
    """
    values = dict(flatten(cfg))
    chosen = _names_below(section, values)
    tree: dict[str, Any] = {}
    for name in sorted(chosen, key=_position):
        *parents, leaf = name.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        source = sources.get(name)
        node[leaf] = (format_value(values[name]), _describe_source(source))
    text = "\n".join(_lines(tree, indent=""))
    return text if section else HEAD + text


def sections_of(names: Iterable[str]) -> list[str]:
    """Return the sections of dotted keys, with the sections around them, in alphabetical order."""
    sections = set()
    for name in names:
        parts = name.split(".")[:-1]
        sections |= {".".join(parts[: i + 1]) for i in range(len(parts))}
    return sorted(sections)


def format_value(value: Any) -> str:
    """Return a value of a key as YAML in one line."""
    if isinstance(value, tuple):
        value = list(value)
    # Quotes keep a text with line breaks in one line.
    texts = value if isinstance(value, list) else [value]
    breaks = any(isinstance(text, str) and not text.isprintable() for text in texts)
    style = '"' if breaks else None
    text = yaml.safe_dump(
        value, default_flow_style=True, default_style=style, width=math.inf, allow_unicode=True
    )
    return text.removesuffix("...\n").strip()


def _names_below(section: str, values: Mapping[str, Any]) -> list[str]:
    """Return the keys of a section, of the sections below it, or the one key of this name."""
    names = [name for name in values if not section or f"{name}.".startswith(f"{section}.")]
    if names:
        return names
    sections = sections_of(values)
    first = [name for name in SECTION_ORDER if name in sections]
    raise UserError(
        f"--print-config is '{section}'; accepted: a key, or a section such as "
        f"{', '.join(first)}.{did_you_mean(section, [*sections, *values])}"
    )


def _position(name: str) -> tuple[int, int, str]:
    """Return the place of a key: by section, and a section's own keys before those below it."""
    root, *rest = name.split(".")
    if not rest:
        return (-1, 0, name)
    index = SECTION_ORDER.index(root) if root in SECTION_ORDER else len(SECTION_ORDER)
    return (index, len(rest), name)


def _lines(tree: Mapping[str, Any], indent: str) -> list[str]:
    """Return the lines of a tree whose leaves are texts of value and source."""
    lines = []
    for name, node in tree.items():
        if isinstance(node, dict):
            lines += [f"{indent}{name}:", *_lines(node, indent + "  ")]
        else:
            value, source = node
            lines.append(f"{f'{indent}{name}: {value}'.ljust(COMMENT_COLUMN)}  # {source}")
    return lines


def _describe_source(source: str | None) -> str:
    """Return a source for a reader; a path has no ``..`` and starts at the project's folder."""
    if source is None:
        return "default"
    if source == COMMAND_LINE or source.startswith("--"):
        return source
    return ", ".join(_short_path(part) for part in source.split(", "))


def _short_path(source: str) -> str:
    path = Path(os.path.normpath(source))
    if path.is_absolute() and path.is_relative_to(PROJECT):
        path = path.relative_to(PROJECT)
    return path.as_posix()
