"""Class hierarchies: words for the class keys of a data set, and groups of classes.

A hierarchy file is YAML and uses the class keys of the annotation file. ``tree``, ``subsets``,
``name`` and ``sentence`` are optional, and the key of a class may stand alone::

    classes: {Attractive: {name: "attractive, fastidious", sentence: "a photo taken to ..."}, ...}
    tree:    {security and belonging: {stability: [Attractive], ...}, ...}   # super: {mid: [keys]}
    subsets: {easy: [Attractive, ...], ...}                                  # groups for reports

A tree without the middle level is ``{super: [keys]}``, as in ``{positive emotion: [joy, ...]}``.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from core.errors import UserError, did_you_mean, not_accepted
from core.files import find_file

HIERARCHY_DIR = Path(__file__).parent / "hierarchies"
ENTRY = ("name", "sentence")  # parts of a class
MAX_FAULTS = 10  # of one error message; more are counted
EXPECTED = (
    "'classes: {KEY: {name: ..., sentence: ...}, ...}' and optionally "
    "'tree: {super: {mid: [KEY, ...]}}' or 'tree: {super: [KEY, ...]}', and "
    "'subsets: {name: [KEY, ...]}'"
)


@dataclass(frozen=True)
class Hierarchy:
    """Words, paths and groups of C classes in label order.

    Attributes:
        names: C names in words.
        paths: C paths, the most general word first and the class's name last.
        sentences: C sentences.
        levels: ``{"mid": {group: class indices}, "super": {...}}``; without ``mid`` if the tree has
            no middle level, and empty without a tree.
        subsets: ``{subset: class indices}`` for reports.
    """

    names: list[str]
    paths: list[tuple[str, ...]]
    sentences: list[str]
    levels: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    subsets: dict[str, list[int]] = field(default_factory=dict)

    def restrict(self, classes: Sequence[int]) -> "Hierarchy":
        """Return the hierarchy of some of the classes, in the given order; empty groups go."""
        place = {c: i for i, c in enumerate(classes)}
        levels = {}
        for level, groups in self.levels.items():
            levels[level] = _restrict_groups(groups, place)
        return Hierarchy(
            names=[self.names[c] for c in classes],
            paths=[self.paths[c] for c in classes],
            sentences=[self.sentences[c] for c in classes],
            levels=levels,
            subsets=_restrict_groups(self.subsets, place),
        )


def with_seen_and_unseen(hierarchy: Hierarchy, unseen: Sequence[int]) -> Hierarchy:
    """Return the hierarchy with the subsets ``seen`` and ``unseen`` of a zero-shot data set."""
    seen = [c for c in range(len(hierarchy.names)) if c not in set(unseen)]
    return replace(hierarchy, subsets={**hierarchy.subsets, "seen": seen, "unseen": list(unseen)})


def _restrict_groups(
    groups: Mapping[str, Sequence[int]], place: Mapping[int, int]
) -> dict[str, list[int]]:
    """Return the groups of kept classes under their new indices."""
    kept = {}
    for name, members in groups.items():
        inside = sorted(place[c] for c in members if c in place)
        if inside:
            kept[name] = inside
    return kept


def key_to_words(key: str) -> str:
    """Split a class key into words: ``GoodParent_child`` -> ``good parent child``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", key.replace("_", " "))
    return " ".join(spaced.split()).lower()


def default_hierarchy(classnames: list[str]) -> Hierarchy:
    """Return the hierarchy of a data set without a file: the words of the keys and no groups."""
    names = [key_to_words(key) for key in classnames]
    return Hierarchy(names=names, paths=[(name,) for name in names], sentences=list(names))


def hierarchy_path(name_or_path: str) -> Path:
    """Return the file of a shipped hierarchy, or of a path.

    Text with a slash or the suffix of a YAML file is a path; ``core.files.find_file`` looks it up.
    """
    if name_or_path.endswith((".yaml", ".yml")) or "/" in name_or_path:
        return find_file(name_or_path)
    return HIERARCHY_DIR / f"{name_or_path}.yaml"


def has_hierarchy(name_or_path: str) -> bool:
    """Return True if the hierarchy file exists."""
    return hierarchy_path(name_or_path).is_file()


