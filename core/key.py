"""One key of the configuration: its type and range, and the check of a value against them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from core.errors import OWN_NAME, did_you_mean

Choices = Iterable[str] | Callable[[], Iterable[str]]


@dataclass(frozen=True)
class Key:
    """One key of the configuration.

    Attributes:
        name: name within the section, such as ``ALPHA``.
        default: value where nothing is set; its type is the accepted type.
        help: meaning and unit, for the documentation.
        choices: accepted values, or a function that returns them (the names of a registry); for a
            list, the accepted values of each element.
        low: smallest accepted number.
        high: largest accepted number.
        length: required number of elements of a list.
        elements: type of the elements of a list, such as ``int``; None: that of the first element
            of the default, and ``str`` if the default is empty.
        hint: returns a sentence about a text that is none of the choices, for the error; it may be
            empty.
        may_change: a resumed run may set another value. True only for paths, speed and output;
            False for everything that the numbers of a run depend on.
        section: section of the key; :func:`declare` fills it in.
        owner: module that declares the key; :func:`declare` fills it in.
    """

    name: str
    default: Any
    help: str
    choices: Choices = ()
    low: float | None = None
    high: float | None = None
    length: int | None = None
    elements: type | None = None
    hint: Callable[[str], str] | None = None
    may_change: bool = False
    section: str = ""
    owner: str = ""

    @property
    def full_name(self) -> str:
        """The dotted name in the tree."""
        return f"{self.section}.{self.name}" if self.section else self.name

    @property
    def element_type(self) -> type:
        """The accepted type of the elements of a list."""
        if self.elements is not None:
            return self.elements
        return type(self.default[0]) if self.default else str

    def bounds(self) -> list[str]:
        """Return the smallest and the largest accepted number in words, as far as there are."""
        bounds = []
        if self.low is not None:
            bounds.append(f"at least {self.low:g}")
        if self.high is not None:
            bounds.append(f"at most {self.high:g}")
        return bounds

    def accepted(self) -> tuple[str, ...]:
        """Return the accepted values at this moment; empty where any value of the type is one."""
        choices = self.choices() if callable(self.choices) else self.choices
        return tuple(choices)


def check_declaration(key: Key) -> None:
    """Check a key when it is declared.

    Args:
        key: the key, with its section.

    Raises:
        TypeError: the default, or the type of its elements, cannot be read from YAML.
        ValueError: the name is not in capitals, or the key does not accept its own default.
    """
    name, default = key.full_name, key.default
    if not isinstance(default, bool | int | float | str | tuple | list):
        raise TypeError(f"key {name}: a default must be a bool, number, text or list")
    if key.elements not in (None, int, float, str):
        raise TypeError(f"key {name}: elements must be int, float or str")
    if not all(part.isidentifier() for part in name.split(".")) or name != name.upper():
        raise ValueError(f"key {name}: names and sections are words in capitals: {name.upper()}")
    fault = fault_of(default, key) or _default_fault(key)
    if fault and default not in ("", (), []):
        raise ValueError(f"key {name}: the default {default!r} is not accepted; accepted: {fault}")


def _default_fault(key: Key) -> str | None:
    """Return the accepted values if the default is none of the fixed choices."""
    if callable(key.choices) or not key.choices:  # a registry may be empty at this moment
        return None
    values = key.default if isinstance(key.default, tuple | list) else (key.default,)
    return None if set(values) <= set(key.choices) else ", ".join(map(str, key.choices))


def describe_fault(raw: Any, value: Any, key: Key) -> str | None:
    """Return the error line of a value that ``key`` does not accept, None if it is accepted.

    Args:
        raw: the value as the user wrote it.
        value: the decoded value.
        key: the key.
    """
    expected = fault_of(value, key)
    if expected is None:
        return None
    hint = did_you_mean(str(raw), key.accepted())
    if key.hint is not None:
        hint += key.hint(str(raw))
    elif callable(key.choices):  # the names of a registry
        hint += OWN_NAME
    return f"{key.full_name} is {raw!r}; accepted: {expected}.{hint}"


def fault_of(value: Any, key: Key) -> str | None:
    """Return a text for the values that ``key`` accepts, None if ``value`` is one of them."""
    return _type_fault(value, key) or _range_fault(value, key)


def _type_fault(value: Any, key: Key) -> str | None:
    """Return a text for the expected type, None if ``value`` has it."""
    default = key.default
    if isinstance(default, bool):
        return None if isinstance(value, bool) else "True or False"
    if isinstance(default, tuple | list):
        return _list_fault(value, key.element_type)
    kinds = {float: (int, float), int: (int,), str: (str,)}
    names = {float: "a number", int: "a whole number", str: "text"}
    # In Python a bool is an int, but True is no number of epochs.
    if isinstance(value, kinds[type(default)]) and not isinstance(value, bool):
        return None
    return names[type(default)]


def _list_fault(value: Any, kind: type) -> str | None:
    if not isinstance(value, tuple | list):
        return "a list, as in [a, b]"
    number = int | float if kind is float else kind
    names = {float: "numbers", int: "whole numbers", str: "texts"}
    for element in value:
        if not isinstance(element, number) or isinstance(element, bool):
            return f"a list of {names[kind]}"
    return None


def _range_fault(value: Any, key: Key) -> str | None:
    """Return a text for the accepted values, None if ``value`` is one of them."""
    values = value if isinstance(value, tuple | list) else (value,)
    if key.length is not None and len(values) != key.length:
        return f"{key.length} values"
    accepted = key.accepted()
    # The default is accepted even where the choices lack it: an empty TRAINER.NAME, for example.
    if accepted and value != key.default and not set(values) <= set(accepted):
        return ", ".join(map(str, accepted))
    for number in values:
        if isinstance(number, int | float) and not _in_range(number, key):
            return f"a number {' and '.join(key.bounds())}".rstrip()
    return None


def _in_range(number: float, key: Key) -> bool:
    if number != number:  # NaN
        return False
    above = key.low is None or number >= key.low
    below = key.high is None or number <= key.high
    return above and below
