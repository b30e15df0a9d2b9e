"""The registry of data sets."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError
from core.registry import Registry
from datasets.base import IntentDataset
from datasets.overlap import warn_of_overlap
from datasets.selection.missing import check_files

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
    """Build the data set ``cfg.DATASET.NAME``; every image file that a run reads is there.

    Images in more than one split are a warning.

    Raises:
        UserError: the name is not registered, the data set reports a fault, or images are missing.
    """
    maker = DATASET_REGISTRY.get(cfg.DATASET.NAME)
    dataset = _build(maker, cfg)
    if not _checks_files(maker):
        splits = [dataset.train_x]
        if not cfg.TEST.NO_TEST:
            splits += [dataset.val, dataset.test]
        check_files(cfg.DATASET.NAME, splits)
    if isinstance(dataset, IntentDataset):
        warn_of_overlap(cfg.DATASET.NAME, dataset, cfg.DATASET.ROOT)
    return dataset


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
    maker = DATASET_REGISTRY.get(cfg.DATASET.NAME)
    if _has_arguments(maker):
        return _build(maker, cfg, splits=tuple(splits), images=False)
    return _build(maker, cfg)


def _build(maker: Callable[..., IntentDataset], cfg: CfgNode, **settings: Any) -> IntentDataset:
    """Return the data set; raise :class:`UserError` if its constructor leaves out the base's."""
    dataset = maker(cfg, **settings)
    if isinstance(dataset, IntentDataset) and not hasattr(dataset, "num_classes"):
        raise UserError(
            f"data set {cfg.DATASET.NAME}: the constructor of {type(dataset).__name__} must call "
            "super().__init__(cfg, classnames=..., train_x=..., val=..., test=...)"
        )
    return dataset


def _has_arguments(maker: Callable[..., IntentDataset]) -> bool:
    """Return True if the constructor is told which splits are read and whether images are."""
    return {"splits", "images"} <= inspect.signature(maker).parameters.keys()


def _checks_files(maker: Callable[..., IntentDataset]) -> bool:
    """Return True for a data set that looks for its files while it reads their names.

    Those of this package do, with ``datasets.reading.resolve_images``. A second look would cost
    time where folders are on a slow disk.
    """
    return maker.__module__.startswith("datasets.") and _has_arguments(maker)
