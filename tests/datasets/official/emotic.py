"""EMOTIC: one MATLAB file with the structs train, val and test, and four image folders.

The file has the arrays of structs that MATLAB writes. Planted: images with one and with several
persons, persons with one category and with one annotator (MATLAB readers squeeze both away), boxes
that are not integers or leave the image, and a name with a slash.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import savemat

from tests.datasets.official.expected import Expected
from tests.datasets.official.files import draw

CLASSES = [
    "Affection", "Anger", "Annoyance", "Anticipation", "Aversion", "Confidence", "Disapproval",
    "Disconnection", "Disquietment", "Doubt/Confusion", "Embarrassment", "Engagement", "Esteem",
    "Excitement", "Fatigue", "Fear", "Happiness", "Pain", "Peace", "Pleasure", "Sadness",
    "Sensitivity", "Suffering", "Surprise", "Sympathy", "Yearning",
]  # fmt: skip
Box = tuple[float, float, float, float]


@dataclass
class Person:
    """A box [x1, y1, x2, y2] and the categories that each annotator chose."""

    box: Box
    annotators: list[list[str]]


# Split -> image -> persons.
IMAGES: dict[str, dict[str, list[Person]]] = {
    "train": {
        "mscoco/images/COCO_val2014_000000562243.jpg": [
            Person((2, 3, 12, 15), [["Disconnection", "Doubt/Confusion"]]),
        ],
        "framesdb/images/frame_2m4bndjtzkhsvfi4.jpg": [
            Person((0, 0, 9, 16), [["Happiness"]]),
            Person((5.5, 2.25, 14.75, 15.5), [["Anticipation", "Engagement", "Excitement"]]),
            Person((-3, 4, 13, 120), [["Fear"]]),
        ],
        "emodb_small/images/3mhlrzg0e7z2bl4ze8.jpg": [Person((1, 1, 15, 15), [["Peace"]])],
        "ade20k/images/labelme_ymtqiqcnglkkwqk.jpg": [
            Person((4, 4, 10, 12), [["Suffering", "Sadness"]]),
            Person((1, 2, 8, 9), [list(CLASSES)]),
        ],
    },
    "val": {
        "mscoco/images/COCO_train2014_000000288841.jpg": [
            Person((2, 2, 12, 14), [["Anger"], ["Anger", "Disapproval"], ["Annoyance"]]),
        ],
        "framesdb/images/frame_pr3cdkzzuyzgk6zx.jpg": [
            Person((1, 1, 10, 10), [["Pleasure"]]),
            Person((3, 1, 14, 12), [["Pleasure", "Happiness"], ["Pleasure", "Happiness"]]),
        ],
    },
    "test": {
        "ade20k/images/labelme_pyrznmvkyjxyskq.jpg": [
            Person((2, 3, 11, 13), [["Sympathy"], ["Sympathy"], ["Sympathy"]]),
        ],
        "mscoco/images/COCO_train2014_000000391553.jpg": [
            Person((1, 1, 6, 12), [["Yearning"], ["Esteem", "Doubt/Confusion"], ["Esteem"]]),
            Person((6, 1, 13, 12), [["Engagement"], ["Engagement", "Confidence"], ["Aversion"]]),
            Person((0, 0, 15, 15), [["Surprise"], ["Pain", "Surprise", "Fear"]]),
        ],
        "emodb_small/images/15ybj2xhlkhm9k7xmb.jpg": [
            Person((3, 3, 12, 12), [["Fatigue", "Sensitivity"]]),
        ],
    },
}


def write_emotic(root: Path, *, seed: int = 0) -> Expected:
    """Write ``emotic/<source>/images/*.jpg`` and ``Annotations/Annotations.mat`` below ``root``."""
    expected = Expected(
        classnames=list(CLASSES),
        splits={},
        notes=(
            "One record per person. #0, #1, ... are the persons in the order of the file.",
            "val and test: positive classes are combined_categories, here the union of the "
            "annotators; shares are shares of the annotators.",
            "train: one annotator, so that a loader may leave the shares out.",
            "Boxes: a loader may clip them to the image and round them.",
        ),
    )
    structs = {}
    for split, images in IMAGES.items():
        entries = []
        for name, persons in images.items():
            size = draw(root / "emotic" / name, seed=seed)
            entries.append(_image(name, size, persons, split))
        structs[split] = _struct(entries)
        expected.splits[split] = {}
        _expect(expected, split, images)
    path = root / "Annotations" / "Annotations.mat"
    path.parent.mkdir(parents=True)
    savemat(path, structs, do_compression=True)
    with open(path, "r+b") as file:  # the header has the date, so that two files would differ
        file.write(b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(116))
    return expected


def _expect(expected: Expected, split: str, images: dict[str, list[Person]]) -> None:
    """Add the persons of one split to what a loader must read."""
    for name, persons in images.items():
        for i, person in enumerate(persons):
            key = f"emotic/{name}#{i}"
            counts = dict.fromkeys(CLASSES, 0)
            for chosen in person.annotators:
                for category in chosen:
                    counts[category] += 1
            number = len(person.annotators)
            expected.splits[split][key] = {c for c in CLASSES if counts[c]}
            expected.shares[key] = {c: counts[c] / number for c in CLASSES}
            expected.boxes[key] = person.box


def _image(
    name: str, size: tuple[int, int], persons: Sequence[Person], split: str
) -> dict[str, object]:
    folder, file = name.rsplit("/", 1)
    source = folder.split("/")[0]
    width, height = size
    info = _struct([{"image_id": 562243.0, "annotations_id": 208298.0}])
    return {
        "filename": file,
        "folder": folder,
        "image_size": _struct([{"n_col": float(width), "n_row": float(height)}]),
        "original_database": _struct([{"name": source, "info": info}]),
        "person": _struct([_person(person, split) for person in persons]),
    }


def _person(person: Person, split: str) -> dict[str, object]:
    """Return one person; val and test have the combination of the annotators, too."""
    annotations = [{"categories": _cell(chosen)} for chosen in person.annotators]
    continuous = {"valence": 5.0, "arousal": 3.0, "dominance": 9.0}
    entry = {
        "body_bbox": np.array([person.box], dtype=np.float64),
        "annotations_categories": _struct(annotations),
        "annotations_continuous": _struct([continuous] * len(annotations)),
    }
    if split != "train":
        union = {category for chosen in person.annotators for category in chosen}
        entry["combined_categories"] = _cell(sorted(union))
        entry["combined_continuous"] = _struct([continuous])
    entry["gender"] = "Male"
    entry["age"] = "Adult"
    return entry


def _struct(entries: Sequence[dict[str, object]]) -> np.ndarray:
    """Return an array of structs of the shape (1, N), as MATLAB saves it."""
    array = np.empty((1, len(entries)), dtype=[(name, object) for name in entries[0]])
    for i, entry in enumerate(entries):
        for name, value in entry.items():
            array[0, i][name] = value
    return array


def _cell(texts: Sequence[str]) -> np.ndarray:
    """Return a cell array of the shape (1, N), as MATLAB saves it."""
    array = np.empty((1, len(texts)), dtype=object)
    for i, text in enumerate(texts):
        array[0, i] = text
    return array
