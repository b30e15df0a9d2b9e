"""The parameters of a decision rule as plain values: what ``rule.json`` stores.

They follow from the fields of the rule's dataclass. C: classes.
"""

import sys
from collections.abc import Mapping, Set
from dataclasses import Field, fields, is_dataclass
from typing import Any, get_origin, get_type_hints

import numpy as np

from core.errors import UserError

from ..metrics import Array
from .base import DecisionRule, source_of

_WORDS = {float: "a finite number", int: "a whole number", str: "text", bool: "true or false"}


def parameter_fields(rule: type[DecisionRule]) -> list[Field[Any]]:
    """Return the fields of a rule that its constructor takes.

    Raises:
        UserError: the rule is no dataclass, so that its parameters are not known.
    """
    if not is_dataclass(rule):
        raise UserError(
            f"{source_of(rule)} is no dataclass, so that rule.json cannot store it; "
            "decorate the class with @dataclass(frozen=True)"
        )
    return [field for field in fields(rule) if field.init]


def check_storable(rule: type[DecisionRule]) -> None:
    """Check as far as the types of its fields tell that ``rule.json`` can hold a rule.

    Args:
        rule: class of the rule.

    Raises:
        UserError: the rule is no dataclass, or a field is a dict, a list, a set or a tuple.
    """
    hints = _types(rule)
    for field in parameter_fields(rule):
        hint = hints.get(field.name)
        kind = get_origin(hint) or hint
        if isinstance(kind, type) and issubclass(kind, (Mapping, list, Set, tuple)):
            raise UserError(
                f"the field '{field.name}' of {source_of(rule)} is a {kind.__name__}, which "
                "rule.json cannot store; accepted: numbers, text, None, and arrays with one value "
                "per class"
            )


def parameters_of(rule: DecisionRule, num_classes: int) -> dict[str, Any]:
    """Return the parameters of a rule; arrays become lists, NumPy's numbers become Python's.

    Args:
        rule: fitted rule, a dataclass.
        num_classes: C.

    Raises:
        UserError: a parameter is no finite number, text, None or array ``(C,)``.
    """
    values = {}
    for field in parameter_fields(type(rule)):
        value = getattr(rule, field.name)
        if isinstance(value, np.ndarray) and value.shape == (num_classes,):
            value = value.tolist()
            storable = all(map(is_finite_number, value))
        else:
            value = value.item() if isinstance(value, np.generic) else value
            storable = value is None or isinstance(value, (bool, str)) or is_finite_number(value)
        if not storable:
            raise UserError(
                f"rule.json cannot store the parameter '{field.name}' of {source_of(type(rule))}; "
                f"accepted: finite numbers, text, None, and number arrays of shape ({num_classes},)"
            )
        values[field.name] = value
    return values


def rule_from(
    rule: type[DecisionRule], parameters: Mapping[str, Any], num_classes: int
) -> DecisionRule:
    """Return the rule with these parameters; the inverse of :func:`parameters_of`.

    Args:
        rule: class of the rule.
        parameters: plain values, as JSON gives them.
        num_classes: C.

    Raises:
        UserError: a parameter is missing, unknown, or has the wrong type or length.
    """
    wanted = [field.name for field in parameter_fields(rule)]
    if sorted(parameters) != sorted(wanted):
        raise UserError(f"parameters are {sorted(parameters)}; expected {sorted(wanted)}")
    hints = _types(rule)
    values = {}
    for name in wanted:
        values[name] = _read(name, parameters[name], hints.get(name), num_classes)
    try:
        return rule(**values)
    except (TypeError, ValueError) as error:
        # The class may check its own values.
        raise UserError(str(error)) from None


def is_finite_number(value: Any) -> bool:
    """Return True for an int or float that float64 can hold; True and False are no numbers."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    # False for NaN as well.
    return abs(value) <= sys.float_info.max


def _types(rule: type[DecisionRule]) -> dict[str, Any]:
    """Return the types that the class gives its fields; none if they cannot be resolved."""
    try:
        return get_type_hints(rule)
    except (NameError, TypeError):
        return {}


def _read(name: str, value: Any, wanted: Any, num_classes: int) -> Any:
    """Return a value of JSON as the type ``wanted`` of its field; lists become arrays."""
    if _is_array(wanted):
        return _read_array(name, value, num_classes)
    if wanted is float and is_finite_number(value):
        return float(value)
    if wanted is int and is_finite_number(value) and value == int(value):
        return int(value)
    if wanted in (str, bool) and isinstance(value, wanted):
        return value
    if wanted in _WORDS:
        raise UserError(f"parameter '{name}' is {value!r}; expected {_WORDS[wanted]}")
    return _read_untyped(name, value, num_classes)


def _read_untyped(name: str, value: Any, num_classes: int) -> Any:
    """Return a value whose field has another type, such as ``Any``, by its own form."""
    if isinstance(value, list):
        return _read_array(name, value, num_classes)
    if isinstance(value, float) and not is_finite_number(value):
        raise UserError(f"parameter '{name}' is {value!r}; expected a finite number")
    return value


def _read_array(name: str, value: Any, num_classes: int) -> Array:
    """Return a list of C finite numbers as float64 ``(C,)``."""
    if not isinstance(value, list):
        raise UserError(f"parameter '{name}' is {value!r}; expected a list of numbers")
    if len(value) != num_classes:
        raise UserError(
            f"parameter '{name}' has {len(value)} values; expected {num_classes}, one per class"
        )
    for index, item in enumerate(value):
        if not is_finite_number(item):
            raise UserError(
                f"parameter '{name}' has {item!r} at index {index}; expected a finite number"
            )
    return np.array(value, dtype=np.float64)


def _is_array(wanted: Any) -> bool:
    """Return True for ``np.ndarray`` and for every form of ``NDArray``."""
    origin = get_origin(wanted)
    # From NumPy 2.5 on, NDArray is an alias of Python 3.12, which holds the class in __value__.
    origin = get_origin(getattr(origin, "__value__", None)) or origin
    return np.ndarray in (wanted, origin)
