"""Predictions as an archive of NumPy arrays, such as ``scores_test.npz`` of a run."""

import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from core.errors import UserError

from ..metrics import Array
from .data import Predictions, name_some, shorten

ARRAYS = ("scores", "images", "classes")

# RuntimeError: an encrypted archive or an unknown compression; MemoryError: a damaged shape.
DAMAGES = (zlib.error, RuntimeError, MemoryError, OverflowError)


def read_npz(path: Path) -> Predictions:
    """Read ``scores`` ``(N, K)`` and, if they are there, ``images`` ``(N,)`` and ``classes``.

    Other arrays are left out. Pickled content is refused, because it can run code.

    Raises:
        UserError: an array is missing, pickled, or has another shape or type.
        OSError: the file cannot be read.
    """
    arrays = _load(path)
    scores = arrays["scores"]
    if scores.ndim != 2 or scores.dtype.kind not in "fiu":
        raise UserError(
            f"{path}: 'scores' is {scores.dtype} {scores.shape}; expected numbers (images, classes)"
        )
    images = _names(path, arrays, "images", scores.shape[0])
    classes = _names(path, arrays, "classes", scores.shape[1])
    return Predictions(scores.astype(np.float64), images, classes, source=str(path))


def _load(path: Path) -> dict[str, Array]:
    """Return the arrays of the archive that are read; ``scores`` is among them."""
    try:
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.ndarray):
            raise UserError(f"{path} is a single array (.npy); expected an archive of np.savez")
        with content:
            if "scores" not in content.files:
                found = name_some(sorted(content.files)) or "nothing"
                raise UserError(f"{path} has no array 'scores'; found: {found}")
            return {name: content[name] for name in ARRAYS if name in content.files}
    except UserError:
        raise
    except EOFError:
        raise UserError(f"{path} is empty") from None
    except ValueError as error:
        if "pickle" in str(error):
            raise UserError(
                f"{path} holds pickled objects or is no archive of np.savez; expected arrays of "
                "numbers and of text (dtype str)"
            ) from None
        raise UserError(f"{path} is broken: {shorten(error)}") from None
    except DAMAGES as error:
        raise UserError(f"{path} is broken: {shorten(error)}") from None


def _names(path: Path, arrays: Mapping[str, Array], key: str, count: int) -> list[str] | None:
    """Return an array of names as a list; None if the archive has none."""
    if key not in arrays:
        return None
    names = arrays[key]
    if names.ndim != 1 or names.dtype.kind not in "US":
        raise UserError(f"{path}: '{key}' is {names.dtype} {names.shape}; expected text (n,)")
    if len(names) != count:
        raise UserError(f"{path}: '{key}' has {len(names)} names; 'scores' has {count} {key}")
    if names.dtype.kind == "S":  # bytes, as h5py gives them
        names = np.char.decode(names, "utf-8")
    return names.tolist()
