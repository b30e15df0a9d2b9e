"""Optional arguments: what a function of a user's own can be called with."""

import inspect
from collections.abc import Callable
from typing import Any


def accepts(function: Callable[..., Any], argument: str) -> bool:
    """Return True if ``function`` can be called with the keyword ``argument``."""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == argument or parameter.kind is inspect.Parameter.VAR_KEYWORD:
            return True
    return False
