"""NUS-WIDE (Chua et al., CIVR 2009) as a multi-label data set, and its zero-shot split 925/81.

Three sets of files are read: the official release (``nus_files``), the list of ASL's authors
(``nus_csv``) and the zero-shot arrays of DualCoOp's authors (``nus_npy``).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError, not_accepted
from core.labels import UNKNOWN
from core.logging import get_logger
from datasets import nus_csv, nus_npy
from datasets.base import SPLITS, IntentDataset
from datasets.build import DATASET_REGISTRY
from datasets.nus_files import LIST_FILES, Release, find_official
from datasets.nus_images import find_unusable, image_folder
from datasets.reading import read_lines, read_list, resolve_images, root_of
from datasets.records import Record
from datasets.selection.val_split import files_needed
from datasets.zero_shot import is_zero_shot, twins

SPLIT = "925_81"
COUNTS = {"train": 161789, "test": 107859}
NUM_CONCEPTS = 81
TAGS_NOTE = (
    "The labels are tags of users (DATASET.NUS_LABELS tags), in test, too: the numbers cannot be "
    "compared with those on human labels."
)
ADVICE = (
    "Many pictures are no longer at Flickr: DATASET.NUS_MISSING drop leaves them out before val is "
    "drawn"
)

declare(
    "DATASET",
    Key(
        "NUS_FORMAT",
        "auto",
        "files of NUS-WIDE to read: the official release, nus_wid_data.csv of ASL (csv) or the "
        "zero-shot arrays of DualCoOp (npy); auto: official where its image lists are",
        choices=("auto", "official", "csv", "npy"),
    ),
    Key(
        "NUS_LABELS",
        "human",
        "labels of NUS-WIDE's 81 concepts in the official release: the human ground truth, or the "
        "users' tags, whose results cannot be compared with the others",
        choices=("human", "tags"),
    ),
    Key(
        "NUS_MISSING",
        "error",
        "missing images of NUS-WIDE: an error, left out (drop), or left out together with files of "
        "up to 4,000 bytes and the picture that stands for a removed one (drop_placeholders)",
        choices=("error", "drop", "drop_placeholders"),
    ),
    Key(
        "NUS_UNLABELLED",
        "keep",
        "NUS-WIDE's images without a positive label: kept as in the official lists, or left out "
        "(drop) of train and test; nus_wid_data.csv has none",
        choices=("keep", "drop"),
    ),
)

log = get_logger()


@dataclass(eq=False)
class Split:
    """The images of a split: paths (N,) as in the image list, and labels, float32 (N, C)."""

    files: list[str]
    labels: np.ndarray


@dataclass(eq=False)
class Source:
    """What was read: class names in label order, the unseen ones, the splits, notes for readers."""

    classnames: list[str]
    splits: dict[str, Split]
    unseen: list[int] = field(default_factory=list)
    counts: dict[str, int] | None = None
    notes: Sequence[str] = ()


@DATASET_REGISTRY.register()
class NusWide(IntentDataset):
    """NUS-WIDE: 81 concepts with human labels; val is drawn from train.

    With ``DATASET.CLASS_SPLIT 925_81`` the classes are 1,006 in alphabetical order: 925 seen ones,
    which are users' tags, and the 81 concepts as unseen ones, with human labels in test.
    """

    ignored_keys = ("TARGETS", "LABEL_POLICY", "FOLD")

    def __init__(
        self, cfg: CfgNode, *, splits: Sequence[str] = SPLITS, images: bool = True
    ) -> None:
        root = root_of(cfg)
        zero_shot = is_zero_shot(cfg, SPLIT)
        kind = choose_format(cfg, root, zero_shot)
        source = _read(cfg, root, kind, zero_shot, files_needed(splits))
        records = {}
        for name, split in source.splits.items():
            records[name] = _make_records(cfg, root, name, split, images=images)
        super().__init__(
            cfg,
            classnames=source.classnames,
            train_x=records.get("train", ()),
            val=None,
            test=records.get("test", ()),
            splits=splits,
            counts=source.counts if cfg.DATASET.NUS_UNLABELLED == "keep" else None,
            unseen=source.unseen,
            notes=source.notes,
        )


def choose_format(cfg: CfgNode, root: Path, zero_shot: bool) -> str:
    """Return which files are read: ``official``, ``csv`` or ``npy``.

    Raises:
        UserError: ``DATASET.NUS_FORMAT`` does not fit ``DATASET.CLASS_SPLIT``.
    """
    chosen = cfg.DATASET.NUS_FORMAT
    other = "npy" if zero_shot else "csv"
    if chosen not in ("auto", "official", other):
        raise UserError(
            not_accepted(
                f"DATASET.NUS_FORMAT with DATASET.CLASS_SPLIT '{cfg.DATASET.CLASS_SPLIT}'",
                chosen,
                ["auto", "official", other],
            )
        )
    if chosen != "auto":
        return chosen
    for name in LIST_FILES.values():
        if find_official(root, "ImageList", name):
            return "official"
    marker = nus_npy.CLASSES if zero_shot else nus_csv.NAME
    return other if (root / marker).is_file() else "official"


def _read(cfg: CfgNode, root: Path, kind: str, zero_shot: bool, needed: dict[str, bool]) -> Source:
    """Return the classes and splits of the chosen files."""
    if cfg.DATASET.NUS_LABELS != "human" and (zero_shot or kind != "official"):
        log.warning("DATASET.NUS_LABELS has no effect: these files have one set of labels only")
    if kind == "csv":
        return _read_csv(root)
    if kind == "npy":
        return _read_npy(root, needed)
    releases = {}
    for name, is_needed in needed.items():
        if is_needed or find_official(root, "ImageList", LIST_FILES[name]):
            releases[name] = Release(root, name)
    if zero_shot:
        return _read_zero_shot(root, releases)
    return _read_supervised(root, releases, cfg.DATASET.NUS_LABELS)


# Sources ----------------------------------------------------------------------------------------


def _read_csv(root: Path) -> Source:
    """Read ASL's list."""
    classnames, found = nus_csv.read_csv(root / nus_csv.NAME)
    if len(classnames) != NUM_CONCEPTS:
        log.warning(
            "%s has %d classes; NUS-WIDE has %d", nus_csv.NAME, len(classnames), NUM_CONCEPTS
        )
    splits = {}
    for name, (files, labels) in found.items():
        splits[name] = Split(files, labels)
    return Source(classnames, splits)


