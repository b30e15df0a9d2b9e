"""The scale of scores: probabilities from 0 to 1, as decision rules and calibration need them."""

from dataclasses import replace

import numpy as np

from core.errors import UserError

from ..logits import sigmoid
from ..metrics import Array
from .data import MatchedPredictions

ROUNDING = 1e-6  # how far float32 may carry a probability over 0 or 1


def as_probabilities(matched: MatchedPredictions, *, logits: bool = False) -> MatchedPredictions:
    """Return the predictions with scores from 0 to 1.

    Args:
        matched: finite scores.
        logits: the scores are logits, to which the sigmoid is applied (flag ``--logits``).

    Raises:
        UserError: a score is outside 0 to 1 and ``logits`` is False.
    """
    if logits:
        return _apply_sigmoid(matched)
    matched = _without_rounding(matched)
    _check_range(matched)
    for level, groups in matched.parents.items():
        for group, scores in groups.items():
            outside = scores[_outside(scores)]
            if len(outside):
                raise UserError(
                    f"{matched.source}: '{group}' ({level}) has scores outside 0 to 1, such as "
                    f"{outside[0]:g}; give --logits if they are logits"
                )
    return matched


def _without_rounding(matched: MatchedPredictions) -> MatchedPredictions:
    """Return the predictions with scores that rounding carried over 0 or 1 at that end.

    A softmax in float32 gives sums, and so single scores, of 1.0000001.
    """
    parents = {}
    for level, groups in matched.parents.items():
        parents[level] = {group: _clip_rounding(values) for group, values in groups.items()}
    return replace(matched, scores=_clip_rounding(matched.scores), parents=parents)


def _clip_rounding(scores: Array) -> Array:
    clipped = np.clip(scores, 0, 1)
    return np.where(np.abs(scores - clipped) <= ROUNDING, clipped, scores)


def _outside(scores: Array) -> Array:
    return (scores < 0) | (scores > 1)


def _check_range(matched: MatchedPredictions) -> None:
    outside = _outside(matched.scores)
    if not outside.any():
        return
    row, column = np.argwhere(outside)[0]
    raise UserError(
        f"{matched.source}: {int(outside.sum()):,} of {outside.size:,} scores are outside 0 to 1, "
        f"such as {matched.scores[row, column]:g} for image '{matched.images[row]}' and class "
        f"'{matched.names[column]}'; expected probabilities from 0 to 1: divide percent by 100, or "
        "give --logits if they are logits"
    )


def _apply_sigmoid(matched: MatchedPredictions) -> MatchedPredictions:
    """Return the sigmoid of all scores, with a note where it hides a difference or is doubtful."""
    notes = list(matched.notes)
    if not _outside(matched.scores).any():
        notes.append("All scores are within 0 to 1 already: --logits may be wrong")
    scores = sigmoid(matched.scores)
    if len(np.unique(scores)) < len(np.unique(matched.scores)):
        notes.append("Some logits are so large that the sigmoid makes them equal: their ranks tie")
    parents = {}
    for level, groups in matched.parents.items():
        parents[level] = {group: sigmoid(values) for group, values in groups.items()}
    return replace(matched, scores=scores, parents=parents, notes=notes)
