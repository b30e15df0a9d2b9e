"""Decision rules on disk: ``rule.json`` with name, parameters and classes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import UserError, not_accepted, not_registered
from core.files import find_file, read_json, write_text

from .base import RULE_REGISTRY, DecisionRule, rule_name
from .parameters import check_storable, parameter_fields, parameters_of, rule_from


def is_rule_file(name: str) -> bool:
    """Return True if ``TEST.RULE`` has the form of a path, not of a registered name."""
    return name.endswith(".json") or "/" in name


def check_rule_name(key: str, name: str) -> None:
    """Raise :class:`UserError` unless ``name`` is a registered rule or the path of its file.

    All that needs no class names is checked, so that a long training does not end in an error.

    Args:
        key: key or flag that has the value, for the error.
        name: registered name, or path of a ``rule.json``.
    """
    if is_rule_file(name):
        if not find_file(name).is_file():
            raise UserError(f"{key} is '{name}', which does not exist; expected a rule.json")
        _load(find_file(name))
        return
    names = RULE_REGISTRY.registered_names()
    if name not in names:
        raise UserError(
            f"{not_registered(key, name, names)} The path of a rule.json is accepted, too."
        )
    check_storable(RULE_REGISTRY.get(name))


def write_rule(path: str | Path, rule: DecisionRule, names: Sequence[str]) -> None:
    """Write a rule as JSON, atomically; numbers are read back exactly.

    Args:
        path: file to write.
        rule: fitted rule, a dataclass.
        names: C class names, in the order of the rule's arrays.

    Raises:
        UserError: the rule is no dataclass, or has a parameter that JSON cannot store.
        OSError: the file cannot be written.
    """
    content = {
        "name": rule_name(type(rule)),
        "module": type(rule).__module__,
        "description": rule.describe(),
        "parameters": parameters_of(rule, len(names)),
        "classes": list(names),
    }
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_rule(path: str | Path, names: Sequence[str]) -> DecisionRule:
    """Return the rule of a ``rule.json`` for the classes ``names``.

    A rule with a number per class is matched by class name: the classes may have another order, or
    be a part of the rule's classes.

    Raises:
        UserError: the file is missing or is no rule, the rule is not registered, or a class is
            missing.
    """
    path = find_file(path)
    rule, classes = _load(path)
    if list(names) == classes or not _has_arrays(rule):
        return rule
    for wanted in names:
        if wanted not in classes:
            raise UserError(f"{path} has no such class: {not_accepted('class', wanted, classes)}")
    return rule.select([classes.index(wanted) for wanted in names])


def _load(path: Path) -> tuple[DecisionRule, list[str]]:
    """Return the rule of a file, and the names of its classes."""
    content = _read_content(path)
    name, classes = content["name"], content["classes"]
    known = RULE_REGISTRY.registered_names()
    if name not in known:
        module = content.get("module", "?")
        raise UserError(
            f"{path}: {not_accepted('name', name, known)} A rule of your own needs its module "
            f"'{module}' in IMPORTS."
        )
    _check_classes(path, classes)
    try:
        return rule_from(RULE_REGISTRY.get(name), content["parameters"], len(classes)), classes
    except UserError as error:
        raise UserError(f"{path}: rule '{name}': {error}") from None


def _read_content(path: Path) -> Mapping[str, Any]:
    """Return the content of a file that has name, parameters and classes."""
    content = read_json(path)
    for key, form in {"name": str, "parameters": dict, "classes": list}.items():
        if not isinstance(content.get(key), form):
            raise UserError(
                f"{path} is no decision rule; expected JSON with name, parameters, classes"
            )
    return content


def _check_classes(path: Path, classes: list[Any]) -> None:
    """Raise :class:`UserError` unless the classes are names that differ."""
    seen = set()
    for name in classes:
        if not isinstance(name, str):
            raise UserError(f"{path}: classes has {name!r}; expected the names of the classes")
        if name in seen:
            raise UserError(f"{path}: classes has '{name}' twice")
        seen.add(name)


def _has_arrays(rule: DecisionRule) -> bool:
    """Return True if a parameter of the rule has one value per class."""
    for field in parameter_fields(type(rule)):
        if isinstance(getattr(rule, field.name), np.ndarray):
            return True
    return False