def _read_npy(root: Path, needed: dict[str, bool]) -> Source:
    """Read DualCoOp's arrays; unseen labels of train become unknown."""
    classnames, unseen = nus_npy.read_classes(root)
    splits = {}
    for name, is_needed in needed.items():
        if is_needed or nus_npy.has_arrays(root, name):
            files, labels = nus_npy.read_arrays(root, name, classnames)
            splits[name] = Split(files, labels)
    if "train" in splits:
        splits["train"].labels[:, unseen] = UNKNOWN
    return Source(classnames, splits, unseen, notes=about_twins(classnames, unseen))


def _read_supervised(root: Path, releases: dict[str, Release], kind: str) -> Source:
    """Read the 81 concepts of the official release; ``kind`` is human or tags."""
    concepts = _names(root, "ConceptsList", "Concepts81.txt", "nus_wide_81.txt")
    splits = {}
    for name, release in releases.items():
        if kind == "human":
            labels = release.concepts(concepts)
        else:
            labels = release.tags("81", len(concepts))
        splits[name] = Split(release.files, labels.astype(np.float32))
    return Source(concepts, splits, counts=COUNTS, notes=(TAGS_NOTE,) if kind == "tags" else ())


def _read_zero_shot(root: Path, releases: dict[str, Release]) -> Source:
    """Read the 925 tags and the 81 concepts of the official release.

    The tags of the 75 concepts that are also tags are left out.
    """
    tags = _names(root, "NUS_WID_Tags", "TagList1k.txt", "nus_wide_tags_1000.txt")
    concepts = read_list("nus_wide_81.txt")
    classnames = read_list("nus_wide_1006_sorted.txt")
    unseen = [classnames.index(name) for name in concepts]
    seen_names = read_list("nus_wide_925_seen.txt")
    seen = [classnames.index(name) for name in seen_names]
    for name in seen_names:
        if name not in tags:
            raise UserError(f"NUS-WIDE: TagList1k.txt lacks the tag '{name}'")
    columns = [tags.index(name) for name in seen_names]
    splits = {}
    for name, release in releases.items():
        labels = np.full((len(release.files), len(classnames)), UNKNOWN, dtype=np.float32)
        labels[:, seen] = release.tags("1k", len(tags))[:, columns]
        if name == "test":
            labels[:, unseen] = release.concepts(concepts)
        splits[name] = Split(release.files, labels)
    return Source(classnames, splits, sorted(unseen), COUNTS, about_twins(classnames, unseen))


