"""The form in which every label file reaches the data set, and what the readers are told."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core.errors import UserError, not_accepted

# Accepted spellings of a split, in files, columns and folders; lower case.
SPLIT_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "validate", "dev", "eval"),
    "test": ("test", "testing"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """One row or entry of a label file: what one annotator, or the file, says of one image.

    Attributes:
        name: image as the file names it.
        where: place in the file for errors, such as ``line 3``.
        labels: classes that the image has; all others count as no. Unused with ``values``.
        values: float32 (C,) in the order of ``LabelFile.classnames``: 1 yes, 0 no, -1 as in the
            file, NaN unknown, a share from 0 to 1.
        split: "train", "val", "test", or empty without one.
        annotator: who judges; None if the file does not say.
    """

    name: str
    where: str
    labels: tuple[str, ...] = ()
    values: np.ndarray | None = None
    split: str = ""
    annotator: str | None = None


@dataclass(eq=False)
class LabelFile:
    """Content of one label file.

    Attributes:
        path: the file.
        judgements: rows or entries in file order.
        classnames: classes that the file declares, in its order; empty: the labels that occur.
        single: the form of the file gives one class per image.
        split: split of the whole file; empty: see the judgements.
        ignorable: columns or fields that ``DATASET.IGNORE`` may name.
        label_column: column of the labels, for errors; empty without one.
        in_split_folder: the file is in the folder of its split, where its images' names start.
    """

    path: Path
    judgements: list[Judgement]
    classnames: list[str] = field(default_factory=list)
    single: bool = False
    split: str = ""
    ignorable: tuple[str, ...] = ()
    label_column: str = ""
    in_split_folder: bool = False


@dataclass(frozen=True)
class ReadOptions:
    """Settings that the readers follow.

    Attributes:
        classnames: class names from ``DATASET.CLASSES`` or classes.txt; empty if unknown.
        ignore: columns that are no labels.
        delimiter: name of the delimiter of labels in one cell, or ``auto``.
        label_values: meaning of -1, or ``auto``.
    """

    classnames: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    delimiter: str = "auto"
    label_values: str = "auto"


def fault(path: Path, where: str, message: str) -> UserError:
    """Return the error of one place in a file, as one line."""
    place = f"{path}: {where}: " if where else f"{path}: "
    return UserError(place + " ".join(message.split()))


def split_of(text: str) -> str | None:
    """Return train, val or test for an accepted spelling in any case, else None."""
    for split, names in SPLIT_NAMES.items():
        if text.strip().lower() in names:
            return split
    return None


def split_words() -> str:
    """Return all accepted spellings of splits for an error."""
    return ", ".join(name for names in SPLIT_NAMES.values() for name in names)


def unnamed_classes(path: Path, where: str, width: int) -> UserError:
    """Return the error of numbers per class where no list gives the names of the classes."""
    return fault(
        path,
        where,
        f"{width} numbers per image without names of classes; name them in order in "
        "classes.txt beside the file or in DATASET.CLASSES",
    )


def unknown_class(path: Path, where: str, name: str, accepted: Iterable[str]) -> UserError:
    """Return the error of a label that is none of the known classes, with the nearest one."""
    return fault(path, where, not_accepted("class", name, accepted))
