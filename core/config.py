"""Configuration tree: each key is declared by the module that reads it.

A module says ``declare("TRAINER.MINE", Key("ALPHA", 0.5, "weight of ...", low=0.0))`` at its top
level. The key is then ``TRAINER.MINE.ALPHA`` in YAML files, on the command line and in ``cfg``.
Keys that Dassl has keep Dassl's names and defaults; those that no module of ours reads are declared
at the end of this file.
"""

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from yacs.config import CfgNode

from core.errors import UserError, did_you_mean
from core.files import find_base
from core.key import Key, check_declaration

BASE = "_BASE_"  # in a YAML file: path, or list of paths, of the files that it builds on

# Importing these packages declares every key of the project: trainers imports engine and models.
OWNERS = ("datasets", "losses", "evaluation", "trainers")

# Order of the sections where all keys are listed.
SECTION_ORDER = (
    "DATASET",
    "INPUT",
    "DATALOADER",
    "MODEL",
    "OPTIM",
    "TRAIN",
    "TEST",
    "SPEED",
    "TRAINER",
    "LOSS",
)


class Components(Protocol):
    """Interface of a registry for :func:`declare_components`; ours and Dassl's have it."""

    def registered_names(self) -> list[str]: ...

    def get(self, name: str) -> Any: ...


_declared: dict[str, Key] = {}
_checks: dict[str, Callable[[CfgNode], None]] = {}
_components: dict[str, Components] = {}
_aliases: dict[str, str] = {}


def declare(section: str, *keys: Key, owner: str = "") -> None:
    """Add keys to the configuration tree; call it in the module that reads them.

    Args:
        section: dotted name, such as ``TRAINER.MINE``; ``""`` is the top of the tree.
        keys: keys, named within the section.
        owner: module that reads the keys; by default the calling module.

    Raises:
        KeyError: another module has declared the same key, or a key is given twice.
        TypeError, ValueError: see :func:`core.key.check_declaration`.
    """
    owner = owner or sys._getframe(1).f_globals.get("__name__", "")
    given = set()
    for key in keys:
        key = replace(key, section=section, owner=owner)
        check_declaration(key)
        known = _declared.get(key.full_name)
        if known is not None and known.owner != owner:
            raise KeyError(f"key {key.full_name} of {owner} is already declared by {known.owner}")
        if key.name in given:
            raise KeyError(f"key {key.full_name} is declared twice in {owner}")
        given.add(key.name)
        _declared[key.full_name] = key


def declare_check(name: str, check: Callable[[CfgNode], None]) -> None:
    """Check a key that depends on other keys or on files, with all other mistakes of the user.

    Args:
        name: dotted name of the key; the check runs where the user sets it.
        check: raises :class:`core.errors.UserError` if the value in the configuration is wrong.
    """
    _checks[name] = check


def checks_of(names: Iterable[str]) -> list[tuple[str, Callable[[CfgNode], None]]]:
    """Return the names that have a check of :func:`declare_check`, with this check."""
    return [(name, _checks[name]) for name in names if name in _checks]


def declare_components(root: str, registry: Components) -> None:
    """Name the registry of the classes whose options are the sections ``<root>.<NAME>``.

    The attribute ``section`` of a class names its section. Without the attribute the section is
    ``<root>.<CLASS NAME>``, the class name in capitals.

    Args:
        root: first part of the sections, such as ``TRAINER``.
        registry: registry of the classes.
    """
    _components[root] = registry


def declare_alias(old: str, option: str) -> None:
    """Accept the key ``TRAINER.<any>.<old>`` of earlier versions for an option of the loss.

    Args:
        old: earlier name in the section of a trainer, such as ``ASL_CLIP``.
        option: present name in the section of the trainer's loss, such as ``CLIP``.
    """
    _aliases[old] = option


def alias_of(old: str) -> str | None:
    """Return the option of a loss that the earlier name ``old`` stands for, or None."""
    return _aliases.get(old)


def section_of(root: str, name: str) -> str | None:
    """Return the section of the class registered as ``name``, None if there is no such class."""
    registry = _components.get(root)
    if registry is None or name not in registry.registered_names():
        return None
    return class_section(root, registry.get(name))


def class_section(root: str, cls: type) -> str:
    """Return the section that holds the options of ``cls``."""
    return getattr(cls, "section", "") or f"{root}.{cls.__name__.upper()}"


def is_component(section: str) -> bool:
    """Return True if ``section`` holds the options of one class, which other classes ignore."""
    root, _, name = section.partition(".")
    return root in _components and bool(name)


def declared_keys() -> Mapping[str, Key]:
    """Return all declared keys by dotted name; import the packages that declare them first."""
    for package in OWNERS:
        importlib.import_module(package)
    return _declared


