"""Folder: photographs in one folder per class."""

from collections.abc import Sequence
from pathlib import Path

from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError, did_you_mean, first_names
from core.logging import get_logger
from datasets.base import SPLITS, IntentDataset
from datasets.build import DATASET_REGISTRY
from datasets.own.cells import case_pairs
from datasets.own.sources import given_classes
from datasets.own.splits import FOLD, divide
from datasets.own.targets import choose_kind
from datasets.own.tree import Picture, read_lists, read_tree, rename
from datasets.reading import report_skipped, resolve_images, root_of
from datasets.records import Record
from datasets.targets import one_hot

declare(
    "DATASET",
    Key(
        "SPLIT_LISTS",
        "",
        "Folder: list files of the splits below ROOT, such as lists/{split}.txt, with lines "
        "<class>/<image>; empty: folders of splits, or no splits",
    ),
    Key(
        "CLASS_NAMES",
        (),
        "Folder: other names of classes, as in [sad=sadness, digust=disgust]",
    ),
)

log = get_logger()


@DATASET_REGISTRY.register()
class Folder(IntentDataset):
    """Your own images in one folder per class; the folder is the label.

    Files: ``<root>/<class>/**`` or ``<root>/<split>/<class>/**``.

    Without splits all images are train: val is drawn from them, or ``DATASET.USE_FOLDS`` divides
    them. ``DATASET.CLASSES`` gives the order of classes and leaves out other folders.
    """

    ignored_keys = ("TARGETS", "LABEL_POLICY")

    def __init__(
        self, cfg: CfgNode, *, splits: Sequence[str] = SPLITS, images: bool = True
    ) -> None:
        root = root_of(cfg)
        pictures = rename(find_pictures(cfg, root), cfg.DATASET.CLASS_NAMES)
        classnames = class_order(pictures, given_classes(cfg, root))
        index = {name: c for c, name in enumerate(classnames)}
        pictures = [picture for picture in pictures if picture.folder in index]
        names = [picture.name for picture in pictures]
        paths = resolve_images(cfg, root, names, images=images)
        records = []
        for picture, path in zip(pictures, paths, strict=True):
            label = one_hot(index[picture.folder], len(classnames))
            records.append(Record(path, label, classname=picture.folder, name=picture.name))
        divided = divide(cfg, records, [picture.split for picture in pictures])
        super().__init__(
            cfg,
            classnames=classnames,
            train_x=divided.get("train", ()),
            val=divided.get("val"),
            test=divided.get("test"),
            splits=splits,
            kind=choose_kind(cfg, single=True, source=str(root)),
        )


def find_pictures(cfg: CfgNode, root: Path) -> list[Picture]:
    """Return the images with their folders and splits, as lists or folders give them.

    Raises:
        UserError: a folder or list is missing, or its content is not as expected.
    """
    base = images_folder(cfg, root)
    if cfg.DATASET.SPLIT_LISTS:
        return read_lists(root, base, cfg.DATASET.SPLIT_LISTS)
    tree = read_tree(root, base)
    report_skipped(base, tree.skipped)
    for folder, names in tree.loose.items():
        log.warning(
            "%s: %d images are in no folder of a class and are left out: %s",
            folder, len(names), first_names(names),
        )  # fmt: skip
    if tree.empty:
        log.warning("%s: folders without images: %s", base, ", ".join(sorted(set(tree.empty))))
    return tree.pictures


def images_folder(cfg: CfgNode, root: Path) -> Path:
    """Return ``DATASET.IMAGES`` below the root, with the number of the fold.

    Raises:
        UserError: the folder is missing.
    """
    folder = cfg.DATASET.IMAGES
    base = root / folder.replace(FOLD, str(cfg.DATASET.FOLD + 1))
    if base.is_dir():
        return base
    number = f" (DATASET.FOLD is {cfg.DATASET.FOLD})" if FOLD in folder else ""
    key = "DATASET.IMAGES" if folder else "DATASET.ROOT (--root)"
    siblings = []
    if base.parent.is_dir():
        siblings = [path.name for path in base.parent.iterdir() if path.is_dir()]
    raise UserError(f"{key}: there is no folder {base}{number}.{did_you_mean(base.name, siblings)}")


def class_order(pictures: Sequence[Picture], given: Sequence[str]) -> list[str]:
    """Return the class names in label order: as given, or sorted.

    Raises:
        UserError: a given class has no folder with images.
    """
    found = sorted({picture.folder for picture in pictures})
    if not given:
        for one, other in case_pairs(found):
            log.warning(
                "Folders '%s' and '%s' differ in case alone and are two classes; "
                "DATASET.CLASS_NAMES [%s=%s] makes them one",
                one, other, one, other,
            )  # fmt: skip
        return found
    for name in given:
        if name not in found:
            raise UserError(
                f"DATASET.CLASSES: class '{name}' has no folder with images."
                + did_you_mean(name, found)
            )
    others = [name for name in found if name not in given]
    if others:
        log.warning("Folders that are not in DATASET.CLASSES are left out: %s", ", ".join(others))
    return list(given)
