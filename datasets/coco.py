"""MS-COCO 2014 (Lin et al., ECCV 2014) as a multi-label data set, and its zero-shot split 48/17.

Layout: ``<root>/annotations/instances_{train2014,val2014}.json`` with the images in
``<root>/{train2014,val2014}``, ``<root>/images/{train2014,val2014}`` or ``<root>/trainval2014``.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError, did_you_mean
from core.files import read_json
from core.labels import UNKNOWN
from core.logging import get_logger
from datasets.base import SPLITS, IntentDataset
from datasets.build import DATASET_REGISTRY
from datasets.coco_json import (
    Instances,
    coco_categories,
    column_of,
    first_appearance,
    make_labels,
    read_instances,
)
from datasets.reading import LISTS, find_first, resolve_images, root_of
from datasets.records import Record
from datasets.selection.partial_labels import draws_hcp_mask
from datasets.selection.val_split import files_needed
from datasets.zero_shot import is_zero_shot

SPLIT = "48_17"
YEARS = {"train": "train2014", "test": "val2014"}
# Folders in which the files of the zero-shot projects are kept.
ZS_FOLDERS = ("annotations", "annotations/ZSIS", "annotations/zs_split", "zs_split", "")
# Files that are read where neither a key nor the official file is there.
ZS_FILES = {
    "train2014": "instances_train2014_seen_48_17.json",
    "val2014": "instances_val2014_gzsi_48_17.json",
}
NUM_ZS_TEST, NUM_ZS_UNSEEN = 6392, 2729  # test images, and those with an unseen class
ADVICE = "Get train2014.zip and val2014.zip from https://cocodataset.org"

declare(
    "DATASET",
    Key(
        "COCO_IMAGES",
        "annotated",
        "images of Coco2014: those with an annotation, in the order of their first one (as "
        "DualCoOp, ASL), or all in the order of the file, some of them without any class (as HCP)",
        choices=("annotated", "all"),
    ),
    Key(
        "ZS_TRAIN",
        "",
        "file of the zero-shot training images, such as instances_train2014_seen_48_17.json, below "
        "annotations/; empty: made from instances_train2014.json where it is there",
    ),
    Key(
        "ZS_TEST",
        "",
        "file of the zero-shot test images with seen and unseen labels, such as "
        "instances_val2014_gzsi_48_17.json; empty: made from instances_val2014.json where it is "
        "there",
    ),
    Key(
        "ZS_TEST_UNSEEN",
        "",
        "file of the test images with unseen labels, such as instances_val2014_unseen_48_17.json; "
        "only compared with the test images that have an unseen label, which are evaluated",
    ),
)

log = get_logger()


@dataclass(frozen=True, eq=False)
class Split:
    """The images of a split: file names (N,) and labels, float32 (N, C)."""

    files: list[str]
    labels: np.ndarray


@DATASET_REGISTRY.register()
class Coco2014(IntentDataset):
    """MS-COCO 2014: 80 object classes; an image has a class if any annotation has it.

    Crowds count, too. The classes are in ascending order of the category ids. Test is val2014; val
    is drawn from train2014.

    With ``DATASET.CLASS_SPLIT 48_17`` (Bansal et al., ECCV 2018) the classes are the 65 of the
    split. Train has the images of train2014 with a seen class, and unseen labels are unknown; test
    has 6,392 images of val2014 with all 65 labels.
    """

    ignored_keys = ("TARGETS", "LABEL_POLICY", "FOLD")
    mask_rows = 3  # small, medium and large objects in DualCoOp's files

    def __init__(
        self, cfg: CfgNode, *, splits: Sequence[str] = SPLITS, images: bool = True
    ) -> None:
        root = root_of(cfg)
        _warn_of_mask(cfg)
        wanted = files_needed(splits)
        unseen: list[int] = []
        if is_zero_shot(cfg, SPLIT):
            classnames, found = _read_zero_shot(cfg, root, wanted)
            unseen = _unseen_of(classnames)
        else:
            _warn_of_unused(cfg)
            classnames, found = _read_all(cfg, root, wanted)
        records = {}
        for name, split in found.items():
            records[name] = _make_records(cfg, root, name, split, images=images)
        super().__init__(
            cfg,
            classnames=classnames,
            train_x=records.get("train", ()),
            val=None,
            test=records.get("test", ()),
            splits=splits,
            counts={"test": NUM_ZS_TEST} if unseen else None,
            unseen=unseen,
        )


def _make_records(
    cfg: CfgNode, root: Path, name: str, split: Split, *, images: bool
) -> list[Record]:
    """Return the records of a split in its order."""
    places = _place_images(root, YEARS[name], split.files, images=images)
    paths = resolve_images(cfg, root, places, images=images, advice=ADVICE)
    records = []
    for path, file, label in zip(paths, split.files, split.labels, strict=True):
        records.append(Record(path, label, name=os.path.basename(file)))
    return records


def _place_images(root: Path, year: str, files: Sequence[str], *, images: bool) -> list[str]:
    """Return the paths of images below ``root``; a file name may have a folder of its own."""
    places = (year, f"images/{year}", "trainval2014", "images/trainval2014")
    if images:
        find_first(root, places, f"images of {year}")
    folder = next((place for place in places if (root / place).exists()), year)
    own_folders: dict[str, bool] = {"": False}
    found = []
    for file in files:
        own, base = os.path.split(file)
        if own not in own_folders:
            own_folders[own] = (root / own).is_dir()
        found.append(file if own_folders[own] else f"{folder}/{base}")
    return found


# All classes ------------------------------------------------------------------------------------


def _read_all(
    cfg: CfgNode, root: Path, wanted: dict[str, bool]
) -> tuple[list[str], dict[str, Split]]:
    """Return the class names and the splits of the official files."""
    files: dict[str, Instances] = {}
    for name, needed in wanted.items():
        path = instances_path(root, YEARS[name])
        if needed or path.is_file():
            files[name] = read_instances(path)
    first = next(iter(files.values()))
    for file in files.values():
        if file.categories != first.categories:
            raise UserError(f"{file.path}: its categories differ from those of {first.path}")
    columns = {category: i for i, category in enumerate(first.categories)}
    found = {}
    for name, file in files.items():
        order = list(file.files)
        if cfg.DATASET.COCO_IMAGES == "annotated":
            order = first_appearance(file.image_ids)
        labels = make_labels(file, columns, len(columns), order)
        found[name] = Split([file.files[image] for image in order], labels)
        log.info(
            "Coco2014: %d of the %d images of %s are used (DATASET.COCO_IMAGES %s)",
            len(order), len(file.files), file.path.name, cfg.DATASET.COCO_IMAGES,
        )  # fmt: skip
    return list(first.categories.values()), found


def instances_path(root: Path, year: str) -> Path:
    """Return the official annotation file of ``train2014`` or ``val2014``."""
    return root / "annotations" / f"instances_{year}.json"


def _warn_of_mask(cfg: CfgNode) -> None:
    """Warn if the rows of a mask in HCP's layout are other images than HCP's."""
    whole = cfg.DATASET.COCO_IMAGES == "all" and not cfg.DATASET.CLASS_SPLIT
    if draws_hcp_mask(cfg) and not whole:
        log.warning(
            "Coco2014: DATASET.MASK_LAYOUT hcp draws a mask that is not HCP's: that one needs "
            "DATASET.COCO_IMAGES all and all classes, because its rows are all images of the file"
        )


def _warn_of_unused(cfg: CfgNode) -> None:
    for key in ("ZS_TRAIN", "ZS_TEST", "ZS_TEST_UNSEEN"):
        if cfg.DATASET[key]:
            log.warning("DATASET.%s has no effect without DATASET.CLASS_SPLIT %s", key, SPLIT)


# Zero-shot --------------------------------------------------------------------------------------


def zero_shot_names() -> tuple[list[str], list[str]]:
    """Return the 48 seen and the 17 unseen class names, each in ascending order of the ids."""
    content = read_json(LISTS / "coco_zsl_48_17.json")
    return content["seen"], content["unseen"]


def _zero_shot_classes() -> list[str]:
    """Return the 65 class names in ascending order of the category ids."""
    used = {name for names in zero_shot_names() for name in names}
    return [name for name in coco_categories().values() if name in used]


def _unseen_of(classnames: Sequence[str]) -> list[int]:
    unseen = set(zero_shot_names()[1])
    return [i for i, name in enumerate(classnames) if name in unseen]


def _read_zero_shot(
    cfg: CfgNode, root: Path, wanted: dict[str, bool]
) -> tuple[list[str], dict[str, Split]]:
    """Return the 65 class names and the splits of the zero-shot protocol."""
    if cfg.DATASET.COCO_IMAGES != "annotated":
        log.warning("DATASET.COCO_IMAGES has no effect with DATASET.CLASS_SPLIT %s", SPLIT)
    classnames = _zero_shot_classes()
    unseen = _unseen_of(classnames)
    paths = {
        "train": _zero_shot_path(root, cfg.DATASET.ZS_TRAIN, "ZS_TRAIN", "train2014"),
        "test": _zero_shot_path(root, cfg.DATASET.ZS_TEST, "ZS_TEST", "val2014"),
    }
    found = {}
    if wanted["train"] or paths["train"].is_file():
        found["train"] = _read_seen(paths["train"], classnames, unseen)
    if wanted["test"] or paths["test"].is_file():
        is_official = paths["test"] == instances_path(root, YEARS["test"])
        listed = _listed_test_images() if is_official else None
        found["test"] = _read_gzsl(paths["test"], classnames, listed)
        _warn_of_unseen(found["test"], unseen)
        if cfg.DATASET.ZS_TEST_UNSEEN:
            path = _zero_shot_path(root, cfg.DATASET.ZS_TEST_UNSEEN, "ZS_TEST_UNSEEN", "")
            _compare_unseen(path, classnames, found["test"], unseen)
    for name, split in found.items():
        log.info(
            "Coco2014 zero-shot 48/17: %d images in %s, from %s",
            len(split.files), name, paths[name].name,
        )  # fmt: skip
    return classnames, found


def _zero_shot_path(root: Path, name: str, key: str, year: str) -> Path:
    """Return the file that a key names, or else the official one of ``year``.

    If the official file is missing and ZSI's file is there, it is that one.
    """
    official = instances_path(root, year)
    if not name:
        for folder in ZS_FOLDERS:
            path = root / folder / ZS_FILES[year]
            if path.is_file() and not official.is_file():
                return path
        return official
    places = [os.path.join(folder, name) for folder in ZS_FOLDERS]
    return find_first(root, places, f"DATASET.{key} '{name}'")


def _columns(instances: Instances, classnames: Sequence[str]) -> dict[int, int]:
    """Return category id -> class index, by the names of the file; other classes are left out.

    Raises:
        UserError: a name is none of COCO's 80.
    """
    known = list(coco_categories().values())
    columns = {}
    for number, name in instances.categories.items():
        plain = name.replace("_", " ").strip().lower()
        if plain not in known:
            raise UserError(
                f"{instances.path}: category '{name}' is none of COCO's 80 classes."
                f"{did_you_mean(plain, known)}"
            )
        if plain in classnames:
            columns[number] = classnames.index(plain)
    return columns


def _read_seen(path: Path, classnames: Sequence[str], unseen: Sequence[int]) -> Split:
    """Return the training images with a seen class; unseen labels are unknown."""
    instances = read_instances(path)
    columns = _columns(instances, classnames)
    column = column_of(instances, columns)
    is_seen = (column >= 0) & ~np.isin(column, unseen)
    order = first_appearance(instances.image_ids[is_seen])
    labels = make_labels(instances, columns, len(classnames), order)
    labels[:, unseen] = UNKNOWN
    return Split([instances.files[image] for image in order], labels)


def _listed_test_images() -> set[int]:
    """Return the ids of the 6,392 test images."""
    return set(read_json(LISTS / "coco_zsl_48_17_val2014_ids.json")["gzsl"])


def _read_gzsl(path: Path, classnames: Sequence[str], listed: set[int] | None) -> Split:
    """Return the test images with one of the 65 classes, only those of ``listed`` if given."""
    instances = read_instances(path)
    columns = _columns(instances, classnames)
    order = first_appearance(instances.image_ids[column_of(instances, columns) >= 0])
    if listed is not None:
        order = [image for image in order if image in listed]
        absent = len(listed) - len(order)
        if absent:
            log.warning(
                "%s lacks %d of the %d images of the zero-shot test", path, absent, len(listed)
            )
    labels = make_labels(instances, columns, len(classnames), order)
    return Split([instances.files[image] for image in order], labels)


def _has_unseen(split: Split, unseen: Sequence[int]) -> np.ndarray:
    """Return which images have an unseen class, bool (N,)."""
    return (split.labels[:, unseen] > 0).any(axis=1)


def _warn_of_unseen(test: Split, unseen: Sequence[int]) -> None:
    """Warn if another number of test images has an unseen class than in the published split."""
    number = int(_has_unseen(test, unseen).sum())
    if number != NUM_ZS_UNSEEN:
        log.warning(
            "Coco2014 zero-shot 48/17: %d test images have an unseen class; in the published split "
            "%d have one",
            number, NUM_ZS_UNSEEN,
        )  # fmt: skip


def _compare_unseen(
    path: Path, classnames: Sequence[str], test: Split, unseen: Sequence[int]
) -> None:
    """Warn if a file of test images with unseen labels has other images than the test split."""
    given = {os.path.basename(file) for file in _read_gzsl(path, classnames, None).files}
    expected = set()
    for file, chosen in zip(test.files, _has_unseen(test, unseen), strict=True):
        if chosen:
            expected.add(os.path.basename(file))
    if given != expected:
        log.warning(
            "DATASET.ZS_TEST_UNSEEN %s has %d images; the %d test images with an unseen label are "
            "evaluated, %d of them are in the file",
            path, len(given), len(expected), len(given & expected),
        )  # fmt: skip
