"""The records of a data set as arrays, one object per split."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets.base import SPLITS, IntentDataset
from datasets.records import Record, image_names


@dataclass(frozen=True, eq=False)
class SplitView:
    """One split.

    Attributes:
        name: ``train``, ``val`` or ``test``.
        images: N names of the images in results.
        paths: N paths of the image files.
        parts: N parts of the files that are shown: a box, or None for the whole image.
        states: int8 (N, C): 1 positive (label above 0), 0 negative, -1 unknown.
        votes: float32 (V, C), shares of the annotators of the V images that have them.
    """

    name: str
    images: list[str]
    paths: list[str]
    parts: list[Any]
    states: np.ndarray
    votes: np.ndarray


def split_views(dataset: IntentDataset, root: str | Path) -> list[SplitView]:
    """Return all splits in order, the empty ones too.

    Args:
        dataset: the data set.
        root: folder of the data set, below which image names are relative.
    """
    num_classes = len(dataset.classnames)
    views = []
    for name in SPLITS:
        records = dataset.train_x if name == "train" else getattr(dataset, name)
        views.append(_view(name, records, root, num_classes))
    return views


def _view(name: str, records: Sequence[Record], root: str | Path, num_classes: int) -> SplitView:
    states = np.zeros((len(records), num_classes), dtype=np.int8)
    votes = []
    for row, record in zip(states, records, strict=True):
        row[record.label > 0] = 1
        row[record.label < 0] = -1
        if record.votes is not None:
            votes.append(record.votes)
    return SplitView(
        name=name,
        images=image_names(records, root),
        paths=[record.impath for record in records],
        parts=[getattr(record, "box", None) for record in records],
        states=states,
        votes=np.array(votes, dtype=np.float32).reshape(-1, num_classes),
    )


def unlabelled(view: SplitView) -> list[str]:
    """Return the images without a positive class and without an unknown one."""
    rows = (view.states == 0).all(axis=1)
    return [view.images[i] for i in np.flatnonzero(rows)]


def partly_unknown(view: SplitView) -> list[str]:
    """Return the images with an unknown class."""
    rows = (view.states < 0).any(axis=1)
    return [view.images[i] for i in np.flatnonzero(rows)]


def listed_twice(view: SplitView) -> list[str]:
    """Return the images that the split lists more than once; two boxes of a file are two images."""
    entries = list(zip(view.paths, map(str, view.parts), strict=True))
    counts = Counter(entries)
    repeated = {}
    for entry, image in zip(entries, view.images, strict=True):
        if counts[entry] > 1:
            repeated[entry] = image
    return list(repeated.values())


def places_of(views: Sequence[SplitView]) -> dict[str, dict[str, str]]:
    """Return ``{path of a file: {split: image name}}`` in the order of the splits."""
    places: dict[str, dict[str, str]] = {}
    for view in views:
        for path, image in zip(view.paths, view.images, strict=True):
            places.setdefault(path, {}).setdefault(view.name, image)
    return places


def listed_in_several(places: dict[str, dict[str, str]]) -> list[str]:
    """Return a line for each file that several splits list."""
    lines = []
    for splits in places.values():
        if len(splits) > 1:
            lines.append(f"{next(iter(splits.values()))} ({', '.join(splits)})")
    return lines
