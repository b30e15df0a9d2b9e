"""Decision rules on disk: ``rule.json`` with name, parameters and classes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import UserError, not_accepted
from core.files import find_file, write_text

from .base import RULE_REGISTRY, DecisionRule, parameters_of, rule_name


def is_rule_file(name: str) -> bool:
    """Return True if ``TEST.RULE`` has the form of a path, not of a registered name."""
    return name.endswith(".json") or "/" in name


def check_rule_name(key: str, name: str) -> None:
    """Raise :class:`UserError` unless ``name`` is a registered rule or the path of a file.

    Args:
        key: key or flag that has the value, for the error.
        name: registered name, or path of a ``rule.json``.
    """
    if is_rule_file(name):
        if not find_file(name).is_file():
            raise UserError(f"{key} is '{name}', which does not exist; expected a rule.json")
        return
    names = RULE_REGISTRY.registered_names()
    if name not in names:
        raise UserError(
            not_accepted(key, name, names) + " The path of a rule.json is accepted, too."
        )


def write_rule(path: str | Path, rule: DecisionRule, names: Sequence[str]) -> None:
    """Write a rule as JSON, atomically; numbers are read back exactly.

    Args:
        path: file to write.
        rule: fitted rule, a dataclass.
        names: C class names, in the order of the rule's arrays.

    Raises:
        OSError: the file cannot be written.
    """
    content = {
        "name": rule_name(type(rule)),
        "module": type(rule).__module__,
        "description": rule.describe(),
        "parameters": parameters_of(rule),
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
    content = _load(path)
    name = content["name"]
    known = RULE_REGISTRY.registered_names()
    if name not in known:
        raise UserError(
            f"{path}: {not_accepted('name', name, known)} A rule of your own needs its module "
            f"'{content.get('module', '?')}' in IMPORTS."
        )
    rule = _build(path, RULE_REGISTRY.get(name), content)
    classes = content["classes"]
    if not _has_arrays(rule) or list(names) == classes:
        return rule
    for wanted in names:
        if wanted not in classes:
            raise UserError(f"{path} has no such class: {not_accepted('class', wanted, classes)}")
    return rule.select([classes.index(wanted) for wanted in names])


def _load(path: Path) -> Mapping[str, Any]:
    """Return the checked content of the file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read the decision rule {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON: {error}") from None
    forms = {"name": str, "parameters": dict, "classes": list}
    if not isinstance(content, dict) or any(
        not isinstance(content.get(key), form) for key, form in forms.items()
    ):
        raise UserError(f"{path} is no decision rule; expected JSON with name, parameters, classes")
    return content


def _build(path: Path, rule: type[DecisionRule], content: Mapping[str, Any]) -> DecisionRule:
    """Return the rule with the file's parameters; lists become arrays ``(C,)``."""
    wanted = [field.name for field in fields(rule)]  # type: ignore[arg-type]
    parameters = content["parameters"]
    if sorted(parameters) != sorted(wanted):
        raise UserError(
            f"{path}: parameters are {sorted(parameters)}; the rule '{content['name']}' has "
            f"{sorted(wanted)}"
        )
    values = {}
    for name, value in parameters.items():
        if not isinstance(value, list):
            values[name] = value
            continue
        try:
            array = np.array(value, dtype=np.float64)
        except (TypeError, ValueError):
            raise UserError(f"{path}: parameter '{name}' holds a value that is no number") from None
        if array.shape != (len(content["classes"]),):
            raise UserError(
                f"{path}: parameter '{name}' has {len(value)} values; expected "
                f"{len(content['classes'])}, one per class"
            )
        values[name] = array
    return rule(**values)


def _has_arrays(rule: DecisionRule) -> bool:
    return any(isinstance(getattr(rule, field.name), np.ndarray) for field in fields(rule))  # type: ignore[arg-type]
