"""Images in one folder per class, with or without a folder per split above them."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import UserError, did_you_mean
from core.logging import get_logger
from datasets.own.cells import same_form
from datasets.own.items import SPLIT_NAMES, fault, split_of, split_words
from datasets.own.levels import (
    LEFT_OUT,
    check_below_classes,
    check_classes_of_splits,
    check_doubled,
    check_single,
    check_splits,
    left_out_splits,
    warn_of_unlabelled,
)
from datasets.own.locate import has_image_suffix
from datasets.prepared import PREFIX
from datasets.reading import read_text

# Folders that systems and network drives put beside the user's files, in lower case; hidden ones
# are left out anyway. The pictures in them are copies, previews or deleted.
RUBBISH = (
    "__macosx", "@eadir", "@recycle", "#recycle", "@recently-snapshot", "#snapshot",
    "$recycle.bin", "recycler", "system volume information", "lost+found",
)  # fmt: skip

log = get_logger()


@dataclass(frozen=True, slots=True)
class Picture:
    """An image below a folder: its path below the root, its class folder and its split."""

    name: str
    folder: str
    split: str = ""


@dataclass
class Tree:
    """Images of a folder.

    Attributes:
        pictures: sorted by folder and name within a class.
        empty: folders of classes without an image.
        loose: folder -> names of the images that are in it, where folders of classes are expected.
        inner: folder of a class with images -> names of the folders in it with images.
        skipped: suffix in lower case -> number of other files.
    """

    pictures: list[Picture] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    loose: dict[Path, list[str]] = field(default_factory=dict)
    inner: dict[Path, set[str]] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)


def read_tree(root: Path, base: Path) -> Tree:
    """List ``<base>/<class>/**`` or ``<base>/<split>/<class>/**``.

    Args:
        root: folder of the data set, where the names of images start.
        base: folder of the classes or splits.

    Raises:
        UserError: the folder is missing, has no image in a folder of its own, two folders of one
            split, or evidently folders of classes at another level.
    """
    tree = Tree()
    folders = _class_folders(base, tree)
    splits = _split_folders(base, folders)
    for split in SPLIT_NAMES:
        if split in splits:
            for folder in _class_folders(splits[split], tree):
                _add_class(tree, root, folder, split)
    if not splits:
        for folder in folders:
            _add_class(tree, root, folder, "")
    if not tree.pictures:
        raise UserError(
            f"{base} has no images in folders of classes; expected <class>/*.jpg or "
            "train/<class>/*.jpg (DATASET.IMAGES gives another folder below --root)"
        )
    check_doubled(tree.inner)
    check_single(root, base, tree.inner)
    warn_of_unlabelled(base, [folder.name for folder in tree.inner])
    classes: dict[str, set[str]] = {}
    for picture in tree.pictures:
        classes.setdefault(picture.split, set()).add(picture.folder)
    check_classes_of_splits(base, classes)
    if not splits:
        check_splits(base, tree.inner)
        check_below_classes(base, tree.inner)
    return tree


def _split_folders(base: Path, folders: Sequence[Path]) -> dict[str, Path]:
    """Return the folder of each split; a warning names the others beside them.

    Raises:
        UserError: two folders are of one split.
    """
    splits: dict[str, Path] = {}
    others = []
    for folder in folders:
        split = split_of(folder.name)
        if split is None:
            others.append(folder.name)
        elif split in splits:
            raise UserError(f"two folders of split {split}: {splits[split]} and {folder}")
        else:
            splits[split] = folder
    if splits and others:
        log.warning(
            "%s: folders beside the splits are left out: %s%s",
            base, ", ".join(others), left_out_splits(others),
        )  # fmt: skip
    return splits


def _class_folders(base: Path, tree: Tree) -> list[Path]:
    """Return the visible folders in a folder, sorted, without prepared copies."""
    try:
        with os.scandir(base) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise UserError(
            f"cannot read the folder {base}: {error.strerror} (DATASET.ROOT, --root; "
            "DATASET.IMAGES)"
        ) from None
    folders = []
    for entry in found:
        if not entry.is_dir():
            if _is_image(entry.name):
                tree.loose.setdefault(base, []).append(entry.name)
            else:
                tree.skipped[_suffix(entry.name)] += 1
        elif entry.name in LEFT_OUT:
            log.warning("%s is left out: its images have no label", base / entry.name)
        elif _is_visible(entry.name) and not entry.name.startswith(PREFIX):
            folders.append(base / entry.name)
    return folders


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _is_visible(name: str) -> bool:
    return not name.startswith(".") and name.lower() not in RUBBISH


def _is_image(name: str) -> bool:
    return _is_visible(name) and has_image_suffix(name)


def _add_class(tree: Tree, root: Path, folder: Path, split: str) -> None:
    """Add the images of a class, in deeper folders too."""
    before = len(tree.pictures)
    inner: set[str] = set()
    seen: set[str] = set()
    for path, below, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(path)
        if real in seen:  # a link to a folder above it
            below.clear()
            continue
        seen.add(real)
        below[:] = sorted(filter(_is_visible, below))
        for file in sorted(files):
            if not _is_image(file):
                tree.skipped[_suffix(file)] += 1
                continue
            name = Path(os.path.relpath(os.path.join(path, file), root)).as_posix()
            tree.pictures.append(Picture(name, same_form(folder.name), split))
            inner.update(Path(path).relative_to(folder).parts[:1])
    if len(tree.pictures) == before:
        tree.empty.append(folder.name)
    else:
        tree.inner[folder] = inner


def read_lists(root: Path, base: Path, pattern: str) -> list[Picture]:
    """Return the images of list files with lines ``<class>/<image>``.

    Args:
        root: folder of the data set, where the names of images start.
        base: folder of the classes, where the lines start.
        pattern: path of the lists below ``root`` with ``{split}`` for the name of a split.

    Raises:
        UserError: there is no list of train, a line has no class, or an image is listed twice.
    """
    if "{split}" not in pattern:
        raise UserError(
            f"DATASET.SPLIT_LISTS is '{pattern}'; expected a path with {{split}}, such as "
            "lists/{split}.txt"
        )
    pictures: list[Picture] = []
    places: dict[str, str] = {}
    for split, names in SPLIT_NAMES.items():
        paths = [root / pattern.replace("{split}", name) for name in names]
        found = [path for path in paths if path.is_file()]
        if len(found) > 1:
            raise UserError(f"two lists of split {split}: {found[0]} and {found[1]}")
        for path in found:
            pictures += _read_list(root, base, path, split, places)
    if not places:
        raise UserError(
            f"DATASET.SPLIT_LISTS: no file {root / pattern}; {{split}} stands for one of "
            f"{split_words()}"
        )
    return pictures


def _read_list(
    root: Path, base: Path, path: Path, split: str, places: dict[str, str]
) -> list[Picture]:
    pictures = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        entry = line.strip().replace("\\", "/").removeprefix("./")
        if not entry:
            continue
        where = f"line {number}"
        folder, _, rest = entry.partition("/")
        if not rest or not has_image_suffix(entry):
            raise fault(path, where, f"'{entry}': expected <class>/<image>, such as joy/1.jpg")
        if entry in places:
            raise fault(path, where, f"'{entry}' is also in {places[entry]}")
        places[entry] = f"{path}: {where}"
        name = Path(os.path.relpath(base / entry, root)).as_posix()
        pictures.append(Picture(name, same_form(folder), split))
    if not pictures:
        raise fault(path, "", "the list is empty; expected lines <class>/<image>")
    return pictures


def rename(pictures: Sequence[Picture], pairs: Sequence[str]) -> list[Picture]:
    """Return the images with the class names of ``DATASET.CLASS_NAMES``.

    Args:
        pairs: entries ``folder=name``.

    Raises:
        UserError: an entry has no ``=``, or there is no such folder.
    """
    folders = {picture.folder for picture in pictures}
    names: dict[str, str] = {}
    for pair in pairs:
        folder, mark, name = (part.strip() for part in pair.partition("="))
        if not mark or not folder or not name:
            raise UserError(f"DATASET.CLASS_NAMES has '{pair}'; expected folder=name")
        if folder not in folders:
            raise UserError(
                f"DATASET.CLASS_NAMES has '{pair}': no class folder '{folder}'."
                + did_you_mean(folder, folders)
            )
        names[folder] = name
    renamed = []
    for picture in pictures:
        name = names.get(picture.folder, picture.folder)
        renamed.append(Picture(picture.name, name, picture.split))
    return renamed
