"""Draw a val split from train, so that each class keeps its share of the images."""

from collections.abc import Sequence

import numpy as np

from core.config import Key, declare

declare(
    "DATASET",
    Key(
        "VAL_PERCENT",
        0.1,
        "share of train, as a fraction, that becomes val where the data set has no val split",
        low=0.0,
        high=0.9,
    ),
    Key(
        "SPLIT_SEED",
        0,
        "seed of a drawn val split and of drawn folds; not the run's, so that all runs of a method "
        "have the same images",
        low=0,
    ),
)


def files_needed(splits: Sequence[str]) -> dict[str, bool]:
    """Return which splits' files are needed by a data set without a val split: train and test.

    Val is drawn from train, so it needs the files of train.

    Args:
        splits: splits that are read.
    """
    return {"train": "train" in splits or "val" in splits, "test": "test" in splits}


def draw_val(groups: Sequence[str], labels: np.ndarray, *, share: float, seed: int) -> np.ndarray:
    """Return which images go to val.

    Rare classes come first: each gets the next image of a random order until its share is in val.
    A class with at least two images has one in val and one in train, unless they are also images of
    rarer classes. Images of one group stay together.

    Args:
        groups: N keys; images with the same key, such as crops of one file, are a group.
        labels: (N, C), positive above 0.5.
        share: wanted share of val, from 0 to 1.
        seed: of the random order.

    Returns:
        bool (N,), True for val.
    """
    keys, group_of = np.unique(np.asarray(groups), return_inverse=True)
    positive = np.zeros((len(keys), labels.shape[1]), dtype=bool)  # (G, C)
    np.logical_or.at(positive, group_of, labels > 0.5)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(keys))
    chosen = _draw_groups(positive[order], share)
    val = np.zeros(len(keys), dtype=bool)
    val[order] = chosen
    return val[group_of]


def _draw_groups(positive: np.ndarray, share: float) -> np.ndarray:
    """Return bool (G,) for groups in random order with classes (G, C)."""
    val = np.zeros(len(positive), dtype=bool)
    is_open = np.ones(len(positive), dtype=bool)
    counts = positive.sum(axis=0)
    for c in np.argsort(counts, kind="stable"):
        members = positive[:, c]
        wanted = _quota(int(counts[c]), share) - int((val & members).sum())
        candidates = np.flatnonzero(members & is_open)
        val[candidates[: max(wanted, 0)]] = True
        is_open[candidates] = False
    rest = np.flatnonzero(is_open)  # without a positive class
    val[rest[: round(share * len(rest))]] = True
    if not val.any() and len(val) > 1 and share > 0:
        val[0] = True
    return val


def _quota(count: int, share: float) -> int:
    """Return how many of ``count`` images go to val."""
    if count < 2 or share <= 0:
        return 0
    return min(max(round(share * count), 1), count - 1)
