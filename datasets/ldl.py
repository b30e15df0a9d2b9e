"""Flickr_LDL and Twitter_LDL (Yang et al., AAAI 2017): vote counts over Mikels' eight emotions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError
from core.logging import get_logger
from datasets.base import SPLITS, IntentDataset
from datasets.build import DATASET_REGISTRY
from datasets.emotions import (
    MIKELS,
    Sample,
    check_unique,
    column_order,
    is_number,
    make_records,
    numbered_lines,
    read_votes,
    train_targets,
)
from datasets.folds import split_folds
from datasets.reading import needed_files, read_list, root_of
from datasets.records import Record
from datasets.targets import distribution, is_tied

FILE = "ground_truth.txt"
LISTS = {"train": "ground_truth_train.txt", "test": "ground_truth_test.txt"}
# Order of the counts in files without a header: the four positive emotions come first.
COLUMNS = (
    "amusement", "awe", "contentment", "excitement", "anger", "disgust", "fear", "sadness",
)  # fmt: skip

declare(
    "DATASET",
    Key(
        "LDL_SPLIT",
        "auto",
        "FlickrLdl, TwitterLdl: lists reads ground_truth_{train,test}.txt, folds divides the "
        "images of ground_truth.txt (FOLD, NUM_FOLDS); auto: lists if both are there",
        choices=("auto", "lists", "folds"),
    ),
)

log = get_logger()


class _LdlDataset(IntentDataset):
    """Images at ``<root>/images/`` with counts of votes.

    The class is the emotion with most votes; the votes of a record are their shares.
    """

    ignored_keys: Sequence[str] = ("LABEL_POLICY",)

    def __init__(
        self, cfg: CfgNode, *, splits: Sequence[str] = SPLITS, images: bool = True
    ) -> None:
        root = root_of(cfg)
        classnames = read_list(MIKELS)
        divided: dict[str, list[Record]] = {}
        if has_lists(cfg, root):
            self.ignored_keys = ("LABEL_POLICY", "FOLD")
            paths = {split: root / name for split, name in LISTS.items()}
            lists = {}
            for split, path in needed_files(splits, paths).items():
                lists[split] = read_samples(path, classnames)
            names = [sample.name for samples in lists.values() for sample in samples]
            check_unique(names, f"{root}: {' and '.join(LISTS.values())}")
            for split, samples in lists.items():
                divided[split] = make_records(cfg, root, samples, classnames, images=images)
        else:
            samples = read_samples(root / FILE, classnames)
            records = make_records(cfg, root, samples, classnames, images=images)
            divided["train"], divided["val"], divided["test"] = split_folds(records, cfg)
        super().__init__(
            cfg,
            classnames=classnames,
            train_x=train_targets(cfg, divided.get("train", ())),
            val=divided.get("val"),
            test=divided.get("test"),
            splits=splits,
            kind="single_label",
        )


@DATASET_REGISTRY.register()
class FlickrLdl(_LdlDataset):
    """Flickr_LDL: photographs with the votes of 11 annotators for Mikels' eight emotions."""


@DATASET_REGISTRY.register()
class TwitterLdl(_LdlDataset):
    """Twitter_LDL: photographs with the votes of 8 annotators for Mikels' eight emotions."""


def has_lists(cfg: CfgNode, root: Path) -> bool:
    """Return whether the lists of train and test are read (``DATASET.LDL_SPLIT``)."""
    if cfg.DATASET.LDL_SPLIT != "auto":
        return cfg.DATASET.LDL_SPLIT == "lists"
    found = all((root / name).is_file() for name in LISTS.values())
    if not found and not (root / FILE).is_file():
        raise UserError(
            f"{root} has neither {FILE} nor {' and '.join(LISTS.values())} (DATASET.ROOT, --root)"
        )
    which = " and ".join(LISTS.values()) if found else f"{FILE}, divided into folds"
    log.info("%s: the labels come from %s (DATASET.LDL_SPLIT)", cfg.DATASET.NAME, which)
    return found


@dataclass
class Doubts:
    """Number of rows with several strongest emotions, and with a class id that does not fit."""

    ties: int = 0
    ids: int = 0


def read_samples(path: Path, classnames: Sequence[str]) -> list[Sample]:
    """Return the images of a file, in its order.

    Rows are ``name``, eight counts and, in the lists of train and test, a class id. A header gives
    the order of the counts; without one it is :data:`COLUMNS`.

    Raises:
        UserError: the file is missing, or a row is not as expected.
    """
    lines = numbered_lines(path, "votes")
    columns: Sequence[str] = COLUMNS
    first = lines[0][1].split()
    if len(first) > 1 and not is_number(first[1]):
        columns = first[1:]
        lines = lines[1:]
    order = column_order(columns, classnames, f"{path}: line 1")
    doubts = Doubts()
    samples = []
    for number, line in lines:
        where = f"{path}: line {number}"
        cells = line.split()
        if len(cells) not in (len(columns) + 1, len(columns) + 2):
            raise UserError(
                f"{where} has {len(cells)} cells; expected a name, {len(columns)} counts and "
                "possibly a class id"
            )
        counts = read_votes(cells[1 : len(columns) + 1], where)
        extra = cells[len(columns) + 1 :]
        strongest = choose(counts[order], order, extra, doubts)
        name = cells[0] if "." in cells[0] else f"{cells[0]}.jpg"
        samples.append(Sample(f"images/{name}", classnames[strongest], distribution(counts[order])))
    check_unique([sample.name for sample in samples], str(path))
    if doubts.ties:
        log.info(
            "%s: %d of %d images have several emotions with most votes; the first column, or the "
            "class id of the file, counts",
            path, doubts.ties, len(samples),
        )  # fmt: skip
    if doubts.ids:
        log.warning(
            "%s: the class id of %d images is not the column with most votes; the votes count",
            path, doubts.ids,
        )  # fmt: skip
    return samples


def choose(
    counts: np.ndarray, order: Sequence[int], class_id: Sequence[str], doubts: Doubts
) -> int:
    """Return the class with most votes; of several, the one of the class id or the first column.

    Args:
        counts: votes (C,) in label order.
        order: column of each class.
        class_id: one text, the position of a column from 0, or nothing.
        doubts: ties and ids that do not fit are counted here.
    """
    strongest = np.flatnonzero(counts == counts.max())
    doubts.ties += is_tied(counts)
    for c in strongest:
        if class_id and class_id[0] == str(order[c]):
            return int(c)
    doubts.ids += bool(class_id)
    return int(min(strongest, key=lambda c: order[c]))
