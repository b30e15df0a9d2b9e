"""Folds for data sets without an official split: train, val and test of one fold."""

from collections.abc import Sequence

import numpy as np
from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError
from core.seed import derive_seed
from datasets.records import Record

declare(
    "DATASET",
    Key(
        "FOLD",
        0,
        "fold of a data set without official split that is test, from 0; the next one is val",
        low=0,
    ),
    Key("NUM_FOLDS", 5, "number of folds of a data set without official split", low=3),
)

Splits = tuple[list[Record], list[Record], list[Record]]


def split_folds(records: Sequence[Record], cfg: CfgNode) -> Splits:
    """Return train, val and test: fold ``DATASET.FOLD`` is test, the next one val, the rest train.

    The folds are stratified by the strongest class and depend on ``DATASET.SPLIT_SEED`` and the
    order of the records only.

    Raises:
        UserError: there is no such fold, or there are fewer records than folds.
    """
    fold, count = cfg.DATASET.FOLD, cfg.DATASET.NUM_FOLDS
    if fold >= count:
        raise UserError(
            f"DATASET.FOLD is {fold}; accepted: 0 to {count - 1} (DATASET.NUM_FOLDS is {count})"
        )
    if len(records) < count:
        raise UserError(
            f"{len(records)} images cannot be divided into {count} folds; lower DATASET.NUM_FOLDS"
        )
    labels = np.stack([record.label for record in records])
    folds = draw_folds(labels, count=count, seed=cfg.DATASET.SPLIT_SEED)
    val_fold = (fold + 1) % count
    train, val, test = [], [], []
    for record, number in zip(records, folds, strict=True):
        split = {fold: test, val_fold: val}.get(int(number), train)
        split.append(record)
    return train, val, test


def draw_folds(labels: np.ndarray, *, count: int, seed: int) -> np.ndarray:
    """Return the fold (N,) of each image, int64 from 0.

    The images of a class are dealt to the folds in turn, in random order; the next class goes on
    where the last one ended, so that the folds differ by one image at most.

    Args:
        labels: (N, C); the class of an image is its largest label.
        count: number of folds.
        seed: of the random order.
    """
    generator = np.random.Generator(np.random.PCG64(derive_seed(seed, count)))
    strongest = labels.argmax(axis=1)
    folds = np.empty(len(labels), dtype=np.int64)
    dealt = 0
    for c in range(labels.shape[1]):
        members = generator.permutation(np.flatnonzero(strongest == c))
        folds[members] = (dealt + np.arange(len(members))) % count
        dealt += len(members)
    return folds
