"""Functions of a user's own: the arguments that they accept, and their errors."""

import inspect
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from core.errors import UserError


def accepts(function: Callable[..., Any], argument: str) -> bool:
    """Return True if ``function`` can be called with the keyword ``argument``."""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == argument or parameter.kind is inspect.Parameter.VAR_KEYWORD:
            return True
    return False


@contextmanager
def failures_of(place: str) -> Iterator[None]:
    """Turn an error of code that may be a user's own into one line.

    Args:
        place: name and file of the function that runs within the context.

    Raises:
        UserError: the code fails; the message has the place, the error and its file and line. A
            ``UserError`` of the code passes as it is.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        line = traceback.extract_tb(error.__traceback__)[-1]
        raise UserError(
            f"{place} failed: {type(error).__name__}: {error} ({line.filename}:{line.lineno})"
        ) from error
