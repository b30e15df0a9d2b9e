"""The registry of data sets."""

import inspect
from collections.abc import Sequence

from yacs.config import CfgNode

from core.config import Key, declare
from core.registry import Registry
from datasets.base import IntentDataset

DATASET_REGISTRY = Registry("DATASET.NAME")

declare(
    "DATASET",
    Key("NAME", "", "registered name of the data set class"),
    Key("ROOT", "", "folder of the data set (annotations/ and images)", may_change=True),
)
DATASET_REGISTRY.__doc__ = """Data sets by class name.

Contract: a subclass of :class:`datasets.base.IntentDataset`, called as ``cls(cfg)``. For a fault in
its files it raises :class:`core.errors.UserError`, which names the file and the entry. A split that
does not exist is an error or empty; another split never takes its place.
"""


def build_dataset(cfg: CfgNode) -> IntentDataset:
    """Build the data set ``cfg.DATASET.NAME``.

    Raises:
        UserError: the name is not registered, or the data set reports a fault.
    """
    return DATASET_REGISTRY.get(cfg.DATASET.NAME)(cfg)


def build_annotations(cfg: CfgNode, splits: Sequence[str] = ("val", "test")) -> IntentDataset:
    """Build the data set ``cfg.DATASET.NAME`` where image files may be missing.

    It serves to evaluate given predictions and to check the files. Train is read if it is there,
    and is empty otherwise. A class whose constructor has no arguments ``splits`` and ``images`` is
    built as for training, so that it may need all its files.

    Args:
        cfg: the configuration.
        splits: splits whose labels are needed.

    Raises:
        UserError: the name is not registered, or the data set reports a fault.
    """
    dataset = DATASET_REGISTRY.get(cfg.DATASET.NAME)
    if {"splits", "images"} <= inspect.signature(dataset).parameters.keys():
        return dataset(cfg, splits=tuple(splits), images=False)
    return dataset(cfg)
