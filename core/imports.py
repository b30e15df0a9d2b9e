"""Import modules that a user names."""

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from core.errors import UserError


def import_modules(names: Sequence[str], *, folders: Sequence[Path] = ()) -> None:
    """Import each module, so that what it registers and declares is known.

    Args:
        names: module names as ``import`` takes them, or paths of ``.py`` files.
        folders: where to look for them beside Python's own path and the current folder.

    Raises:
        UserError: a module is not found, or it fails while it is imported.
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
        except Exception as error:  # anything can happen in somebody's module
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
    if (
        known is not None
        and Path(getattr(known, "__file__", "") or "").resolve() == found[0].resolve()
    ):
        return
    if known is not None:
        raise UserError(
            f"IMPORTS names '{name}', but a module '{module_name}' is imported already; rename "
            "the file"
        )
    spec = importlib.util.spec_from_file_location(module_name, found[0])
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
