"""Find the label files and the list of classes of a data set below its root."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError, did_you_mean
from core.logging import get_logger
from datasets.own.cells import same_form
from datasets.own.items import SPLIT_NAMES, split_of
from datasets.reading import read_lines

# Files in the folders of splits, as Roboflow, Hugging Face and others name them.
CVAT_FILE = "annotations.xml"
SPLIT_FILES = (
    "_classes.csv", "metadata.csv", "metadata.jsonl", "_annotations.coco.json", "labels.json",
    CVAT_FILE, "labels.csv",
)  # fmt: skip
CLASSES_FILE = "classes.txt"

declare(
    "DATASET",
    Key(
        "FILE",
        "",
        "Csv: label file below ROOT, in any format that datasets.own reads; or its name in each "
        "folder of a split (train/, valid/, test/); or a folder with one CVAT export per annotator",
    ),
    Key("TRAIN_FILE", "", "Csv: label file of train, where each split has a file of its own"),
    Key("VAL_FILE", "", "Csv: label file of val; empty: val is drawn from train"),
    Key("TEST_FILE", "", "Csv: label file of test; empty: there is no test split"),
    Key(
        "CLASSES",
        (),
        "Csv, Folder: class names in label order, or a text file below ROOT with one name per "
        "line; empty: classes.txt beside the label file, the order of the columns, or sorted names",
    ),
)

log = get_logger()


@dataclass(frozen=True)
class Source:
    """A label file.

    Attributes:
        path: the file.
        split: split of all its images; empty: the file says it, or there is none.
        folder: folder of the split below the root, which is part of the names of the images.
        annotator: who made the labels of the whole file; None if the file does not stand for one.
    """

    path: Path
    split: str = ""
    folder: str = ""
    annotator: str | None = None


def find_sources(cfg: CfgNode, root: Path, splits: Sequence[str]) -> list[Source]:
    """Return the label files that the configuration names, or those in the folders of splits.

    Args:
        cfg: the configuration.
        root: folder of the data set.
        splits: splits that are needed; the files of others may be missing.

    Raises:
        UserError: there is no file, or the keys contradict each other.
    """
    by_split = {split: cfg.DATASET[f"{split.upper()}_FILE"] for split in SPLIT_NAMES}
    keys = [f"DATASET.{split.upper()}_FILE" for split, name in by_split.items() if name]
    if cfg.DATASET.FILE and keys:
        raise UserError(f"DATASET.FILE and {keys[0]} are both set; one of them gives the labels")
    if keys:
        return _given_files(root, by_split, splits)
    if cfg.DATASET.FILE:
        return _given_file(root, cfg.DATASET.FILE)
    sources = _in_split_folders(root, SPLIT_FILES)
    if not sources:
        raise UserError(
            f"DATASET.FILE is empty: set it to the label file below {root}; a folder train with "
            f"one of {', '.join(SPLIT_FILES)} is read without it{_candidates(root)}"
        )
    return sources


def _given_file(root: Path, name: str) -> list[Source]:
    path = root / Path(name).expanduser()
    if path.is_file():
        return [Source(path)]
    sources = _in_split_folders(root, (name,))
    if sources:
        return sources
    if path.is_dir():
        return _exports(path)
    raise _no_file("DATASET.FILE", root, name)


def _exports(folder: Path) -> list[Source]:
    """Return the CVAT exports of several annotators: ``ann.xml`` or ``ann/annotations.xml``.

    Raises:
        UserError: there is none, or one has the name of a split.
    """
    # Files and folders of archives that macOS wrote begin with a dot or underscores.
    paths = sorted([*folder.glob("[!._]*.xml"), *folder.glob(f"[!._]*/{CVAT_FILE}")])
    if not paths:
        raise UserError(
            f"DATASET.FILE: {folder} is a folder without exports of CVAT; expected one label file "
            "for all images (not one per image, as labelme writes them), or one export per "
            f"annotator: ann.xml or ann/{CVAT_FILE}"
        )
    sources = []
    for path in paths:
        annotator = path.relative_to(folder).parts[0].removesuffix(".xml")
        if split_of(annotator) is not None:
            raise UserError(
                f"DATASET.FILE: {path} has the name of a split, but in a folder of exports each "
                "file is an annotator; set DATASET.TRAIN_FILE, VAL_FILE and TEST_FILE for splits"
            )
        sources.append(Source(path, annotator=annotator))
    return sources


def _given_files(root: Path, by_split: dict[str, str], splits: Sequence[str]) -> list[Source]:
    sources = []
    for split, name in by_split.items():
        key = f"DATASET.{split.upper()}_FILE"
        if not name:
            if split == "train" and "train" in splits:
                raise UserError(f"{key} is empty; set it to the label file of train")
            continue
        path = root / Path(name).expanduser()
        if path.is_file():
            sources.append(Source(path, split))
        elif split in splits:
            raise _no_file(key, root, name)
    return sources


def _in_split_folders(root: Path, names: Sequence[str]) -> list[Source]:
    """Return the label file of each folder that has the name of a split, in any case."""
    found: dict[str, list[Source]] = {split: [] for split in SPLIT_NAMES}
    others = []
    for folder in _folders(root):
        files = [root / folder / name for name in names if (root / folder / name).is_file()]
        split = split_of(folder)
        if split is not None:
            found[split] += [Source(path, split, folder) for path in files]
        elif files:
            others.append(folder)
    sources = []
    for split, of_split in found.items():
        if len(of_split) > 1:
            paths = " and ".join(str(source.path) for source in of_split[:2])
            raise UserError(f"two label files of split {split}: {paths}; remove one of them")
        sources += of_split
    if sources and others:
        log.warning(
            "%s: folders with a label file that have no name of a split are left out: %s",
            root,
            ", ".join(others),
        )
    return sources


def _folders(root: Path) -> list[str]:
    """Return the names of the visible folders in a folder, sorted."""
    with os.scandir(root) as entries:
        return sorted(e.name for e in entries if not e.name.startswith(".") and e.is_dir())


def _no_file(key: str, root: Path, name: str) -> UserError:
    names = _text_files(root)
    return UserError(f"{key}: {root / name} is missing (below --root).{did_you_mean(name, names)}")


def _candidates(root: Path) -> str:
    names = _text_files(root)[:5]
    return f"; files there: {', '.join(names)}" if names else ""


def _text_files(root: Path) -> list[str]:
    suffixes = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".xml")
    return sorted(path.name for path in root.iterdir() if path.suffix.lower() in suffixes)


def given_classes(cfg: CfgNode, root: Path, beside: Sequence[Path] = ()) -> tuple[str, ...]:
    """Return the class names of ``DATASET.CLASSES`` or of a classes.txt, empty without them.

    Args:
        cfg: the configuration.
        root: folder of the data set.
        beside: folders in which a classes.txt is looked for.

    Raises:
        UserError: the file is missing or empty, or a name is given twice.
    """
    names = tuple(map(same_form, cfg.DATASET.CLASSES))
    if len(names) == 1 and (names[0].endswith(".txt") or (root / names[0]).is_file()):
        return _read_classes(root / Path(names[0]).expanduser())
    if names:
        _check_names("DATASET.CLASSES", names)
        return names
    for folder in dict.fromkeys(beside):
        if (folder / CLASSES_FILE).is_file():
            log.info("Classes: the names in %s", folder / CLASSES_FILE)
            return _read_classes(folder / CLASSES_FILE)
    return ()


def _read_classes(path: Path) -> tuple[str, ...]:
    lines = read_lines(path, "list of classes (DATASET.CLASSES)")
    names = tuple(map(same_form, lines))
    if not names:
        raise UserError(f"{path}: the list of classes is empty; expected one name per line")
    _check_names(str(path), names)
    return names


def _check_names(place: str, names: Sequence[str]) -> None:
    for i, name in enumerate(names):
        if not name.strip():
            raise UserError(f"{place}: name {i + 1} is empty")
        if name in names[:i]:
            raise UserError(f"{place}: class '{name}' is given twice")
