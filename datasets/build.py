"""The registry of data sets."""

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

Contract: a class that is called as ``cls(cfg)`` and derives from (or looks like)
:class:`datasets.base.IntentDataset`: attributes ``train_x``, ``val`` and ``test`` are lists of
:class:`datasets.base.Record`, ``train_u`` is a list or None, ``classnames`` the class keys in label order,
``lab2cname`` the same as a dict, ``num_classes`` their number and ``hierarchy`` a
:class:`datasets.hierarchy.Hierarchy` in the same order. A fault in the files raises :class:`core.errors.UserError`
that names the file and the entry. A split that does not exist is an error or an empty list, never another split.
"""


def build_dataset(cfg: CfgNode) -> IntentDataset:
    """Build the data set ``cfg.DATASET.NAME``; an unknown name raises ``UserError`` with the nearest match."""
    return DATASET_REGISTRY.get(cfg.DATASET.NAME)(cfg)
