"""Import modules that a user names."""

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from core.errors import UserError


def import_modules(names: Sequence[str], *, folders: Sequence[Path] = ()) -> None:
    """Import the modules under ``IMPORTS``, which register classes and declare keys.

    Args:
        names: module names as in an ``import`` statement, or paths of ``.py`` files.
        folders: folders to search in addition to Python's path and the current folder.

    Raises:
        UserError: a module is not found, or its code raises an error.
    """
    for folder in (Path.cwd(), *folders):
        if str(folder.resolve()) not in sys.path:
            sys.path.append(str(folder.resolve()))
    for name in names:
        try:
            if name.endswith(".py"):
                _import_file(name, folders)
            else:
                importlib.import_module(name)
        except UserError:
            raise
        except Exception as error:  # the user's code can raise anything
            reason = " ".join(str(error).split())
            raise UserError(
                f"IMPORTS names '{name}', which does not import: {type(error).__name__}: {reason}"
            ) from error


def _import_file(name: str, folders: Sequence[Path]) -> None:
    """Import a ``.py`` file once, under its name without the suffix."""
    places = [Path(name).expanduser(), *(folder / name for folder in folders)]
    found = [path for path in places if path.is_file()]
    if not found:
        raise UserError(f"IMPORTS names '{name}', and there is no such file")
    module_name = found[0].stem
    known = sys.modules.get(module_name)
    if known is not None:
        known_file = Path(getattr(known, "__file__", None) or "")
        # A second import would register the same classes again.
        if known_file.resolve() == found[0].resolve():
            return
        raise UserError(
            f"IMPORTS names '{name}', but a module '{module_name}' is imported already; rename "
            "the file"
        )
    spec = importlib.util.spec_from_file_location(module_name, found[0])
    module = importlib.util.module_from_spec(spec)
    # Before the code runs, as Python does it: pickle and dataclasses look the module up there.
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
