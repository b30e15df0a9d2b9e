"""Read a predictions file; the suffix of its name tells the format."""

import zipfile
from collections.abc import Callable
from pathlib import Path

from core.errors import UserError

from .data import Predictions, shorten
from .json_lines import read_json_lines
from .npz import read_npz
from .wide_csv import read_csv

READERS: dict[str, Callable[[Path], Predictions]] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".json": read_json_lines,
    ".npz": read_npz,
}


def read_predictions(path: str | Path) -> Predictions:
    """Read the scores of a model from a file.

    Formats, by suffix:

    - ``.csv``, ``.tsv``: a row per image, with its name and one column per class; also
      ``predictions.csv`` of a run. Delimiters are comma, semicolon and tab.
    - ``.jsonl``, ``.ndjson``, ``.json``: an object per line, ``{"image": NAME, CLASS: SCORE, ...}``
      or ``{"image": NAME, "scores": {CLASS: SCORE, ...} or [SCORE, ...]}``; or one list of them.
    - ``.npz``: ``scores`` ``(N, K)``, optional ``images`` ``(N,)`` and ``classes`` ``(K,)``.

    Args:
        path: the file.

    Raises:
        UserError: the file cannot be read, has another format, or is broken; one line that names
            the file and the place.
    """
    path = Path(path).expanduser()
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(
            f"cannot read {path}: its suffix is '{path.suffix}'; accepted: {', '.join(READERS)}"
        )
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "no regular file"
        raise UserError(f"cannot read {path}: it is {kind}")
    try:
        predictions = reader(path)
    except UnicodeDecodeError:
        raise UserError(f"{path} is not text in UTF-8") from None
    except (OSError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or shorten(error)
        raise UserError(f"cannot read {path}: {reason}") from None
    rows, columns = predictions.scores.shape
    if not rows or not columns:
        raise UserError(f"{path} has no scores; expected a row per image and a column per class")
    return predictions
