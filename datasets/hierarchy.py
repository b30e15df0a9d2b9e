"""Class hierarchies: what the class keys of an annotation file mean, and which classes belong together.

The YAML format, keyed by the class keys of the annotation file (``tree``, ``subsets``, ``name`` and ``sentence`` may be
left out):

    classes: {Attractive: {name: "attractive, fastidious", sentence: "a photo taken to ..."}, ...}
    tree:    {security and belonging: {stability: [Attractive], ...}, ...}     # super: {mid: [leaf keys]}
    subsets: {easy: [Attractive, ...], ...}                                    # for reports by subset
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from core.errors import UserError, did_you_mean, not_accepted

HIERARCHY_DIR = Path(__file__).parent / "hierarchies"
MAX_FAULTS = 10  # that an error lists by name


@dataclass(frozen=True)
class Hierarchy:
    """Words, chains and groups of C classes in label order.

    ``names`` are the leaves in words, ``paths`` the chains (most general first, ending with the leaf), ``sentences``
    one sentence per class, ``levels`` maps ``mid`` and ``super`` to ``{group: class indices}`` (empty without a tree),
    ``subsets`` maps a subset's name to class indices.
    """

    names: list[str]
    paths: list[tuple[str, ...]]
    sentences: list[str]
    levels: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    subsets: dict[str, list[int]] = field(default_factory=dict)


def key_to_words(key: str) -> str:
    """Split a class key into words: ``GoodParent_child`` -> ``good parent child``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", key.replace("_", " "))
    return " ".join(spaced.split()).lower()


def default_hierarchy(classnames: list[str]) -> Hierarchy:
    """Return the flat hierarchy of a data set that has no file: words from the keys, no levels, no subsets."""
    names = [key_to_words(key) for key in classnames]
    return Hierarchy(names=names, paths=[(name,) for name in names], sentences=list(names))


def hierarchy_path(name_or_path: str) -> Path:
    """Return the file of a shipped hierarchy's name, or the path itself when it looks like one."""
    if name_or_path.endswith((".yaml", ".yml")) or "/" in name_or_path:
        return Path(name_or_path).expanduser()
    return HIERARCHY_DIR / f"{name_or_path}.yaml"


def has_hierarchy(name_or_path: str) -> bool:
    """Say whether the file exists."""
    return hierarchy_path(name_or_path).is_file()


def load_hierarchy(name_or_path: str, classnames: list[str]) -> Hierarchy:
    """Read a hierarchy file and bring it into the order of ``classnames``.

    Raises:
        UserError: once, with the file and all faults: missing, unknown and repeated classes.
    """
    path = hierarchy_path(name_or_path)
    if not path.is_file():
        known = [file.stem for file in HIERARCHY_DIR.glob("*.yaml")]
        raise UserError(
            not_accepted("DATASET.HIERARCHY", name_or_path, known)
            + " Or give the path of a YAML file."
        )
    content, repeated = _read_yaml(path)
    faults = [f"'{key}' is given twice" for key in repeated] + _find_faults(content, classnames)
    if faults:
        more = f"; and {len(faults) - MAX_FAULTS} more" if len(faults) > MAX_FAULTS else ""
        listed = "; ".join(fault.rstrip(".") for fault in faults[:MAX_FAULTS])
        raise UserError(
            f"DATASET.HIERARCHY {path} does not fit the {len(classnames)} classes of the data set: {listed}{more}"
        )
    return _assemble(content, classnames)


class _Loader(yaml.SafeLoader):
    """SafeLoader that remembers repeated keys, which plain YAML loading silently drops, and keeps keys as text."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self.repeated: list[str] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [str(key.value) for key, _ in node.value]
        self.repeated += sorted({key for key in keys if keys.count(key) > 1})
        values = [self.construct_object(value, deep=True) for _, value in node.value]
        return dict(zip(keys, values, strict=True))


def _read_yaml(path: Path) -> tuple[dict, list[str]]:
    """Return the file's content and the keys that it repeats."""
    try:
        with open(path, encoding="utf-8") as file:
            loader = _Loader(file)
            content = loader.get_single_data()
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not _is_hierarchy(content):
        raise UserError(
            f"{path} is not a hierarchy file; expected 'classes: {{KEY: {{name: ..., sentence: ...}}}}' and optionally "
            f"'tree: {{super: {{mid: [KEY, ...]}}}}' and 'subsets: {{name: [KEY, ...]}}'"
        )
    return content, loader.repeated


