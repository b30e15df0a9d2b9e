"""Read pickle files of others without running code: containers, numbers, text and NumPy arrays."""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import UserError

# A pickle names functions that are called while it is read; only these may be named.
_ALLOWED = {
    ("builtins", "dict"),
    ("builtins", "frozenset"),
    ("builtins", "int"),
    ("builtins", "list"),
    ("builtins", "set"),
    ("_codecs", "encode"),  # bytes in old pickles
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
}
_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_ALLOWED_MULTIARRAY = ("_reconstruct", "scalar")
_FAULTS = (
    pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, KeyError, TypeError,
    ValueError, OverflowError, MemoryError,
)  # fmt: skip


class _Unpickler(pickle.Unpickler):
    """Refuse every name that is not in the list above."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "__builtin__":  # Python 2
            module = "builtins"
        if module in _MULTIARRAY and name in _ALLOWED_MULTIARRAY:
            # The old place of NumPy 1 gives a warning in NumPy 2.
            return _multiarray(name)
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is not allowed")
        return super().find_class(module, name)


def _multiarray(name: str) -> Any:
    core = getattr(np, "_core", None) or np.core
    return getattr(core.multiarray, name)


def read_pickle(path: Path) -> Any:
    """Return the content of a pickle file.

    Raises:
        UserError: the file is missing or broken, or holds something else than containers, numbers,
            text and NumPy arrays.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    return _unpickle(path, io.BytesIO(data))


def _unpickle(path: Path, file: Any) -> Any:
    try:
        return _Unpickler(file, encoding="latin1").load()
    except _FAULTS as error:
        raise UserError(f"{path} is no pickle of lists and numbers: {error}") from None


def read_array(path: Path) -> np.ndarray:
    """Return the array of an ``.npy`` file, mapped into memory where its type allows it.

    Raises:
        UserError: the file is missing or broken, or holds objects other than text and numbers.
    """
    try:
        with open(path, "rb") as file:
            version = np.lib.format.read_magic(file)
            read_header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }.get(version)
            if read_header is None:
                return np.load(path, mmap_mode="r", allow_pickle=False)
            shape, _, dtype = read_header(file)
            if not dtype.hasobject:
                return np.load(path, mmap_mode="r", allow_pickle=False)
            array = _unpickle(path, file)
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise UserError(f"{path} is no array of NumPy: {error}") from None
    return np.asarray(array).reshape(shape)
