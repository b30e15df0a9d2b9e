"""Import modules that a user names."""

import importlib
from collections.abc import Sequence

from core.errors import UserError


def import_modules(names: Sequence[str]) -> None:
    """Import each module, so that what it registers is known.

    Raises:
        UserError: a module that does not exist.
    """
    for name in names:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise UserError(f"IMPORTS names '{name}', which does not import: {error}") from error
