"""Classes that are evaluated but never trained, because no training image has them."""

from collections.abc import Sequence

import numpy as np
from yacs.config import CfgNode

from core.errors import first_names
from core.logging import get_logger
from datasets import IntentDataset, Record

MOST_NAMED = 10

log = get_logger()


def warn_of_untrained(cfg: CfgNode, dataset: IntentDataset) -> None:
    """Log a warning with the classes that images of val or test have and no image of train.

    Nothing is logged where this is meant: for a zero-shot data set, whose test labels must not be
    read either, and for base and new classes (``DATASET.SUBSAMPLE_CLASSES``).
    """
    if dataset.unseen or cfg.DATASET.SUBSAMPLE_CLASSES != "all":
        return
    names = untrained_classes(dataset)
    if names:
        log.warning(
            "No training image has %s, which images of val or test have: %s; training shows no "
            "example, but the metrics count %s",
            "this class" if len(names) == 1 else f"these {len(names)} classes",
            first_names(names, MOST_NAMED),
            "it" if len(names) == 1 else "them",
        )


def untrained_classes(dataset: IntentDataset) -> list[str]:
    """Return the classes that images of val or test have and no image of train.

    A soft target of any size is a positive, as in the metrics.
    """
    learnt = _classes_of(dataset.train_x, dataset.num_classes)
    asked = _classes_of((*dataset.val, *dataset.test), dataset.num_classes)
    return [dataset.classnames[c] for c in np.flatnonzero(asked & ~learnt)]


def _classes_of(records: Sequence[Record], num_classes: int) -> np.ndarray:
    found = np.zeros(num_classes, dtype=bool)
    for record in records:
        found |= record.label > 0
    return found
