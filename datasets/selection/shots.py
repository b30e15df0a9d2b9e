"""Few shots: a number of training images per class (CoOp's ``NUM_SHOTS``)."""

import numpy as np

from core.config import Key, declare
from datasets.targets import positive_classes

VAL_SHOTS = 4  # CoOp's limit for val

declare(
    "DATASET",
    Key("NUM_SHOTS", -1, "training images per class, drawn with the seed of the run; -1: all"),
    Key(
        "NUM_SHOTS_VAL",
        -1,
        "images of val per class with NUM_SHOTS; -1: as many as in train, at most 4, as CoOp does; "
        "0: all",
        low=-1,
    ),
)


def draw_shots(labels: np.ndarray, *, shots: int, generator: np.random.Generator) -> np.ndarray:
    """Return the drawn images, sorted.

    For each class ``shots`` of its images are drawn, or all if there are fewer. With several labels
    per image a drawn image also counts for its other classes, so that a frequent class can have
    more.

    Args:
        labels: (N, C); of soft targets :func:`datasets.targets.positive_classes` count.
        shots: images per class, at least 1.
        generator: random numbers.

    Returns:
        int64 indices without repetition.
    """
    positive = positive_classes(labels)
    drawn: set[int] = set()
    for c in range(labels.shape[1]):
        members = np.flatnonzero(positive[:, c])
        drawn.update(generator.permutation(members)[:shots].tolist())
    return np.array(sorted(drawn), dtype=np.int64)


def val_shots(shots: int, setting: int) -> int:
    """Return the shots of val for ``NUM_SHOTS_VAL``; 0: all images."""
    return min(shots, VAL_SHOTS) if setting < 0 else setting
