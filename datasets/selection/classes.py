"""Some of the classes: base and new classes (CoOp's ``SUBSAMPLE_CLASSES``)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError
from datasets.records import Record

declare(
    "DATASET",
    Key(
        "SUBSAMPLE_CLASSES",
        "all",
        "classes in use: all, the first half (base) or the others (new)",
        choices=("all", "base", "new"),
    ),
)


def check_no_subsample(cfg: CfgNode) -> None:
    """Raise :class:`UserError` if classes are subsampled in a data set with unseen classes."""
    which = cfg.DATASET.SUBSAMPLE_CLASSES
    if which != "all":
        raise UserError(
            f"DATASET.SUBSAMPLE_CLASSES is '{which}'; accepted with a zero-shot split of the "
            "classes: all"
        )


def chosen_classes(num_classes: int, which: str) -> list[int]:
    """Return the indices of the classes; base has one more if the number is odd, as in CoOp."""
    middle = (num_classes + 1) // 2
    return {
        "all": list(range(num_classes)),
        "base": list(range(middle)),
        "new": list(range(middle, num_classes)),
    }[which]


def keep_classes(records: Sequence[Record], indices: Sequence[int]) -> list[Record]:
    """Return the records that have one of the classes, with labels of these classes alone.

    A soft target counts for its largest class.
    """
    kept = []
    for record in records:
        strongest = record.label.max()
        label = record.label[list(indices)]
        if strongest <= 0 or label.max() < min(strongest, 0.5):
            continue
        votes = record.votes
        if votes is not None:
            votes = votes[list(indices)]
        kept.append(replace(record, label=np.ascontiguousarray(label), votes=votes))
    return kept
