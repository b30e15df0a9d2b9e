"""Combine the rows of all label files to one label per image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import UserError, did_you_mean, first_names
from core.labels import UNKNOWN
from core.logging import get_logger
from datasets.own.cells import case_pairs, shown
from datasets.own.items import Judgement, LabelFile, fault, unknown_class
from datasets.own.locate import address_of, clean_name

log = get_logger()


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A row of a label file with its label, float32 (C,)."""

    file: LabelFile
    judgement: Judgement
    label: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImage:
    """One image with what all rows say of it.

    Attributes:
        file: label file of the image.
        name: image as the file names it.
        where: place of its first row, for errors.
        split: "train", "val", "test", or empty without one.
        shares: float32 (C,): 1 yes, 0 no, ``UNKNOWN``, or a share from 0 to 1.
        single: each row, or annotator, has exactly one label.
    """

    file: LabelFile
    name: str
    where: str
    split: str
    shares: np.ndarray
    single: bool


@dataclass(eq=False)
class LabelledImages:
    """All images of a data set.

    Attributes:
        classnames: C names in label order.
        images: in the order of the files.
        has_votes: ``shares`` are those of annotators who each say yes or no; False if one of them
            gives a share of its own, such as 0.7.
        single: the files give one class per image.
    """

    classnames: list[str]
    images: list[LabelledImage]
    has_votes: bool
    single: bool


def combine(files: Sequence[LabelFile], classnames: Sequence[str]) -> LabelledImages:
    """Combine rows of one image: votes of annotators, the union of labels, or equal values.

    Args:
        files: all label files, without -1 whose meaning is open.
        classnames: the given class names; empty: from the files.

    Raises:
        UserError: rows of one image contradict each other, or a label is no known class.
    """
    names = list(classnames) or class_order(files)
    index = {name: c for c, name in enumerate(names)}
    groups: dict[str, list[Row]] = {}
    for file in files:
        columns = np.array([index.get(name, -1) for name in file.classnames], dtype=np.int64)
        for judgement in file.judgements:
            label = _vector(file, judgement, index, columns)
            groups.setdefault(_key(file, judgement), []).append(Row(file, judgement, label))
    images = [_combine_rows(rows) for rows in groups.values()]
    _check_columns(files, names, images)
    has_votes = _are_votes([one for file in files for one in file.judgements])
    if all(file.single for file in files):
        _warn_of_several(images)
    single = all(file.single for file in files) and all(image.single for image in images)
    return LabelledImages(names, images, has_votes, single)


def _warn_of_several(images: Sequence[LabelledImage]) -> None:
    """Warn of few images that prevent one class per image, which the files seem to have."""
    others = [image for image in images if not image.single]
    if 0 < len(others) < len(images) / 2:
        log.warning(
            "%s: %d of %d images have no label or several (%s: %s), so that the data has several "
            "classes per image; repair them for one class per image",
            others[0].file.path,
            len(others),
            len(images),
            others[0].where,
            others[0].name,
        )


def _are_votes(judgements: Sequence[Judgement]) -> bool:
    """Return True if annotators are named and none of them gives a share between 0 and 1."""
    if all(one.annotator is None for one in judgements):
        return False
    values = [one.values for one in judgements if one.values is not None]
    return not any(((numbers > 0) & (numbers < 1)).any() for numbers in values)


def _key(file: LabelFile, judgement: Judgement) -> str:
    """Return what tells images apart: the name, which in the folder of a split is its own."""
    folder = str(file.path.parent) if file.in_split_folder else ""
    if "://" in judgement.name:  # two servers may have files of one name
        return f"{folder}/{address_of(judgement.name)}"
    return f"{folder}/{clean_name(judgement.name)}"


def class_order(files: Sequence[LabelFile]) -> list[str]:
    """Return the classes that the files declare in their order, or else all labels, sorted.

    Raises:
        UserError: files with one column per class have different classes, or there are none.
    """
    declared: dict[str, None] = {}
    wide: LabelFile | None = None
    for file in files:
        if file.judgements[0].values is not None:
            wide = wide or file
            _check_same(wide, file)
        declared.update(dict.fromkeys(file.classnames))
    if declared:
        return list(declared)
    labels = {label for file in files for one in file.judgements for label in one.labels}
    if not labels:
        raise fault(files[0].path, "", "no image has a label")
    _warn_of_names(files[0], labels)
    if all(label.isascii() and label.isdecimal() for label in labels):
        numbers = sorted(labels, key=_number_order)
        log.warning(
            "%s: the names of the classes are numbers (%s), which say nothing to CLIP; write the "
            "names in this order to classes.txt or DATASET.CLASSES",
            files[0].path,
            first_names(numbers, most=3),
        )
        return numbers
    return sorted(labels)


