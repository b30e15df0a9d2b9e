"""Predictions as they are in a file, and in the order of a split.

N: images, K: columns of the file, C: classes of the data set.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..metrics import Array

MAX_NAMED = 5  # images or classes that a message names; more are counted


@dataclass(frozen=True, eq=False)
class Predictions:
    """Content of a predictions file.

    Attributes:
        scores: ``(N, K)`` float64; NaN where the file has an empty cell or null.
        images: N image names; None if the file has none.
        classes: K names of the columns; None if the file has none.
        source: name of the file, for messages.
        labels: ``(N, K)`` labels, where the file has them.
        left_out: names of further arrays of the file.
    """

    scores: Array
    images: Sequence[str] | None = None
    classes: Sequence[str] | None = None
    source: str = "the predictions"
    labels: Array | None = None
    left_out: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class MatchedPredictions:
    """Scores in the order of a split.

    Attributes:
        scores: ``(N, C)`` float64, all finite.
        parents: level -> group -> scores ``(N,)`` of the groups of the hierarchy that have a
            column; empty if the file scores classes only.
        notes: sentences about how images or classes were matched, for the log.
        images: N image names of the split, for messages.
        names: C class names, for messages.
        source: name of the file, for messages.
        labels: ``(N, C)`` labels, where the file has them.
    """

    scores: Array
    parents: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    images: Sequence[str] = ()
    names: Sequence[str] = ()
    source: str = "the predictions"
    labels: Array | None = None


def name_some(items: Sequence[str]) -> str:
    """Return the first items in quotation marks and the number of the others, in one line."""
    # repr, because a name may hold a line end.
    quoted = [f"{item!r:.120}" for item in items[:MAX_NAMED]]
    text = ", ".join(quoted)
    if len(items) > MAX_NAMED:
        text += f" and {len(items) - MAX_NAMED:,} more"
    return text


def shorten(error: BaseException) -> str:
    """Return the text of an error in one line of at most 200 characters."""
    # The text may quote bytes of a damaged file.
    return " ".join(str(error).split())[:200]


def number_of(items: Sequence[str], one: str, many: str) -> str:
    """Return the count in words, such as ``1 image is`` or ``1,217 images are``."""
    if len(items) == 1:
        return f"1 {one}"
    return f"{len(items):,} {many}"
