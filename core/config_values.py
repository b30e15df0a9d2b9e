"""Decode the raw value of a key, and name the nearest key of a misspelt one."""

import ast
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from core.config import Key, declared_keys, keys_of
from core.errors import did_you_mean

KEY_WITH_VALUE = re.compile(r"([A-Z][A-Z0-9_.]*)=(.*)", re.DOTALL)


def divide_pairs(words: Sequence[Any], faults: list[str]) -> list[tuple[Any, Any]]:
    """Return the KEY VALUE pairs of the command line; ``KEY=VALUE`` is a pair, and a fault.

    Args:
        words: as they are given.
        faults: faults are added.
    """
    pairs = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        both = KEY_WITH_VALUE.fullmatch(str(word))
        if both:
            key, value = both[1], both[2] or (rest.pop(0) if rest else "VALUE")
            faults.append(
                f"KEY VALUE pairs: '{word}' has '=' in place of a space; write "
                f"{key} {shlex.quote(str(value))} (given on the command line)"
            )
            pairs.append((key, value))
        elif rest:
            pairs.append((word, rest.pop(0)))
        else:
            faults.append(f"KEY VALUE pairs: '{word}' has no value (given on the command line)")
    return pairs


def decode(raw: Any, key: Key) -> Any:
    """Return the value that ``raw`` stands for; unchanged where it cannot be read.

    Args:
        raw: value as YAML or the command line gives it, often a text.
        key: key of the value, whose default has the expected type.
    """
    # YAML reads a bare ``on`` or ``off`` as a boolean.
    if isinstance(raw, bool) and {"on", "off"} & set(key.accepted()):
        return "on" if raw else "off"
    return decode_as(raw, key.default)


def convert(value: Any, key: Key) -> Any:
    """Return an accepted value in exactly the type of the key's default."""
    if isinstance(key.default, float):
        return float(value)
    if isinstance(key.default, tuple | list):
        return type(key.default)(value)
    return value


def decode_as(raw: Any, default: Any) -> Any:
    """Read a Python literal from a text, as yacs does, for a key with this default.

    Values of the command line are texts, and YAML reads ``4e-4`` as a text, too.
    """
    if isinstance(default, str):
        # YAML reads a name such as 101 as a number.
        return str(raw) if isinstance(raw, int | float) else raw
    if not isinstance(raw, str):
        return raw
    text = raw.strip()
    if isinstance(default, bool) and text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        if isinstance(default, tuple | list) and text:
            return _split_words(text)
        return raw


def _split_words(text: str) -> tuple[str, ...]:
    """Return the words of a list without quotes, such as ``[a, b]`` or ``a,b``."""
    words = map(str.strip, text.strip("()[]").split(","))
    return tuple(filter(None, words))


def unknown_key(name: str) -> str:
    """Return the fault of a name that is no key: it is a group of keys, or the nearest key."""
    known = declared_keys()
    children = [k for k in known if k.startswith(f"{name}.")]
    if children:
        some = ", ".join(children[:3])
        return f"'{name}' is a group of keys ({some}, ...), not a key"
    return f"unknown key '{name}'.{_nearest_key(name, known)}"


def _nearest_key(name: str, known: Mapping[str, Key]) -> str:
    """Return the suggestion for an unknown key."""
    section, _, leaf = name.rpartition(".")
    # First a misspelt option of the same section,
    hint = did_you_mean(leaf, keys_of(section))
    if hint:
        return hint.replace("'", f"'{section}.", 1) if section else hint
    # then the same option in another section, then any similar name.
    for other in known:
        if other.rpartition(".")[2] == leaf:
            return f" Did you mean '{other}'?"
    return did_you_mean(name, known)