def _number_order(digits: str) -> tuple[int, str, str]:
    """Return a key that sorts whole numbers by value, also those too long for ``int``."""
    significant = digits.lstrip("0")
    return len(significant), significant, digits


def _check_same(first: LabelFile, file: LabelFile) -> None:
    for one, other in ((first, file), (file, first)):
        for name in one.classnames:
            if name not in other.classnames:
                nearest = did_you_mean(name, other.classnames)
                raise fault(
                    other.path, "line 1", f"no column {shown(name)}, which {one.path} has.{nearest}"
                )


def _warn_of_names(file: LabelFile, labels: set[str]) -> None:
    for label in sorted(labels):
        if label.lower() == "none":
            log.warning(
                "%s: '%s' is a class; leave the cell empty if it means no label", file.path, label
            )
    for pair in case_pairs(sorted(labels)):
        log.warning("%s: '%s' and '%s' differ in case alone and are two classes", file.path, *pair)


def _vector(
    file: LabelFile, judgement: Judgement, index: Mapping[str, int], columns: np.ndarray
) -> np.ndarray:
    """Return what one row says of the classes, float32 (C,).

    Args:
        index: class name -> position in the label.
        columns: position in the label of each class of the file.
    """
    vector = np.zeros(len(index), dtype=np.float32)
    if judgement.values is not None:
        vector[columns] = judgement.values
        return vector
    for label in judgement.labels:
        if label not in index:
            column = f", column {shown(file.label_column)}" if file.label_column else ""
            raise unknown_class(file.path, judgement.where + column, label, index)
        vector[index[label]] = 1.0
    return vector


def _combine_rows(rows: Sequence[Row]) -> LabelledImage:
    """Combine all rows of one image."""
    votes: dict[str | None, Row] = {}
    for row in rows:
        _check_split(rows[0], row)
        annotator = row.judgement.annotator
        before = votes.get(annotator)
        votes[annotator] = row if before is None else _merge(before, row)
    labels = np.stack([row.label for row in votes.values()])  # (A, C)
    single = bool((labels == 1).sum() == np.count_nonzero(labels) == len(labels))
    single = single and bool((labels.sum(axis=1) == 1).all())
    shares = labels[0] if len(labels) == 1 else _mean(labels)
    first = rows[0]
    split = first.file.split or first.judgement.split
    return LabelledImage(
        first.file, first.judgement.name, first.judgement.where, split, shares, single
    )


def _merge(before: Row, row: Row) -> Row:
    """Combine two rows of one annotator, or of no one in particular."""
    if row.judgement.values is None:
        return Row(row.file, before.judgement, np.maximum(before.label, row.label))
    if np.array_equal(before.label, row.label):
        return before
    values, others = row.judgement.values, before.judgement.values
    column = int((values != others).argmax())
    raise fault(
        row.file.path,
        row.judgement.where,
        f"image {shown(row.judgement.name)} has other labels than in {before.judgement.where} "
        f"(column {shown(row.file.classnames[column])})",
    )


def _check_split(first: Row, row: Row) -> None:
    """Raise if an image is in two splits: it must not be learnt and evaluated."""
    splits = [one.file.split or one.judgement.split for one in (first, row)]
    if splits[0] == splits[1]:
        return
    names = [split or "no split" for split in splits]
    raise fault(
        row.file.path,
        row.judgement.where,
        f"image {shown(row.judgement.name)} is in {names[1]}, but in {names[0]} in "
        f"{first.file.path}: {first.judgement.where}",
    )


def _mean(votes: np.ndarray) -> np.ndarray:
    """Return the mean over annotators of (A, C) without unknown entries."""
    known = votes != UNKNOWN
    total = np.where(known, votes, 0).sum(axis=0)
    count = known.sum(axis=0)
    share = total / np.maximum(count, 1)
    return np.where(count > 0, share, UNKNOWN).astype(np.float32)


def _check_columns(
    files: Sequence[LabelFile], names: Sequence[str], images: Sequence[LabelledImage]
) -> None:
    """Raise if nobody judged a class."""
    if not names:
        raise fault(files[0].path, "", "no classes")
    unknown = np.ones(len(names), dtype=bool)
    for image in images:
        unknown &= image.shares == UNKNOWN
    if unknown.any():
        name = names[int(unknown.argmax())]
        raise UserError(
            f"{files[0].path}: column {shown(name)} has no known value in any row; if it is no "
            "class, name it in DATASET.IGNORE"
        )
