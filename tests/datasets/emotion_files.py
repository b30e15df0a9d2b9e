"""Write files of emotion data sets and build the data sets from them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from yacs.config import CfgNode

from core.errors import UserError
from datasets import IntentDataset, build_dataset


def touch(root: Path, names: Iterable[str]) -> None:
    """Create empty files."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def build(cfg: CfgNode, root: Path, name: str, **keys: Any) -> IntentDataset:
    """Build a data set below ``root``; ``keys`` belong to the section DATASET."""
    cfg.DATASET.ROOT, cfg.DATASET.NAME, cfg.DATASET.HIERARCHY = str(root), name, ""
    for key, value in keys.items():
        cfg.DATASET[key] = value
    return build_dataset(cfg)


def fault(cfg: CfgNode, root: Path, name: str, **keys: Any) -> str:
    """Return the one line in which building the data set ends."""
    with pytest.raises(UserError) as caught:
        build(cfg, root, name, **keys)
    message = str(caught.value)
    assert "\n" not in message
    return message


def by_name(dataset: IntentDataset) -> dict[str, Any]:
    """Return all records by the name of their image."""
    return {record.name: record for record in (*dataset.train_x, *dataset.val, *dataset.test)}


def class_of(dataset: IntentDataset, record: Any) -> str:
    """Return the name of the class of a one-hot label."""
    assert sorted(record.label.tolist()) == [0.0] * (len(record.label) - 1) + [1.0]
    return dataset.classnames[int(record.label.argmax())]


def classes(dataset: IntentDataset) -> dict[str, str]:
    """Return the class of each image."""
    return {name: class_of(dataset, record) for name, record in by_name(dataset).items()}