def keys_of(section: str) -> dict[str, Key]:
    """Return the keys of ``section`` by their name within the section."""
    return {key.name: key for key in _declared.values() if key.section == section}


def get_section(cfg: CfgNode, section: str) -> CfgNode:
    """Return the node of a dotted section, an empty one if the section has no keys."""
    node = cfg
    for part in section.split("."):
        node = node.get(part, CfgNode())
    return node


class NotDeclared(UserError, AttributeError):
    """Code reads an option that nobody has declared; for ``hasattr`` the attribute is missing."""


class Options(CfgNode):
    """The options of one class, read as attributes.

    Raises:
        NotDeclared: an option is read that is not declared; the error names the nearest one.
    """

    def __init__(self, cfg: CfgNode, section: str) -> None:
        super().__init__()
        self.__dict__["section"] = section
        dict.update(self, get_section(cfg, section))
        self.freeze()

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        section = self.__dict__.get("section", "")
        raise NotDeclared(
            f"the option {section}.{name} is read, but not declared; write "
            f'declare("{section}", Key("{name}", ...)).{did_you_mean(name, self)}'
        )


class Tree(CfgNode):
    """A yacs tree whose ``merge_from_file`` reads the files under ``_BASE_`` first."""

    def merge_from_file(self, cfg_filename: str) -> None:
        """Merge the files under ``_BASE_`` (relative to ``cfg_filename``), then the file itself."""
        with open(cfg_filename, encoding="utf-8") as file:
            content = self.load_cfg(file)
        bases = content.pop(BASE, [])
        if isinstance(bases, str):
            bases = [bases]
        for base in bases:
            self.merge_from_file(str(find_base(Path(cfg_filename), base)))
        self.merge_from_other_cfg(content)

    @classmethod
    def _decode_cfg_value(cls, value: Any) -> Any:
        """Decode as the base class does.

        The inherited method would make nodes of type ``Tree``. The nodes inside a tree are plain
        ones, and yacs refuses to merge nodes of different types.
        """
        return CfgNode._decode_cfg_value(value)


def get_cfg_default() -> CfgNode:
    """Return a new tree of all declared keys with their defaults."""
    cfg = Tree()
    extend_cfg(cfg)
    return cfg


def extend_cfg(cfg: CfgNode) -> None:
    """Add the declared keys to an existing tree, such as Dassl's, in place.

    Values that are in the tree stay. The tree becomes a :class:`Tree`, so that
    ``cfg.merge_from_file`` reads the shipped YAML files.
    """
    if type(cfg) is CfgNode:
        # Not cfg.__class__ = Tree: yacs would take the attribute for a key.
        object.__setattr__(cfg, "__class__", Tree)
    for name, key in declared_keys().items():
        node = cfg
        *parents, leaf = name.split(".")
        for parent in parents:
            if parent not in node:
                node[parent] = CfgNode()
            node = node[parent]
        if leaf not in node:
            # A copy, so that no run changes the default.
            node[leaf] = copy(key.default)


declare(
    "",
    Key("VERSION", 1, "version of the configuration tree", may_change=True),
    Key("OUTPUT_DIR", "./output", "folder of log, checkpoints and metrics", may_change=True),
    Key("RESUME", "", "output folder of the run to resume; empty: OUTPUT_DIR", may_change=True),
    Key("SEED", -1, "seed of every random stream; 0 is a seed, -1 leaves the run random", low=-1),
    Key("USE_CUDA", True, "use the CUDA device where there is one", may_change=True),
    Key("VERBOSE", True, "log arguments and configuration at the start", may_change=True),
    Key(
        "IMPORTS",
        (),
        "your own Python modules (names or .py files) with trainers, losses, data sets, metrics, "
        "evaluators; "
        "imported before the configuration is checked; the lists of all files and of the command "
        "line add up",
        may_change=True,
    ),
)

_DASSL_ONLY = "accepted because Dassl has it; no effect here"
declare("MODEL", Key("INIT_WEIGHTS", "", f"{_DASSL_ONLY} (see MODEL.BACKBONE.PATH)"))
declare(
    "DATASET",
    Key("SOURCE_DOMAINS", (), _DASSL_ONLY),
    Key("TARGET_DOMAINS", (), _DASSL_ONLY),
)
declare(
    "TEST",
    Key(
        "PER_CLASS_RESULT",
        False,
        f"{_DASSL_ONLY}: per_class.csv is always written",
        may_change=True,
    ),
    Key(
        "COMPUTE_CMAT",
        False,
        f"{_DASSL_ONLY}: several labels have no confusion matrix",
        may_change=True,
    ),
)
