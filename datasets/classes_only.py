"""The classes of a run as a data set without images, and the file that keeps them.

``classes.json`` in an output folder has everything that a network needs to know of the data set:
keys, words and groups of the classes. A run can then predict without the data set.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.files import read_json, write_text
from datasets.base import KINDS, IntentDataset
from datasets.hierarchy import Hierarchy

FILE = "classes.json"


class ClassesOnly(IntentDataset):
    """A data set that has classes and no image.

    Args:
        classnames: one key per class.
        hierarchy: words and groups, in the order of ``classnames``.
        kind: ``multi_label`` or ``single_label``.
    """

    def __init__(
        self, classnames: Sequence[str], hierarchy: Hierarchy, kind: str = "multi_label"
    ) -> None:
        # not the constructor of the base, which wants images
        assert kind in KINDS and len(hierarchy.names) == len(classnames)
        self.classnames = list(classnames)
        self.hierarchy = hierarchy
        self.kind = kind
        self.lab2cname = dict(enumerate(self.classnames))
        self.num_classes = len(self.classnames)
        self.train_x, self.train_u, self.val, self.test = [], None, [], []
        self.has_test = True
        self.unseen: tuple[int, ...] = ()
        self.notes: list[str] = []
        self.drawn = []


def write_classes(folder: Path, dataset: IntentDataset) -> None:
    """Write keys, words and groups of a data set's classes to ``classes.json``, atomically."""
    content = {
        "kind": dataset.kind,
        "classes": list(dataset.classnames),
        "hierarchy": asdict(dataset.hierarchy),
    }
    write_text(folder / FILE, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def read_classes(path: Path) -> ClassesOnly:
    """Return the data set without images of a file by :func:`write_classes`.

    Raises:
        UserError: the file is missing or has another form.
    """
    content = read_json(path)
    try:
        tree = content["hierarchy"]
        hierarchy = Hierarchy(**{**tree, "paths": [tuple(path) for path in tree["paths"]]})
        return ClassesOnly(_texts(content["classes"]), hierarchy, content["kind"])
    except (AssertionError, KeyError, TypeError):
        raise UserError(
            f"{path} does not have the classes of a run; expected the keys kind, classes and "
            "hierarchy"
        ) from None


def _texts(value: Any) -> list[str]:
    """Return a list of texts; raise :class:`TypeError` for anything else."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError
    return value
