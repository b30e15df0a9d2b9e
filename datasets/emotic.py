"""EMOTIC (Kosti et al., CVPR 2017): 26 emotions of each person in a photo, several per person.

Layout: ``<root>/Annotations/Annotations.mat`` and the images at ``<root>/emotic/<folder>/<file>``.
The file has the structs ``train``, ``val`` and ``test``, one entry per image.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from yacs.config import CfgNode

from core.config import Key, declare
from core.logging import get_logger
from datasets.base import SPLITS, IntentDataset
from datasets.build import DATASET_REGISTRY
from datasets.emotic_mat import Person, read_persons
from datasets.label_policy import apply_policy
from datasets.reading import check_images, find_first, read_list, resolve_images, root_of
from datasets.records import Box, Record

VIEWS = ("person", "image")
PLACES = (
    "Annotations/Annotations.mat",
    "annotations/Annotations.mat",
    "Annotations.mat",
    "emotic/Annotations/Annotations.mat",
)

declare(
    "DATASET",
    Key(
        "EMOTIC_VIEW",
        "person",
        "an item of Emotic: the part of the photo in a person's box with the labels of the person, "
        "or the whole image with those of all its persons",
        choices=VIEWS,
    ),
)

log = get_logger()


@dataclass(eq=False)
class Item:
    """What becomes a record.

    Attributes:
        name: unique name.
        image: path of the image below the root.
        label: float32 (C,).
        votes: float32 (C,), shares of annotators; None in train.
        box: part of the image; None: all of it.
    """

    name: str
    image: str
    label: np.ndarray
    votes: np.ndarray | None
    box: Box | None = None


@DATASET_REGISTRY.register()
class Emotic(IntentDataset):
    """EMOTIC: 26 emotions of persons in photographs, with the official train, val and test.

    One annotator labelled train. In val and test the label is ``combined_categories`` of the file,
    whatever ``DATASET.LABEL_POLICY`` is, and ``votes`` are the shares of the annotators.
    """

    ignored_keys = ("TARGETS", "FOLD")

    def __init__(
        self, cfg: CfgNode, *, splits: Sequence[str] = SPLITS, images: bool = True
    ) -> None:
        root = root_of(cfg)
        classnames = read_list("emotic26.txt")
        path = find_first(root, PLACES, "EMOTIC's annotations")
        persons = read_persons(path, classnames)
        policy = cfg.DATASET.LABEL_POLICY
        if policy != "any" and not any(person.annotators > 1 for person in persons["train"]):
            log.warning(
                "DATASET.LABEL_POLICY %s has no effect: each person of train has one annotator",
                policy,
            )
        folder = "emotic/" if (root / "emotic").is_dir() else ""
        records = {}
        for split, found in persons.items():
            items = _person_items(split, found, folder, policy)
            if cfg.DATASET.EMOTIC_VIEW == "image":
                items = _join_images(items)
            records[split] = _make_records(cfg, root, items, images=images)
        super().__init__(
            cfg,
            classnames=classnames,
            train_x=records["train"],
            val=records["val"],
            test=records["test"],
            splits=splits,
        )


def _person_items(split: str, persons: Sequence[Person], folder: str, policy: str) -> list[Item]:
    """Return one item per person whose box has an area, in the order of the file."""
    numbers: Counter[str] = Counter()
    items = []
    num_empty = 0
    for person in persons:
        number = numbers[person.image]
        numbers[person.image] += 1
        if person.box is None:
            num_empty += 1
            continue
        label, votes = apply_policy(person.shares, policy), None
        if split != "train":
            label, votes = person.combined, person.shares
        image = folder + person.image
        items.append(Item(f"{person.image}#{number}", image, label, votes, person.box))
    if num_empty:
        log.warning(
            "Emotic: %d of %d persons in %s have a box without area in the image and are left out",
            num_empty, len(persons), split,
        )  # fmt: skip
    return items


def _join_images(items: Sequence[Item]) -> list[Item]:
    """Return one item per image: a class of any person, and its largest share."""
    joined: dict[str, Item] = {}
    for item in items:
        name = item.name.rsplit("#", 1)[0]
        if name not in joined:
            joined[name] = Item(name, item.image, item.label, item.votes)
            continue
        known = joined[name]
        known.label = np.maximum(known.label, item.label)
        if known.votes is not None:
            known.votes = np.maximum(known.votes, item.votes)
    return list(joined.values())


def _make_records(cfg: CfgNode, root: Path, items: Sequence[Item], *, images: bool) -> list[Record]:
    """Return the records; a crop is taken from the original, whose pixels its box counts."""
    names = [item.image for item in items]
    if cfg.DATASET.EMOTIC_VIEW == "image":
        paths = resolve_images(cfg, root, names, images=images)
    else:
        paths = [str(root / name) for name in names]
        if images:
            check_images(cfg, root, names)
    records = []
    for item, path in zip(items, paths, strict=True):
        records.append(Record(path, item.label, name=item.name, votes=item.votes, box=item.box))
    return records
