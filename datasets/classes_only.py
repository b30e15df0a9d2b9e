"""The classes of a run as a data set without images, and the file that keeps them.

``classes.json`` in an output folder has everything that a network needs to know of the data set:
keys, words and groups of the classes. A run can then predict without the data set.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.files import json_text, read_json, write_text
from datasets.base import IntentDataset
from datasets.given import KINDS
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
    write_text(folder / FILE, json_text(content, indent=1) + "\n")


def read_classes(path: Path) -> ClassesOnly:
    """Return the data set without images of a file by :func:`write_classes`.

    Raises:
        UserError: the file is missing or has another form.
    """
    content = read_json(path)
    try:
        return _classes(content)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise UserError(
            f"{path} does not have the classes of a run; expected the keys kind, classes and "
            "hierarchy"
        ) from None


def _classes(content: Mapping[str, Any]) -> ClassesOnly:
    """Return the classes of a file's content; the error for another form has any type."""
    keys = _texts(content["classes"])
    tree = content["hierarchy"]
    hierarchy = Hierarchy(
        names=_texts(tree["names"]),
        paths=[tuple(_texts(words)) for words in tree["paths"]],
        sentences=_texts(tree["sentences"]),
        levels={level: _groups(groups, len(keys)) for level, groups in tree["levels"].items()},
        subsets=_groups(tree["subsets"], len(keys)),
    )
    words = (hierarchy.names, hierarchy.paths, hierarchy.sentences)
    if content["kind"] not in KINDS or {len(keys)} != set(map(len, words)) or not keys:
        raise ValueError
    return ClassesOnly(keys, hierarchy, content["kind"])


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError
    return value


def _groups(value: Mapping[str, Any], num_classes: int) -> dict[str, list[int]]:
    """Return groups of class indices."""
    for members in value.values():
        if not all(type(c) is int and 0 <= c < num_classes for c in members):
            raise ValueError
    return dict(value)
