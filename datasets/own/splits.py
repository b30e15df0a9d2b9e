"""Splits of users' own data: as the files or folders say, drawn folds, or train alone."""

import re
from collections.abc import Sequence

from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError
from core.logging import get_logger
from datasets.folds import split_folds
from datasets.own.items import split_of
from datasets.records import Record

declare(
    "DATASET",
    Key(
        "USE_FOLDS",
        False,
        "Csv, Folder: divide data without any split into folds (FOLD, NUM_FOLDS); False: all "
        "images are train, and val is drawn from them",
    ),
)

YEAR = re.compile(r"[_-]?(19|20)\d\d$")  # as in train2014
MOST_NAMED = 5
FOLD = "{fold}"  # in DATASET.IMAGES: the number of the fold, from 1

log = get_logger()

Splits = dict[str, list[Record]]


def divide(cfg: CfgNode, records: Sequence[Record], splits: Sequence[str]) -> Splits:
    """Return the records by split; a split that the files do not have is absent.

    Args:
        cfg: the configuration.
        records: N records.
        splits: N splits; empty where the files do not say. If none says it, folders in the names
            of the images count.

    Raises:
        UserError: ``DATASET.FOLD`` is set where folds are not used.
    """
    if not any(splits) and not cfg.DATASET.USE_FOLDS:
        splits = splits_of_folders([record.name for record in records])
    if not any(splits):
        return _without_splits(cfg, records)
    divided: Splits = {}
    unassigned = 0
    for record, split in zip(records, splits, strict=True):
        unassigned += not split
        divided.setdefault(split or "train", []).append(record)
    if unassigned:
        log.warning("%d images are in no split and are used in train", unassigned)
    if cfg.DATASET.USE_FOLDS:
        log.warning("DATASET.USE_FOLDS has no effect: the data set has splits of its own")
    if cfg.DATASET.FOLD and FOLD not in cfg.DATASET.IMAGES:
        log.warning("DATASET.FOLD has no effect: the data set has splits of its own")
    return divided


def splits_of_folders(names: Sequence[str]) -> list[str]:
    """Return the split of each image from a folder in its name, empty if there are none.

    ``train/a.jpg`` and ``test/b.jpg`` give train and test; so do ``joy/train/a.jpg`` and
    ``fear/test/b.jpg``; ``train2014`` is train. All names need a split in the same place, and at
    least two splits occur.
    """
    folders = [name.split("/")[:-1] for name in names]
    for depth in range(min(map(len, folders), default=0)):
        words = {parts[depth] for parts in folders}
        split = {word: split_of(YEAR.sub("", word)) for word in words}
        if len(set(split.values()) - {None}) < 2:
            continue
        if None in split.values():
            log.warning(
                "The names of the images begin with folders of splits and with others (%s): all "
                "images are train; write a column 'split' with the words train, val and test",
                ", ".join(sorted(words)[:MOST_NAMED]),
            )
            continue
        log.warning(
            "The names of the images give the splits: folders %s. DATASET.USE_FOLDS or "
            "DATASET.TRAIN_FILE prevents it",
            ", ".join(sorted(words)),
        )
        return [split[parts[depth]] or "" for parts in folders]
    return []


def _without_splits(cfg: CfgNode, records: Sequence[Record]) -> Splits:
    if cfg.DATASET.USE_FOLDS:
        train, val, test = split_folds(records, cfg)
        return {"train": train, "val": val, "test": test}
    if cfg.DATASET.FOLD:
        raise UserError(
            f"DATASET.FOLD is {cfg.DATASET.FOLD}, but the data set is not divided into folds; "
            "set DATASET.USE_FOLDS True"
        )
    return {"train": list(records)}
