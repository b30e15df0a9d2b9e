"""Prediction with a finished run, or with CLIP and classes of one's own, without a data set."""

import importlib.util
import sys
from pathlib import Path

_PROJECT = Path(__file__).resolve().parents[1]
_NEEDED = (
    "core", "datasets", "models", "losses", "evaluation", "reports", "engine", "trainers", "tools",
)  # fmt: skip


def _check_packages() -> None:
    """Raise :class:`ImportError` where Python has another package under a name of this project."""
    for name in _NEEDED:
        file = _file_of(name)
        if file != _PROJECT / name / "__init__.py":
            raise ImportError(
                f"the package '{name}' is {file or 'one without a file'}, not that of IntCLIP. Put "
                f"the folder of IntCLIP first on Python's path, sys.path.insert(0, '{_PROJECT}'), "
                f"and import predict before everything that imports another '{name}'"
            )


def _file_of(name: str) -> Path | None:
    """Return the file of a package, imported already or not."""
    if name in sys.modules:
        file = getattr(sys.modules[name], "__file__", None)
    else:
        spec = importlib.util.find_spec(name)
        file = spec.origin if spec else None
    return Path(file).resolve() if file else None


_check_packages()
