"""Values of single cells: numbers, lists of labels, splits."""

import ast
import io
import json
import math
import re
import tokenize
import unicodedata
from collections.abc import Iterable
from typing import Any

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
YES, NO = ("true", "yes", "wahr", "vrai"), ("false", "no", "falsch", "faux")  # as sheets write
UNKNOWN_TEXTS = ("", "nan", "na", "n/a", "null", "none")  # as pandas and R write a missing number
LIST = re.compile(r"\[.*\]|\{.*\}", re.DOTALL)
CALL = re.compile(r"(array|set|frozenset|tuple|list|Index|Series)\(")  # as Python shows a value
QUOTED = r"('[^'|;]*'|\"[^\"|;]*\")"
QUOTED_NAMES = re.compile(rf"{QUOTED}(\s*,\s*{QUOTED})*")
# Zero-width space, word joiner, mark of the byte order; a space that does not break is one.
INVISIBLE = {0x200B: None, 0x2060: None, 0xFEFF: None, 0xA0: " "}
SHOWN = 60  # characters of a value in an error


class NotAList(ValueError):
    """A cell that looks like a list of labels and is none."""


def same_form(text: str) -> str:
    """Return text in which names that look the same are the same (``é`` has two forms)."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", text.translate(INVISIBLE))


def case_pairs(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return the pairs of names that differ in case alone, the first one of each first."""
    first: dict[str, str] = {}
    pairs = []
    for name in names:
        other = first.setdefault(name.casefold(), name)
        if other != name:
            pairs.append((other, name))
    return pairs


def shown(value: Any) -> str:
    """Return a value for an error, shortened."""
    text = str(value)
    if len(text) > SHOWN:
        text = text[:SHOWN] + "..."
    return f"'{text}'"


def is_empty(cell: Any) -> bool:
    """Return True for a cell without content."""
    return cell is None or cell == ""


def read_value(cell: Any, *, decimal_comma: bool = False) -> float | None:
    """Return the number of a cell of a class column, NaN if it is empty, None if it is no number.

    ``True``, ``yes`` and their opposites count as 1 and 0.

    Args:
        cell: text, or a value of JSON.
        decimal_comma: ``0,7`` is a number, as spreadsheets write it in many languages.
    """
    if isinstance(cell, bool):
        return float(cell)
    if cell is None:
        return math.nan
    if isinstance(cell, int | float):
        try:
            return float(cell)
        except OverflowError:  # a whole number of hundreds of digits
            return math.inf
    if not isinstance(cell, str):
        return None
    text = cell.strip().lower()
    if text in UNKNOWN_TEXTS:
        return math.nan
    if text in YES or text in NO:
        return float(text in YES)
    if decimal_comma:
        text = text.replace(",", ".", 1)
    if NUMBER.fullmatch(text):
        return float(text)
    return None


def is_label_value(value: float | None) -> bool:
    """Return True for a value that a class column may hold: 0 to 1, -1, or NaN for unknown."""
    if value is None:
        return False
    return math.isnan(value) or value == -1 or 0 <= value <= 1


def label_text(value: Any) -> str:
    """Return one label as text.

    Raises:
        NotAList: the value is neither text nor a whole number.
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise NotAList(f"holds {shown(value)}; expected names of classes")


def read_labels(cell: Any) -> tuple[str, ...] | None:
    """Return the labels of a cell that holds a list, None if it holds other text.

    Accepted are lists of JSON and Python, also in round brackets or without brackets around
    quoted names, and ``{"choices": [...]}`` as Label Studio writes it.

    Raises:
        NotAList: the cell looks like a list and cannot be read as one.
    """
    if isinstance(cell, str):
        text = cell.strip()
        if not _looks_like_list(text):
            return None
        if text.startswith(('{"', "{'")) and not text.startswith('{"choices"'):
            raise NotAList(f"is {shown(text)}; expected names of classes, not an object")
        if not text.startswith('{"') and (text.startswith("{") or CALL.match(text)):
            raise NotAList(f"is {shown(text)}; expected a list such as ['a', 'b']")
        cell = read_literal(text)
    if isinstance(cell, dict):
        cell = cell.get("choices")
    if isinstance(cell, str):
        cell = [cell]
    if not isinstance(cell, list | tuple):
        return None
    labels = [label_text(value) for value in cell]
    return tuple(label for label in labels if label)


def _looks_like_list(text: str) -> bool:
    """Return True for brackets of any kind, quoted names, and forms such as ``array(['a'])``.

    A name in round brackets alone, such as ``(other)``, is a name.
    """
    if LIST.fullmatch(text) or CALL.match(text):
        return True
    if QUOTED_NAMES.fullmatch(text) or text == "()":
        return True
    return text.startswith("(") and text.endswith(")") and ("," in text or "'" in text)


def read_literal(text: str) -> Any:
    """Return the value of a JSON or Python literal.

    Raises:
        NotAList: the text is none.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise NotAList(f"is {shown(text)}; expected a list such as ['a', 'b']") from None
    if _has_adjacent_strings(text):
        # Python joins 'a' 'b' to 'ab'. NumPy writes its arrays like that.
        raise NotAList(f"is {shown(text)}; expected commas between the labels")
    return value


def _has_adjacent_strings(text: str) -> bool:
    previous = None
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.STRING and previous == tokenize.STRING:
            return True
        if token.type != tokenize.NL:
            previous = token.type
    return False