def _names(root: Path, folder: str, name: str, shipped: str) -> list[str]:
    """Return the lines of an official list, or of the shipped copy where it is missing."""
    path = find_official(root, folder, name)
    return read_list(shipped) if path is None else read_lines(path)


def about_twins(classnames: Sequence[str], indices: Sequence[int]) -> list[str]:
    """Return the sentence that some unseen classes are hardly unseen; none without such classes.

    Args:
        classnames: all classes.
        indices: of the unseen ones.
    """
    is_unseen = set(indices)
    unseen = [classnames[i] for i in sorted(indices)]
    seen = [name for i, name in enumerate(classnames) if i not in is_unseen]
    pairs = [f"{name}/{other}" for name, other in twins(seen, unseen).items()]
    if not pairs:
        return []
    return [
        f"{len(pairs)} of the {len(unseen)} unseen classes differ from a seen one by a final s "
        f"alone ({', '.join(pairs[:3])}, ...), so they are not strictly unseen."
    ]


# Records ----------------------------------------------------------------------------------------


def _make_records(
    cfg: CfgNode, root: Path, name: str, split: Split, *, images: bool
) -> list[Record]:
    """Return the records of the images that are used, and log how many there are."""
    folder = image_folder(root, split.files)
    places = [f"{folder}/{file}" if folder else file for file in split.files]
    keep, reasons = _choose(cfg, root, places, split.labels)
    kept = np.flatnonzero(keep)
    labels = split.labels if keep.all() else split.labels[kept]
    lost = "".join(f", {count} {reason}" for reason, count in reasons.items())
    log.info("NUS-WIDE %s: %d of %d images%s", name, len(kept), len(places), lost)
    places = [places[i] for i in kept]
    paths = resolve_images(cfg, root, places, images=images, advice=ADVICE)
    records = []
    # Each label is a view of one array: 161,789 arrays of 1,006 numbers would take longer to make.
    for i, path, label in zip(kept, paths, labels, strict=True):
        records.append(Record(path, label, name=split.files[i]))
    return records


def _choose(
    cfg: CfgNode, root: Path, places: Sequence[str], labels: np.ndarray
) -> tuple[np.ndarray, Counter]:
    """Return which images are kept, bool (N,), and how many are not for which reason.

    Without any file all images are kept: the labels alone are used, or the folder is wrong.
    """
    unusable: dict[str, str] = {}
    missing = cfg.DATASET.NUS_MISSING
    if missing != "error":
        unusable = find_unusable(root, places, placeholders=missing == "drop_placeholders")
    if list(unusable.values()).count("missing") == len(places):
        unusable = {}
    keep = np.array([place not in unusable for place in places], dtype=bool)
    reasons = Counter(unusable.values())
    if cfg.DATASET.NUS_UNLABELLED == "drop":
        unlabelled = keep & ~(labels > 0).any(axis=1)
        keep &= ~unlabelled
        reasons["without a positive label"] = int(unlabelled.sum())
    return keep, reasons
