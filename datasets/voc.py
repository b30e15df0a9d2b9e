"""PASCAL VOC 2007 (Everingham et al., IJCV 2010) as a multi-label data set.

Layout: ``<root>/{Annotations/*.xml, ImageSets/Main/{trainval,test}.txt, JPEGImages/*.jpg}``, where
``<root>`` is ``VOC2007``, ``VOCdevkit`` or the folder above.
"""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError, first_names, not_accepted
from core.files import find_missing
from core.labels import UNKNOWN
from datasets.base import SPLITS, IntentDataset
from datasets.build import DATASET_REGISTRY
from datasets.reading import read_lines, read_list, resolve_images, root_of
from datasets.records import Record
from datasets.selection.val_split import files_needed

LIST_OF = {"train": "trainval", "test": "test"}
COUNTS = {"train": 5011, "test": 4952}
ARCHIVES = {"train": "VOCtrainval_06-Nov-2007.tar", "test": "VOCtest_06-Nov-2007.tar"}
# Value of DATASET.VOC_DIFFICULT -> label of a class with difficult objects only.
DIFFICULT = {"skip": 0.0, "positive": 1.0, "unknown": float(UNKNOWN)}

declare(
    "DATASET",
    Key(
        "VOC_DIFFICULT",
        "skip",
        "label of a class of which a VOC image has difficult objects only: negative (skip), "
        "positive, or unknown, which leaves it out of training and metrics",
        choices=tuple(DIFFICULT),
    ),
)


@DATASET_REGISTRY.register()
class Voc2007(IntentDataset):
    """PASCAL VOC 2007: 20 object classes in alphabetical order.

    Train is trainval, from which val is drawn.
    """

    ignored_keys = ("TARGETS", "LABEL_POLICY", "FOLD")

    def __init__(
        self, cfg: CfgNode, *, splits: Sequence[str] = SPLITS, images: bool = True
    ) -> None:
        given = root_of(cfg)
        root = find_voc(given)
        classnames = read_list("voc20.txt")
        needed = files_needed(splits)
        records: dict[str, list[Record]] = {}
        for name, file in LIST_OF.items():
            path = root / "ImageSets" / "Main" / f"{file}.txt"
            if not needed[name] and not path.is_file():
                continue
            ids = read_ids(path)
            labels = read_labels(root, ids, classnames, name, cfg.DATASET.VOC_DIFFICULT)
            records[name] = _make_records(cfg, given, root, ids, labels, images=images)
        super().__init__(
            cfg,
            classnames=classnames,
            train_x=records.get("train", ()),
            val=None,
            test=records.get("test", ()),
            splits=splits,
            counts=COUNTS,
        )


def find_voc(root: Path) -> Path:
    """Return the folder that has ``ImageSets/Main``: ``root`` or ``VOC2007`` below it.

    Raises:
        UserError: there is none.
    """
    places = (".", "VOC2007", "VOCdevkit/VOC2007")
    for place in places:
        if (root / place / "ImageSets" / "Main").is_dir():
            return root / place
    raise UserError(
        f"no VOC 2007 below {root} (DATASET.ROOT, --root); expected ImageSets/Main/ in it, in "
        "VOC2007/ or in VOCdevkit/VOC2007/"
    )


def read_ids(path: Path) -> list[str]:
    """Return the ids of an image list as text, with their leading zeros.

    Raises:
        UserError: the list is missing.
    """
    return [line.split()[0] for line in read_lines(path, "list of the VOC 2007 images")]


def read_labels(
    root: Path, ids: Sequence[str], classnames: Sequence[str], split: str, difficult: str
) -> np.ndarray:
    """Return the labels of images, float32 (N, C), from their annotation files.

    Args:
        root: folder that has ``Annotations``.
        ids: N ids of images.
        classnames: C names.
        split: ``train`` or ``test``, for the error if the files are missing.
        difficult: value of ``DATASET.VOC_DIFFICULT``.

    Raises:
        UserError: a file is missing or broken, or an object has an unknown class.
    """
    names = [f"{image}.xml" for image in ids]
    _check_annotations(root / "Annotations", names, split)
    index = {name: i for i, name in enumerate(classnames)}
    labels = np.zeros((len(ids), len(classnames)), dtype=np.float32)
    for label, name in zip(labels, names, strict=True):
        path = root / "Annotations" / name
        clear, hard = read_objects(path)
        for classname in clear | hard:
            if classname not in index:
                raise UserError(f"{path}: {not_accepted('class', classname, classnames)}")
            label[index[classname]] = 1.0 if classname in clear else DIFFICULT[difficult]
    return labels


def _check_annotations(folder: Path, names: Sequence[str], split: str) -> None:
    """Raise if annotation files of a split are missing."""
    missing = find_missing(folder, names)
    if not missing:
        return
    raise UserError(
        f"{len(missing)} of {len(names)} annotation files of split {split} are missing in "
        f"{folder}: {first_names(missing)}. They are in {ARCHIVES[split]}"
    )


def read_objects(path: Path) -> tuple[set[str], set[str]]:
    """Return the classes of objects that are not difficult, and of those that are.

    The parts of an object (head, hand, foot) have names, too, which are left out.

    Raises:
        UserError: the file is no annotation of VOC.
    """
    data = path.read_bytes()
    # Entities can make a small file expand to gigabytes; no annotation of VOC declares any.
    if b"<!DOCTYPE" in data:
        raise UserError(f"{path} has a document type; expected an annotation of VOC")
    try:
        annotation = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError) as error:
        raise UserError(f"{path} is not valid XML: {error}") from None
    clear, hard = set(), set()
    for entry in annotation.findall("object"):
        name = (entry.findtext("name") or "").strip()
        if not name:
            raise UserError(f"{path}: an object has no <name>")
        is_difficult = (entry.findtext("difficult") or "0").strip() == "1"
        (hard if is_difficult else clear).add(name)
    return clear, hard


def _make_records(
    cfg: CfgNode,
    given: Path,
    root: Path,
    ids: Sequence[str],
    labels: np.ndarray,
    *,
    images: bool,
) -> list[Record]:
    """Return one record per image, in the order of the list."""
    folder = (root / "JPEGImages").relative_to(given)
    files = [f"{image}.jpg" for image in ids]
    places = [(folder / file).as_posix() for file in files]
    paths = resolve_images(cfg, given, places, images=images)
    records = []
    for path, label, file in zip(paths, labels, files, strict=True):
        records.append(Record(path, label, name=file))
    return records
