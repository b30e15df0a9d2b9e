"""Archives of NumPy arrays, such as ``scores_test.npz`` of a run."""

import tokenize
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import UserError

from ..metrics import Array
from .data import Predictions, name_some, shorten
from .wide_csv import IMAGE_HEADINGS

IMAGE_KEYS = ("images", "filenames", "file_names", "image_names", "names", "paths", *IMAGE_HEADINGS)
CLASS_KEYS = ("classes", "class_names", "classnames")
# RuntimeError: an encrypted archive or an unknown compression; MemoryError: a damaged shape.
# NumPy reads the header of an array as Python, so a damaged one also has Python's errors.
DAMAGES = (
    zlib.error,
    RuntimeError,
    MemoryError,
    OverflowError,
    ValueError,
    SyntaxError,
    tokenize.TokenError,
    TypeError,
)


def read_npz(path: Path) -> Predictions:
    """Read ``scores`` ``(N, K)`` and, if they are there, ``images``, ``classes`` and ``labels``.

    Raises:
        UserError: as :func:`load_arrays`, names are given twice, or an array has another shape or
            type.
    """
    known = (*IMAGE_KEYS, *CLASS_KEYS, "labels")
    arrays = load_arrays(path, ("scores",), optional=known)
    scores = arrays["scores"]
    if scores.ndim != 2 or scores.dtype.kind not in "fiu":
        raise UserError(
            f"{path}: 'scores' is {scores.dtype} {scores.shape}; expected numbers (images, classes)"
        )
    images = read_names(path, arrays, _key(path, arrays, IMAGE_KEYS), scores.shape[0])
    classes = read_names(path, arrays, _key(path, arrays, CLASS_KEYS), scores.shape[1])
    labels = arrays.get("labels")
    if labels is not None and (labels.shape != scores.shape or labels.dtype.kind not in "bfiu"):
        labels = None
    with np.load(path, allow_pickle=False) as content:
        left_out = [name for name in content.files if name not in ("scores", *known)]
    return Predictions(
        scores.astype(np.float64),
        images,
        classes,
        source=str(path),
        labels=labels,
        left_out=left_out,
    )


def _key(path: Path, arrays: Mapping[str, Array], keys: Sequence[str]) -> str:
    """Return the key of an array of names, or the first of ``keys`` if there is none.

    Raises:
        UserError: there are several.
    """
    found = [key for key in keys if key in arrays]
    if len(found) > 1:
        raise UserError(f"{path}: {name_some(found)} have the same meaning; leave one of them")
    return found[0] if found else keys[0]


def load_arrays(
    path: Path, names: Sequence[str], *, optional: Sequence[str] = ()
) -> dict[str, Array]:
    """Return the arrays ``names`` of an archive, and those of ``optional`` that it has.

    Other arrays are left out. Pickled content is refused, because it can run code.

    Raises:
        UserError: the file cannot be read or is damaged, or an array of ``names`` is missing.
    """
    try:
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.ndarray):
            raise UserError(f"{path} is a single array (.npy); expected an archive of np.savez")
        with content:
            missing = [name for name in names if name not in content.files]
            if missing:
                found = name_some(sorted(content.files)) or "nothing"
                raise UserError(f"{path} has no array {name_some(missing)}; found: {found}")
            wanted = [name for name in (*names, *optional) if name in content.files]
            return {name: _array(path, content[name], name) for name in wanted}
    except UserError:
        raise
    except EOFError:
        raise UserError(f"{path} is empty") from None
    except (OSError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or shorten(error)
        raise UserError(f"cannot read {path}: {reason}") from None
    except DAMAGES as error:
        if "pickle" in str(error):
            raise UserError(
                f"{path} holds pickled objects or is no archive of np.savez; expected arrays of "
                "numbers and of text (dtype str)"
            ) from None
        raise UserError(f"{path} is broken: {shorten(error)}") from None


def _array(path: Path, member: Any, name: str) -> Array:
    """Return a member of an archive; NumPy gives the bytes of one that is no array."""
    if not isinstance(member, np.ndarray):
        raise UserError(f"{path}: '{name}' is no NumPy array; expected an archive of np.savez")
    return member


def read_names(path: Path, arrays: Mapping[str, Array], key: str, count: int) -> list[str] | None:
    """Return an array of names as a list; None if there is none.

    Args:
        path: file of the arrays, for errors.
        arrays: arrays of the archive.
        key: name of the array.
        count: expected number of names.

    Raises:
        UserError: the array is not text ``(count,)``.
    """
    if key not in arrays:
        return None
    names = arrays[key]
    if names.ndim != 1 or names.dtype.kind not in "US":
        raise UserError(f"{path}: '{key}' is {names.dtype} {names.shape}; expected text (n,)")
    if len(names) != count:
        raise UserError(f"{path}: '{key}' has {len(names)} names; expected {count}, as in 'scores'")
    if names.dtype.kind == "S":  # bytes, as h5py gives them
        try:
            names = np.char.decode(names, "utf-8")
        except UnicodeDecodeError:
            raise UserError(f"{path}: '{key}' is not text in UTF-8") from None
    try:
        return names.tolist()
    except (SystemError, ValueError):  # a number that is no character; the class is Python's choice
        raise UserError(f"{path}: '{key}' is not valid text") from None
