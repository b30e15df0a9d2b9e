"""The error a user's mistake ends in, and the words that help to mend it."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A mistake of the user (configuration, path, file): shown as its message alone, exit status 2."""


def did_you_mean(name: str, accepted: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest accepted name, or an empty string."""
    lowered = {str(a).lower(): str(a) for a in accepted}
    matches = difflib.get_close_matches(str(name).lower(), list(lowered), n=1, cutoff=0.5)
    return f" Did you mean '{lowered[matches[0]]}'?" if matches else ""


def not_accepted(what: str, value: object, accepted: Iterable[str]) -> str:
    """Return one line: what was given, what is accepted, and the nearest match."""
    names = sorted(str(a) for a in accepted)
    return f"{what} is '{value}'; accepted: {', '.join(names)}.{did_you_mean(str(value), names)}"