def _is_hierarchy(content: Any) -> bool:
    """Say whether the nesting is right: mappings, lists and text where they belong."""
    if not isinstance(content, dict) or set(content) - {"classes", "tree", "subsets"}:
        return False
    classes, tree, subsets = (
        content.get("classes"),
        content.get("tree", {}),
        content.get("subsets", {}),
    )
    if not all(isinstance(part, dict) for part in (classes, tree, subsets)):
        return False
    entries = all(
        isinstance(entry, dict)
        and all(isinstance(entry.get(part, ""), str) for part in ("name", "sentence"))
        for entry in classes.values()
    )
    mids = all(
        isinstance(mid, dict) and all(_is_keys(keys) for keys in mid.values())
        for mid in tree.values()
    )
    return entries and mids and all(_is_keys(keys) for keys in subsets.values())


def _is_keys(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(key, str) for key in value)


def _find_faults(content: dict, classnames: list[str]) -> list[str]:
    """Return every fault of the three parts in words."""
    leaves = [
        key for mids in content.get("tree", {}).values() for keys in mids.values() for key in keys
    ]
    faults = _compare("classes", content["classes"], classnames, complete=True)
    if "tree" in content:
        faults += _compare("tree", leaves, classnames, complete=True)
    for subset, keys in content.get("subsets", {}).items():
        faults += _compare(f"subset '{subset}'", keys, classnames, complete=False)
    return faults


def _compare(part: str, keys: Iterable[str], classnames: list[str], *, complete: bool) -> list[str]:
    """Return the unknown, repeated and (where the part must be complete) missing keys as sentences."""
    keys = list(keys)
    found, known = set(keys), set(classnames)
    faults = [
        f"{part}: unknown class '{key}'.{did_you_mean(key, classnames)}"
        for key in sorted(found - known)
    ]
    faults += [
        f"{part}: class '{key}' appears more than once"
        for key in sorted(found)
        if keys.count(key) > 1
    ]
    if complete:
        faults += [f"{part}: class '{key}' is missing" for key in classnames if key not in found]
    return faults


def _assemble(content: dict, classnames: list[str]) -> Hierarchy:
    """Build the hierarchy of checked content in label order."""
    index = {key: i for i, key in enumerate(classnames)}
    chains, levels = _read_tree(content.get("tree", {}), index)
    entries = [content["classes"][key] for key in classnames]
    names = [
        entry.get("name") or key_to_words(key)
        for entry, key in zip(entries, classnames, strict=True)
    ]
    paths = [_join_path(chains.get(i, ()), name) for i, name in enumerate(names)]
    sentences = [
        entry.get("sentence") or ", ".join(path) for entry, path in zip(entries, paths, strict=True)
    ]
    subsets = {
        name: sorted(index[key] for key in keys)
        for name, keys in content.get("subsets", {}).items()
    }
    return Hierarchy(names=names, paths=paths, sentences=sentences, levels=levels, subsets=subsets)


def _read_tree(tree: dict, index: dict[str, int]) -> tuple[dict[int, tuple[str, str]], dict]:
    """Return each class's (super, mid) and the groups of both levels; equal mid names under two supers stay apart."""
    chains: dict[int, tuple[str, str]] = {}
    levels: dict[str, dict[str, list[int]]] = {"mid": {}, "super": {}} if tree else {}
    mid_names = [mid for mids in tree.values() for mid in mids]
    for super_name, mids in tree.items():
        for mid, keys in mids.items():
            group = mid if mid_names.count(mid) == 1 else f"{super_name}: {mid}"
            classes = sorted(index[key] for key in keys)
            levels["mid"][group] = classes
            levels["super"][super_name] = sorted(levels["super"].get(super_name, []) + classes)
            chains.update(dict.fromkeys(classes, (super_name, mid)))
    return chains, levels


def _join_path(chain: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Append the leaf to its chain; a step that repeats the one before it (health > health) is said once."""
    steps = (*chain, name)
    return tuple(
        step for i, step in enumerate(steps) if i == 0 or step.lower() != steps[i - 1].lower()
    )
