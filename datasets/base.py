"""Record and IntentDataset: the form in which every data set reaches the loaders."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError, not_accepted
from datasets.hierarchy import Hierarchy, default_hierarchy, has_hierarchy, load_hierarchy

SPLITS = ("train", "val", "test")

declare(
    "DATASET",
    Key(
        "HIERARCHY",
        "",
        "name under datasets/hierarchies/ or path of a YAML file; empty: the data set's own, or "
        "plain class names",
    ),
)


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One image with its labels.

    Attributes:
        impath: path of the image file.
        label: float32 (C,), one entry per class: 1 for yes, 0 for no, ``core.labels.UNKNOWN`` for
            not judged, or a share from 0 to 1 as a soft target.
        domain: Dassl's number of the image's domain.
        classname: Dassl's name of a single class; unused with several labels.
        name: name of the image in the annotation file; empty: see :func:`image_names`.
        votes: float32 (C,), share of the annotators who chose a class; None without votes.
    """

    impath: str
    label: np.ndarray
    domain: int = 0
    classname: str = ""
    name: str = ""
    votes: np.ndarray | None = None


def image_names(records: Sequence[Record], root: str | Path) -> list[str]:
    """Return the names under which the images are listed in results.

    A record without a name has the path of its file below ``root``, or the whole path if the file
    is elsewhere.
    """
    root = Path(root).expanduser().absolute()
    names = []
    for record in records:
        path = Path(record.impath)
        if not record.name and path.is_relative_to(root):
            path = path.relative_to(root)
        names.append(record.name or path.as_posix())
    return names


def multi_hot(names: Iterable[str], classnames: Sequence[str]) -> np.ndarray:
    """Return a float32 label (C,) with 1 at the classes ``names`` and 0 elsewhere.

    Raises:
        UserError: a name is not in ``classnames``; the message gives the nearest match.
    """
    label = np.zeros(len(classnames), dtype=np.float32)
    for name in names:
        if name not in classnames:
            raise UserError(not_accepted("class", name, classnames))
        label[classnames.index(name)] = 1.0
    return label


class IntentDataset:
    """The images of three splits, the class names and their hierarchy.

    A data set of your own is a registered subclass. Its constructor takes ``cfg``, reads its files
    below ``cfg.DATASET.ROOT`` and passes the records on::

        @DATASET_REGISTRY.register()
        class Photos(IntentDataset):
            def __init__(self, cfg):
                ...
                super().__init__(
                    cfg, classnames=["calm", "joy"], train_x=train, val=val, test=test
                )

    ``DATASET.NAME Photos`` then selects it, with its module in ``IMPORTS``. Without
    ``DATASET.HIERARCHY`` the hierarchy is the file in ``datasets/hierarchies/`` that has the name
    of the data set, or else the words of the class names without groups.

    Args:
        cfg: the whole configuration.
        classnames: one key per class; the order is that of the labels.
        train_x: records of the training images.
        val: records on which the best epoch and the threshold are chosen.
        test: records of the final evaluation; nothing is chosen on them.
        splits: splits that must have images.

    ``val`` and ``test`` may be empty or None when ``TEST.NO_TEST`` is True.

    A data set can also serve to evaluate given predictions (``build_annotations``), for which the
    image files need not exist. If its constructor has the arguments ``splits`` and ``images``, they
    are passed: the splits that are evaluated, and False. It then reads these splits, and train if
    it is there, without looking for images.

    Raises:
        UserError: a split has no images, a label does not fit the classes, or the hierarchy does
            not fit the class names.

    Attributes have Dassl's names: ``train_x``, ``train_u`` (None), ``val``, ``test``,
    ``classnames``, ``lab2cname`` and ``num_classes``. ``hierarchy`` is in label order.
    """

    def __init__(
        self,
        cfg: CfgNode,
        *,
        classnames: Sequence[str],
        train_x: Sequence[Record],
        val: Sequence[Record] | None = None,
        test: Sequence[Record] | None = None,
        splits: Sequence[str] = SPLITS,
    ) -> None:
        self.train_x = list(train_x)
        self.train_u = None
        self.val = list(val or ())
        self.test = list(test or ())
        self.classnames = list(classnames)
        self.lab2cname = dict(enumerate(classnames))
        self.num_classes = len(self.classnames)
        self._check_splits(cfg, splits)
        self._check_labels(cfg.DATASET.NAME)
        self.hierarchy = self._load_hierarchy(cfg)

    def _load_hierarchy(self, cfg: CfgNode) -> Hierarchy:
        """Load the configured hierarchy, or the one with the data set's name, or a flat one."""
        if cfg.DATASET.HIERARCHY:
            return load_hierarchy(cfg.DATASET.HIERARCHY, self.classnames)
        own_name = cfg.DATASET.NAME.lower()
        if has_hierarchy(own_name):
            return load_hierarchy(own_name, self.classnames)
        return default_hierarchy(self.classnames)

    def _check_splits(self, cfg: CfgNode, splits: Sequence[str]) -> None:
        """Raise unless every split that the run reads has images."""
        name = cfg.DATASET.NAME
        if "train" in splits and not self.train_x:
            raise UserError(f"data set {name} has no images in split train")
        if cfg.TEST.NO_TEST:
            return
        advice = "or train without evaluation: TEST.NO_TEST True TEST.FINAL_MODEL last_step"
        if "val" in splits and not self.val:
            raise UserError(
                f"data set {name} has no images in split val. The best epoch and the threshold are "
                f"chosen on val, never on test. Add images, {advice}"
            )
        if "test" in splits and not self.test:
            raise UserError(f"data set {name} has no images in split test. Add images, {advice}")

    def _check_labels(self, name: str) -> None:
        """Raise unless every label is float32 (C,)."""
        expected = (self.num_classes,)
        for record in (*self.train_x, *self.val, *self.test):
            label = np.asarray(record.label)
            if label.shape != expected or label.dtype != np.float32:
                raise UserError(
                    f"data set {name}: the label of {record.impath} is {label.dtype} of shape "
                    f"{label.shape}; expected float32 of shape {expected}"
                )
