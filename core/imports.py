"""Import modules that a user names."""

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from core.errors import UserError, did_you_mean
from core.files import PROJECT

PACKAGES = ("core", "datasets", "models", "losses", "evaluation", "engine", "trainers")
OURS = [Path(os.__file__).resolve().parent, *(PROJECT / name for name in PACKAGES)]


def import_modules(names: Sequence[str], *, folders: Sequence[Path] = ()) -> None:
    """Import the modules under ``IMPORTS``, which register classes and declare keys.

    Args:
        names: module names as ``import`` takes them, or paths of ``.py`` files.
        folders: where to look for them, after Python's own path and the current folder.

    Raises:
        UserError: a module is not found, it fails while it is imported, or another module has its
            name.
    """
    folders = [folder.resolve() for folder in (Path.cwd(), *folders)]
    for folder in folders:
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
    for name in names:
        try:
            if name.endswith(".py"):
                _import_file(name, folders)
            else:
                _import_name(name, folders)
        except UserError:
            raise
        except (Exception, SystemExit) as error:  # anything can happen in somebody's module
            raise UserError(
                f"IMPORTS names '{name}', which does not import: {_describe(error)}"
            ) from error


def _import_name(name: str, folders: Sequence[Path]) -> None:
    """Import a module by name; a file of that name in ``folders`` must be the one that is found."""
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:  # the module is there, and one that it imports is not
            raise
        stems = [file.stem for folder in folders for file in sorted(folder.glob("*.py"))]
        raise UserError(
            f"IMPORTS names '{name}', and there is no such module on Python's path, in the current "
            f"folder or beside the YAML files.{did_you_mean(name, stems)}"
        ) from error
    found = _file_of(module)
    files = [folder / f"{name.replace('.', '/')}.py" for folder in folders]
    files = [file.resolve() for file in files if file.is_file()]
    if files and found not in files:
        raise UserError(
            f"IMPORTS names '{name}', but Python finds {found} and not {files[0]}; rename the file"
        )


def _import_file(name: str, folders: Sequence[Path]) -> None:
    """Import a ``.py`` file once, under its name without the suffix."""
    places = [Path(name).expanduser(), *(folder / name for folder in folders)]
    found = [path.resolve() for path in places if path.is_file()]
    if not found:
        raise UserError(f"IMPORTS names '{name}', and there is no such file")
    module_name = found[0].stem
    known = sys.modules.get(module_name)
    if known is not None and _file_of(known) == found[0]:
        return  # a second import would register the same classes again
    if known is not None:
        raise UserError(
            f"IMPORTS names '{name}', but a module '{module_name}' is imported already; "
            "rename the file"
        )
    spec = importlib.util.spec_from_file_location(module_name, found[0])
    module = importlib.util.module_from_spec(spec)
    # Before the code runs, as Python does it: pickle and dataclasses look the module up there.
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise


def _describe(error: BaseException) -> str:
    """Return an exception in one line, with the place in the user's file that led to it.

    The quotes that KeyError puts around its message are left out.
    """
    message = error.args[0] if isinstance(error, KeyError) and error.args else error
    text = f"{type(error).__name__}: {' '.join(str(message).split())}"
    if isinstance(error, SystemExit):
        text = f"it ends the program (sys.exit({'' if error.code is None else repr(error.code)}))"
    place = _place_of(error)
    return f"{text} ({place})" if place else text


def _place_of(error: BaseException) -> str:
    """Return file and line of the last call in code that is neither ours nor a package's.

    Empty for a syntax error, whose message has both.
    """
    if isinstance(error, SyntaxError):
        return ""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if file.is_file() and not _is_library(file.resolve()):
            return f"{file}:{frame.lineno}"
    return ""


def _is_library(file: Path) -> bool:
    """Return True for a file of Python, of an installed package or of this project's packages."""
    return "site-packages" in file.parts or any(file.is_relative_to(place) for place in OURS)


def _file_of(module: object) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if file else None
