"""What a data set is made of: records of one image each, and the base that holds them."""

from dataclasses import dataclass

import numpy as np
from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError
from datasets.hierarchy import Hierarchy, default_hierarchy, has_hierarchy, load_hierarchy

declare(
    "DATASET",
    Key(
        "HIERARCHY",
        "",
        "name under datasets/hierarchies/ or path of a YAML file; empty: the data set's own, or plain class names",
    ),
)


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One image: its path and its targets ``label`` (C,) float32; ``domain`` and ``classname`` as in Dassl."""

    impath: str
    label: np.ndarray
    domain: int = 0
    classname: str = ""


class IntentDataset:
    """Splits and class names with Dassl's attribute names, plus the class hierarchy in label order."""

    def __init__(
        self,
        cfg: CfgNode,
        *,
        classnames: list[str],
        train_x: list[Record],
        val: list[Record],
        test: list[Record],
    ) -> None:
        self.train_x = train_x
        self.train_u = None
        self.val = val
        self.test = test
        self.classnames = list(classnames)
        self.lab2cname = dict(enumerate(classnames))
        self.num_classes = len(classnames)
        self.hierarchy = self._load_hierarchy(cfg)
        self._check_splits(cfg.DATASET.NAME)

    def _load_hierarchy(self, cfg: CfgNode) -> Hierarchy:
        """Load the configured hierarchy; without one, that of the data set's name, or else plain class names."""
        name = cfg.DATASET.HIERARCHY
        if name:
            return load_hierarchy(name, self.classnames)
        own = cfg.DATASET.NAME.lower()
        return (
            load_hierarchy(own, self.classnames)
            if has_hierarchy(own)
            else default_hierarchy(self.classnames)
        )

    def _check_splits(self, name: str) -> None:
        splits = {"train": self.train_x, "val": self.val, "test": self.test}
        empty = [split for split, records in splits.items() if not records]
        if empty:
            raise UserError(
                f"data set {name}: no images in split {', '.join(empty)}; every split needs at least one"
            )
