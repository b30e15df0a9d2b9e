"""Packages that only an export needs; they are imported when they are used."""

import importlib
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from types import ModuleType

from core.errors import UserError

REQUIREMENTS = "requirements-export.txt"
ONNX_PACKAGES = ("onnx", "onnxruntime", "onnxscript")


def require_onnx() -> None:
    """Raise :class:`UserError` where a package of the ONNX export is missing."""
    missing = [name for name in ONNX_PACKAGES if find_spec(name) is None]
    if missing:
        raise UserError(
            f"the ONNX export needs {', '.join(missing)}; install: pip install -r {REQUIREMENTS}"
        )


def require_hub() -> None:
    """Raise :class:`UserError` where the client of Hugging Face is missing."""
    if find_spec("huggingface_hub") is None:
        raise UserError(
            "--push needs the client huggingface_hub; install: pip install huggingface_hub"
        )


def load(name: str) -> ModuleType:
    """Return an optional package; one of the functions above has checked that it is there."""
    return importlib.import_module(name)


def versions_of(*names: str) -> str:
    """Return names and versions of packages for people, such as ``torch 2.11.0, onnx 1.19.0``."""
    shown = []
    for name in names:
        try:
            shown.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            shown.append(f"{name} (missing)")
    return ", ".join(shown)
