"""User-facing errors, with suggestions for the nearest valid value."""

import difflib
from collections.abc import Iterable, Sequence


class UserError(ValueError):
    """A mistake in the configuration, a path or a file; users see the message without traceback."""


def printable(text: str) -> str:
    """Return text in one line: line breaks and control signs, as of a file name, are escaped."""
    shown = []
    for sign in text:
        shown.append(sign if sign.isprintable() else sign.encode("unicode_escape").decode())
    return "".join(shown)


def first_names(names: Sequence[str], most: int = 5) -> str:
    """Return the first names, and how many more there are: ``a, b and 3 more``."""
    text = ", ".join(names[:most])
    if len(names) > most:
        text += f" and {len(names) - most} more"
    return text


def did_you_mean(name: str, accepted: Iterable[str]) -> str:
    """Return the suggestion `` Did you mean 'x'?``, or an empty text if nothing is near.

    Args:
        name: the value that is not accepted; upper and lower case count as equal.
        accepted: the accepted values.
    """
    by_lower_case = {}
    for candidate in map(str, accepted):
        by_lower_case[candidate.lower()] = candidate
    nearest = difflib.get_close_matches(str(name).lower(), list(by_lower_case), n=1, cutoff=0.6)
    if not nearest:
        return ""
    return f" Did you mean '{by_lower_case[nearest[0]]}'?"


def not_accepted(what: str, value: object, accepted: Iterable[str]) -> str:
    """Return an error line that names the value, the accepted values and the nearest of them.

    Args:
        what: key or kind of the value, such as ``TRAINER.NAME``.
        value: the value that is not accepted.
        accepted: the accepted values.

    Example:
        ``TRAINER.NAME is 'IntCLlP'; accepted: DualCoOp, IntCLIP. Did you mean 'IntCLIP'?``
    """
    names = sorted(map(str, accepted))
    return f"{what} is '{value}'; accepted: {', '.join(names)}.{did_you_mean(str(value), names)}"


OWN_NAME = " A name of your own needs its module in IMPORTS."


def not_registered(what: str, value: object, registered: Iterable[str]) -> str:
    """Return :func:`not_accepted` for a name that a user's own module may register."""
    return not_accepted(what, value, registered) + OWN_NAME
