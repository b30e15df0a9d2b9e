"""Folders of classes at another level than expected, which would give wrong classes in silence."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.errors import UserError, first_names
from core.logging import get_logger
from datasets.own.items import split_of, split_words

# Folders that CVAT, Datumaro and others write beside the classes.
NO_CLASSES = ("unlabeled", "unlabelled", "multilabel", "no_class", "undefined")
# The same, of which no class has the name.
LEFT_OUT = ("_unlabeled", "no_label")

log = get_logger()

# Names that mean a split but are not accepted as one: train2017, trn, test_set, seg_train.
LIKE_SPLIT = re.compile(
    r"(?:^|.*[^a-z])(?:train|trn|val|dev|eval|test|tst)(?:ing|id|idation|uation|elopment|val)?"
    r"(?:set|data|images|imgs)?(?:[^a-z].*|$)",
    re.IGNORECASE,
)


def looks_like_split(name: str) -> bool:
    """Return True for a name that holds a word for a split, also one that is not accepted."""
    return LIKE_SPLIT.fullmatch(name) is not None


def check_single(root: Path, base: Path, inner: Mapping[Path, set[str]]) -> None:
    """Raise if there is one class alone and images are in folders below it.

    Args:
        root: folder of the data set.
        base: folder of the classes or splits.
        inner: folder of a class with images -> names of the folders in it with images.
    """
    names = {folder.name for folder in inner}
    below = sorted(set().union(*inner.values()))
    if len(names) != 1 or not below:
        return
    folder = next(iter(inner))
    if folder.parent == base:
        inside = folder.relative_to(root) if folder.is_relative_to(root) else folder
        advice = f"DATASET.IMAGES {inside.as_posix()} (or --root {folder}) reads these folders"
    else:
        advice = "move these folders to <split>/<class>/*.jpg"
    raise UserError(
        f"{base}: '{folder.name}' would be the only class, but folders in it hold images: "
        f"{first_names(below)}. If they are the classes, {advice}"
    )


def check_splits(base: Path, inner: Mapping[Path, set[str]]) -> None:
    """Warn if all folders of classes look like splits, none with an accepted name, or like parts.

    Raises:
        UserError: they share folders with images, which are evidently the classes.
    """
    folders = [folder.name for folder in inner]
    if len(folders) < 2:
        return
    names = first_names(folders)
    below = set().union(*inner.values())
    if all(map(looks_like_split, folders)):
        if len(below) < sum(map(len, inner.values())):
            raise UserError(
                f"{base}: the folders {names} look like splits, but would be classes: "
                f"{rename_advice()}"
            )
        log.warning("%s: the folders %s are classes: %s", base, names, rename_advice())
    elif len(below) > 1 and all(inside == below for inside in inner.values()):
        log.warning(
            "%s: the folders %s are the classes, though all of them have the same folders inside "
            "(%s); if those are the classes, move them to <class>/<part>/*.jpg",
            base, names, first_names(sorted(below)),
        )  # fmt: skip


def check_doubled(inner: Mapping[Path, set[str]]) -> None:
    """Raise for a split in a folder of its own name, as unpacked archives are: ``test/test/joy``.

    ``train/train/1.jpg`` beside ``train/boat/2.jpg`` is the class ``train``.

    Raises:
        UserError: its folders would all be one class.
    """
    siblings = Counter(folder.parent for folder in inner)
    for folder, names in inner.items():
        if not looks_like_split(folder.name):
            continue
        is_outer = names == {folder.name}
        is_alone = siblings[folder.parent] == 1 or bool(names)
        if is_outer or (folder.name == folder.parent.name and is_alone):
            outer = folder if is_outer else folder.parent
            raise UserError(
                f"{outer}: the folder '{outer.name}' in it would be a class; move the content of "
                f"{outer.name}/{outer.name} to {outer.name}. {rename_advice().capitalize()}"
            )


def check_classes_of_splits(base: Path, classes: Mapping[str, set[str]]) -> None:
    """Warn of classes of val or test without an image in train.

    Args:
        base: folder of the splits.
        classes: split -> its folders of classes with images.

    Raises:
        UserError: a split has one folder alone, and it is no class of train.
    """
    train = classes.get("train", set())
    in_any_case = {name.casefold() for name in train}
    for split in ("val", "test"):
        others = sorted(classes.get(split, set()) - train)
        if not train or not others:
            continue
        if len(classes[split]) == 1 and others[0].casefold() not in in_any_case:
            raise UserError(
                f"{base}: all images of {split} are in the folder '{others[0]}', which is no class "
                f"of train; expected {split}/<class>/*.jpg (NAME Csv reads labels from a file; "
                f"without labels remove the folder, and use predict.py)"
            )
        log.warning(
            "%s: classes of %s without an image in train: %s", base, split, first_names(others)
        )


def warn_of_unlabelled(base: Path, folders: Sequence[str]) -> None:
    """Warn of classes whose names mean images with no or with several labels."""
    found = [name for name in folders if name.lower() in NO_CLASSES]
    if found:
        log.warning(
            "%s: %s is a class; tools write such a folder for images with no or several labels "
            "(leave it out by the list of the others in DATASET.CLASSES; NAME Csv reads several "
            "labels per image)",
            base,
            first_names(sorted(set(found))),
        )


def check_below_classes(base: Path, inner: Mapping[Path, set[str]]) -> None:
    """Check folders of splits inside the folders of classes, as in ``joy/train/1.jpg``.

    One name alone, such as ``joy/test``, may mean something else: a warning.

    Raises:
        UserError: the names mean two splits; all images would be in one.
    """
    found: dict[str, str] = {}  # split -> the first such folder
    for folder, names in inner.items():
        for name in sorted(names):
            split = split_of(name)
            if split is not None:
                found.setdefault(split, f"{folder.name}/{name}")
    if not found:
        return
    message = (
        f"{base}: folders inside the classes look like splits ({first_names(list(found.values()))})"
    )
    if len(found) > 1:
        raise UserError(
            f"{message}, but are not read as splits; move them to <split>/<class>/*.jpg, or use "
            "NAME Csv with a column split"
        )
    log.warning("%s; their images are in no split of their own", message)


def left_out_splits(others: Sequence[str]) -> str:
    """Return advice for folders beside the splits if one of them looks like a split, or nothing."""
    return f"; {rename_advice()}" if any(map(looks_like_split, others)) else ""


def rename_advice() -> str:
    """Return which names a folder of a split may have."""
    return f"a split is read from a folder with one of the names {split_words()}"