def hierarchy_keys(name_or_path: str) -> list[str]:
    """Return the class keys of a hierarchy file in its order.

    Raises:
        UserError: the file is missing or is no hierarchy.
    """
    content, _ = _read_yaml(_existing(name_or_path, "the hierarchy"))
    return list(content["classes"])


def load_hierarchy(name_or_path: str, classnames: list[str]) -> Hierarchy:
    """Read a hierarchy file and bring it into the order of ``classnames``.

    Raises:
        UserError: the file is missing or is no hierarchy, or its classes are not ``classnames``;
            one message lists all missing, unknown and repeated classes.
    """
    path = _existing(name_or_path, "DATASET.HIERARCHY")
    content, repeated = _read_yaml(path)
    faults = [f"'{key}' is given twice" for key in repeated]
    faults += _find_faults(content, classnames)
    if faults:
        raise UserError(
            f"DATASET.HIERARCHY {path} does not fit the {len(classnames)} classes: "
            + _join_faults(faults)
        )
    return _assemble(content, classnames)


def _existing(name_or_path: str, what: str) -> Path:
    """Return the file of a hierarchy; raise :class:`UserError`, about ``what``, without one."""
    path = hierarchy_path(name_or_path)
    if path.is_file():
        return path
    if path.is_dir():
        raise UserError(f"{what} {path} is a folder; expected a YAML file")
    if path.parent != HIERARCHY_DIR:
        raise UserError(f"{what} {path} does not exist; expected a YAML file")
    shipped = [file.stem for file in HIERARCHY_DIR.glob("*.yaml")]
    message = not_accepted(what, name_or_path, shipped)
    raise UserError(f"{message} The path of a YAML file is accepted, too.")


def _join_faults(faults: list[str]) -> str:
    """Return the first faults in one line and the number of the others."""
    line = "; ".join(fault.rstrip(".") for fault in faults[:MAX_FAULTS])
    if len(faults) > MAX_FAULTS:
        line += f"; and {len(faults) - MAX_FAULTS} more"
    return line


# Reading ----------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """SafeLoader that reads keys as text and remembers repeated ones, which YAML drops silently."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self.repeated: list[str] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in mapping and key not in self.repeated:
                self.repeated.append(key)
            mapping[key] = self.construct_object(value_node, deep=True)
        return mapping


def _read_yaml(path: Path) -> tuple[dict, list[str]]:
    """Return the file's content and the keys that it repeats."""
    try:
        with open(path, encoding="utf-8") as file:
            loader = _Loader(file)
            content = loader.get_single_data()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    # Besides its own errors, YAML raises those of Python for text that looks like a date or number.
    except (yaml.YAMLError, ValueError, KeyError, AttributeError) as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not _is_hierarchy(content):
        raise UserError(f"{path} is not a hierarchy file; expected {EXPECTED}")
    return content, loader.repeated


def _is_hierarchy(content: Any) -> bool:
    """Return True if mappings, lists and text are where they belong."""
    if not isinstance(content, dict) or set(content) - {"classes", "tree", "subsets"}:
        return False
    classes = content.get("classes")
    tree = content.get("tree", {})
    subsets = content.get("subsets", {})
    if not all(map(_is_mapping, (classes, tree, subsets))):
        return False
    if not (all(map(_is_keys, tree.values())) or all(map(_is_group, tree.values()))):
        return False
    entries = [entry for entry in classes.values() if entry is not None]  # None: KEY alone
    return all(map(_is_mapping, entries)) and all(map(_is_keys, subsets.values()))


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _entry_faults(key: str, entry: Mapping[str, Any]) -> list[str]:
    """Return the faults of a class's entry in words: unknown parts, parts that are no text."""
    faults = []
    for part, value in entry.items():
        if part not in ENTRY:
            accepted = " and ".join(ENTRY)
            hint = did_you_mean(part, ENTRY)
            faults.append(
                f"class '{key}' has the unknown part '{part}'; accepted: {accepted}.{hint}"
            )
        elif not isinstance(value, str):
            faults.append(
                f"the {part} of class '{key}' is read as {value!r}, which is no text; write it in "
                "quotation marks"
            )
    return faults


