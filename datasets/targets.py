"""Targets of one class per image, from a name or from votes over the classes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.config import Key, declare
from core.labels import UNKNOWN
from datasets.records import Record

declare(
    "DATASET",
    Key(
        "TARGETS",
        "hard",
        "train labels of a data set with one class per image and several votes: the class with "
        "most votes (hard), or the distribution of the votes (soft)",
        choices=("hard", "soft"),
    ),
)


def one_hot(index: int, num_classes: int) -> np.ndarray:
    """Return a float32 label (C,) with 1 at ``index``."""
    label = np.zeros(num_classes, dtype=np.float32)
    label[index] = 1.0
    return label


def hard_label(record: Record, classnames: Sequence[str], kind: str) -> Record:
    """Return a training record as val has it: a soft target becomes a decision.

    Args:
        record: the record.
        classnames: class names in label order.
        kind: ``single_label``: the class is ``Record.classname`` where it is given, which decides
            ties, else the one with the largest share. ``multi_label``: shares above 0.5.
    """
    label = record.label
    if not ((label > 0) & (label < 1)).any():
        return record
    if kind == "single_label":
        index = int(label.argmax())
        if record.classname in classnames:
            index = list(classnames).index(record.classname)
        return replace(record, label=one_hot(index, len(label)))
    decided = np.where(label == UNKNOWN, UNKNOWN, label > 0.5).astype(np.float32)
    return replace(record, label=decided)


def positive_classes(labels: np.ndarray) -> np.ndarray:
    """Return the classes for which images count in a draw, bool (N, C).

    A share above 0.5 counts, and so does the largest share of an image, so that each image with
    soft targets counts for at least one class.

    Args:
        labels: (N, C), shares from 0 to 1, or ``UNKNOWN``.
    """
    strongest = labels.max(axis=1, keepdims=True)
    return (labels > 0.5) | ((labels > 0) & (labels == strongest))


def distribution(counts: np.ndarray) -> np.ndarray:
    """Return votes or weights of the classes (C,) divided by their sum, as float32 (C,).

    Raises:
        ValueError: a count is negative or not finite, or all are 0.
    """
    counts = np.asarray(counts, dtype=np.float64)
    total = counts.sum()
    if not np.isfinite(total) or total <= 0 or (counts < 0).any():
        raise ValueError(f"expected counts of at least 0 with a positive sum, got {counts}")
    return (counts / total).astype(np.float32)


def is_tied(counts: np.ndarray) -> bool:
    """Return True if several classes share the largest count."""
    counts = np.asarray(counts)
    return int((counts == counts.max()).sum()) > 1
