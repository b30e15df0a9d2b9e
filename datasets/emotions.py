"""Shared by data sets with one emotion per image: names, votes, targets, totals."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from yacs.config import CfgNode

from core.errors import UserError, not_accepted
from core.logging import get_logger
from datasets.base import IntentDataset
from datasets.folds import split_folds
from datasets.reading import read_text, resolve_images
from datasets.records import Record
from datasets.targets import one_hot

MIKELS = "mikels8.txt"  # of datasets.reading.read_list; all sets with these classes have this order
# Short names of Mikels' emotions in the files of Artphoto and Abstract.
SHORT_NAMES = {"sad": "sadness", "content": "contentment"}

log = get_logger()


@dataclass(frozen=True, eq=False)
class Sample:
    """One image as the files of a data set describe it.

    Attributes:
        name: path below the root, with ``/``.
        emotion: its class.
        votes: float32 (C,), shares of the annotators; None without votes.
    """

    name: str
    emotion: str
    votes: np.ndarray | None = None


class FoldedEmotions(IntentDataset):
    """One emotion per image, without official split: folds divide the records.

    Args:
        cfg: the whole configuration.
        classnames: class names in label order.
        records: all images, with the class as a one-hot label.
        splits: splits that must have images.
        train_only: further images that are train in every fold.
    """

    ignored_keys = ("LABEL_POLICY",)

    def __init__(
        self,
        cfg: CfgNode,
        *,
        classnames: Sequence[str],
        records: Sequence[Record],
        splits: Sequence[str],
        train_only: Sequence[Record] = (),
    ) -> None:
        train, val, test = split_folds(records, cfg)
        super().__init__(
            cfg,
            classnames=classnames,
            train_x=train_targets(cfg, [*train, *train_only]),
            val=val,
            test=test,
            splits=splits,
            kind="single_label",
        )


def class_index(name: str, classnames: Sequence[str], where: str) -> int:
    """Return the index of a class, whose name may be in capitals.

    Args:
        where: file and entry, for the error.

    Raises:
        UserError: there is no such class; the message gives the nearest match.
    """
    key = name.strip().lower()
    if key not in classnames:
        raise UserError(f"{where}: {not_accepted('emotion', name, classnames)}")
    return list(classnames).index(key)


def column_order(names: Sequence[str], classnames: Sequence[str], where: str) -> list[int]:
    """Return the position of each class among the columns of a header.

    Args:
        names: names of the columns; quotes, capitals and the short names of Mikels' emotions are
            accepted.
        classnames: the classes; other columns are left out.
        where: file and line, for the error.

    Raises:
        UserError: a class has no column, or two.
    """
    known = []
    for name in names:
        key = name.strip().strip("'\"").strip().lower()
        known.append(SHORT_NAMES.get(key, key))
    order = []
    for name in classnames:
        if known.count(name) != 1:
            what = "no column" if name not in known else "two columns"
            raise UserError(f"{where}: {what} of '{name}' in the header; found {', '.join(known)}")
        order.append(known.index(name))
    return order


def read_votes(cells: Sequence[str], where: str) -> np.ndarray:
    """Return vote counts or probabilities as float64, one per cell.

    Raises:
        UserError: a cell is no number of at least 0, or all are 0.
    """
    counts = []
    for cell in cells:
        try:
            value = float(cell)
        except ValueError:
            value = np.nan
        if not 0 <= value < np.inf:  # also true for NaN
            raise UserError(f"{where}: '{cell.strip():.40}' is no number of votes")
        counts.append(value)
    votes = np.array(counts)
    if votes.sum() == 0:
        raise UserError(f"{where}: all votes are 0")
    return votes


def numbered_lines(path: Path, needed: str) -> list[tuple[int, str]]:
    """Return (line number, stripped text) of the lines that are not empty.

    Args:
        path: the file.
        needed: says in an error what the file is.

    Raises:
        UserError: the file is missing or has no such line.
    """
    numbered = []
    for number, line in enumerate(read_text(path, needed).split("\n"), start=1):
        if line.strip():
            numbered.append((number, line.strip()))
    if not numbered:
        raise UserError(f"{needed}: {path} is empty")
    return numbered


def numbered_rows(path: Path, needed: str, **form: Any) -> list[tuple[int, list[str]]]:
    """Return (line number, cells) of the lines of a CSV file that are not empty.

    A cell ends with its line, also where a quote is not closed.

    Args:
        path: the file.
        needed: says in an error what the file is.
        form: format of the lines, as arguments of ``csv.reader``.

    Raises:
        UserError: the file is missing, has no such line, or a cell is longer than csv accepts.
    """
    rows = []
    for number, line in numbered_lines(path, needed):
        try:
            rows.append((number, next(csv.reader([line], **form))))
        except csv.Error as error:
            raise UserError(f"{path}: line {number} is no row of a CSV file: {error}") from None
    return rows


def is_number(cell: str) -> bool:
    """Return True if the text is a number, so that its row is no header."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def check_unique(names: Iterable[str], where: str) -> None:
    """Raise :class:`UserError` if an image is listed twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UserError(f"{where}: image '{name}' is listed twice")
        seen.add(name)


def warn_of_total(name: str, found: int, published: int) -> None:
    """Log a warning if the data set has another number of images than the published one."""
    if found != published:
        log.warning("Data set %s has %d images; the published one has %d", name, found, published)


def make_records(
    cfg: CfgNode,
    root: Path,
    samples: Sequence[Sample],
    classnames: Sequence[str],
    *,
    images: bool,
    advice: str = "",
) -> list[Record]:
    """Return a record with a one-hot label for each sample.

    Args:
        cfg: the configuration.
        root: folder of the data set.
        samples: the images.
        classnames: class names in label order.
        images: look for the files.
        advice: sentence for the error of missing images.

    Raises:
        UserError: images are missing.
    """
    names = [sample.name for sample in samples]
    paths = resolve_images(cfg, root, names, images=images, advice=advice)
    index = {name: c for c, name in enumerate(classnames)}
    records = []
    for sample, path in zip(samples, paths, strict=True):
        label = one_hot(index[sample.emotion], len(classnames))
        records.append(
            Record(path, label, classname=sample.emotion, name=sample.name, votes=sample.votes)
        )
    return records


def train_targets(cfg: CfgNode, records: Sequence[Record]) -> list[Record]:
    """Return training records with the labels of ``DATASET.TARGETS``.

    With ``soft`` the votes become the label; a record without votes keeps its class.
    """
    if cfg.DATASET.TARGETS != "soft":
        return list(records)
    without = sum(record.votes is None for record in records)
    if without:
        log.warning(
            "DATASET.TARGETS soft: %d of %d training images have no votes; the class counts",
            without, len(records),
        )  # fmt: skip
    softened = []
    for record in records:
        label = record.label if record.votes is None else record.votes
        softened.append(replace(record, label=label))
    return softened