def _is_group(value: Any) -> bool:
    """Return True for the middle groups of a super group."""
    return isinstance(value, dict) and all(map(_is_keys, value.values()))


def _is_keys(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(key, str) for key in value)


def _mids(groups: Mapping[str, list[str]] | list[str]) -> Mapping[str, list[str]]:
    """Return the middle groups of a super group; ``{"": keys}`` where it has none."""
    return {"": groups} if isinstance(groups, list) else groups


# Checking ---------------------------------------------------------------------------------------


def _find_faults(content: dict, classnames: list[str]) -> list[str]:
    """Return every fault of the three parts in words."""
    faults = _compare("classes", content["classes"], classnames, complete=True)
    for key, entry in content["classes"].items():
        faults += _entry_faults(key, entry or {})
    if "tree" in content:
        leaves: list[str] = []
        for groups in content["tree"].values():
            for keys in _mids(groups).values():
                leaves += keys
        faults += _compare("tree", leaves, classnames, complete=True)
    for subset, keys in content.get("subsets", {}).items():
        faults += _compare(f"subset '{subset}'", keys, classnames, complete=False)
    return faults


def _compare(part: str, keys: Iterable[str], classnames: list[str], *, complete: bool) -> list[str]:
    """Return unknown and repeated keys in words; with ``complete``, the missing ones, too."""
    keys = list(keys)
    faults = []
    for key in sorted(set(keys) - set(classnames)):
        faults.append(f"{part}: unknown class '{key}'.{did_you_mean(key, classnames)}")
    for key in sorted(set(keys)):
        if keys.count(key) > 1:
            faults.append(f"{part}: class '{key}' appears more than once")
    if complete:
        for key in classnames:
            if key not in keys:
                faults.append(f"{part}: class '{key}' is missing")
    return faults


# Assembling -------------------------------------------------------------------------------------


def _assemble(content: dict, classnames: list[str]) -> Hierarchy:
    """Build the hierarchy of checked content in label order."""
    index = {key: i for i, key in enumerate(classnames)}
    chains, levels = _read_tree(content.get("tree", {}), index)
    names, paths, sentences = [], [], []
    for i, key in enumerate(classnames):
        entry = content["classes"][key] or {}
        name = entry.get("name") or key_to_words(key)
        path = _join_path(chains.get(i, ()), name)
        names.append(name)
        paths.append(path)
        sentences.append(entry.get("sentence") or ", ".join(path))
    subsets = {}
    for subset, keys in content.get("subsets", {}).items():
        subsets[subset] = sorted(index[key] for key in keys)
    return Hierarchy(names=names, paths=paths, sentences=sentences, levels=levels, subsets=subsets)


def _read_tree(
    tree: Mapping[str, Any], index: Mapping[str, int]
) -> tuple[dict[int, tuple[str, ...]], dict[str, dict[str, list[int]]]]:
    """Return ``{class index: (super, mid)}`` and the groups of both levels.

    A super group without middle groups gives ``(super,)`` and no groups of level ``mid``.
    """
    if not tree:
        return {}, {}
    chains: dict[int, tuple[str, ...]] = {}
    levels: dict[str, dict[str, list[int]]] = {"mid": {}, "super": {}}
    mid_names = [mid for groups in tree.values() for mid in _mids(groups)]
    for super_name, groups in tree.items():
        members: list[int] = []
        for mid, keys in _mids(groups).items():
            classes = sorted(index[key] for key in keys)
            members += classes
            if not mid:
                chains.update(dict.fromkeys(classes, (super_name,)))
                continue
            group = mid
            if mid_names.count(mid) > 1:  # equal names under two supers are two groups
                group = f"{super_name}: {mid}"
            levels["mid"][group] = classes
            chains.update(dict.fromkeys(classes, (super_name, mid)))
        if groups:
            levels["super"][super_name] = sorted(members)
    if not levels["mid"]:
        del levels["mid"]
    return chains, levels


def _join_path(chain: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Append the name to its chain; a step that repeats the one before it is left out."""
    path: list[str] = []
    for step in (*chain, name):
        if not path or step.lower() != path[-1].lower():  # health > health
            path.append(step)
    return tuple(path)
