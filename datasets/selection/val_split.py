"""Draw a val split from train, so that each class keeps its share of the images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.config import Key, declare
from datasets.records import Record, image_names
from datasets.targets import positive_classes

FILE = "val_images.txt"  # in the output folder
CHECKPOINTS = "*/checkpoint"  # in an output folder: names the last checkpoint of a run

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


def val_groups(records: Sequence[Record], root: str | Path) -> list[str]:
    """Return the keys (N,) by which a val split is drawn; records of one file have the same.

    A key is the name in the annotation file of the first such record, so that the draw does not
    depend on where the files lie.
    """
    first: dict[str, str] = {}
    groups = []
    for record, name in zip(records, image_names(records, root), strict=True):
        groups.append(first.setdefault(record.impath, name))
    return groups


def read_kept(folder: str | Path, names: Sequence[str]) -> np.ndarray | None:
    """Return the val images of the run in an output folder, bool (N,), True for val.

    A run that resumes goes on with its own val split, also where a draw would differ today.

    Args:
        folder: output folder.
        names: N names of the training images before the draw.

    Returns:
        None where there is no run to resume, or where it had other images.
    """
    path = Path(folder) / FILE
    if not path.is_file() or not any(Path(folder).glob(CHECKPOINTS)):
        return None
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = set(lines)
    in_val = np.array([name in kept for name in names], dtype=bool)
    return in_val if lines and in_val.sum() == len(lines) else None


def draw_val(groups: Sequence[str], labels: np.ndarray, *, share: float, seed: int) -> np.ndarray:
    """Return which images go to val.

    Rare classes come first: each gets the next image of a random order until its share is in val.
    A class with at least two images has one in val and one in train, unless they are also images of
    rarer classes. Images of one group stay together.

    Args:
        groups: N keys; images with the same key, such as crops of one file, are a group.
        labels: (N, C); of soft targets :func:`datasets.targets.positive_classes` count.
        share: wanted share of val, from 0 to 1.
        seed: of the random order.

    Returns:
        bool (N,), True for val.
    """
    keys, group_of = np.unique(np.asarray(groups), return_inverse=True)
    positive = np.zeros((len(keys), labels.shape[1]), dtype=bool)  # (G, C)
    np.logical_or.at(positive, group_of, positive_classes(labels))
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
