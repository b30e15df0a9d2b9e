"""Tables of users' own data, as common tools and research code write them.

Planted: spaces after commas, UTF-8 with a byte order mark, CRLF, labels with commas and slashes,
empty label lists, images with all classes, file names without a suffix, with capital letters and
in sub-folders, ragged rows, and a class that no image has.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.datasets.official.expected import Expected, Splits
from tests.datasets.official.files import draw, flags, write_clutter, write_text

COMPETE = "Beat other, compete"
DOUBT = "Doubt/Confusion"
# Class names that a space or a comma would tear apart, and plain ones.
WORDED = [COMPETE, DOUBT, "calm", "joy"]
PLAIN = ["calm", "joy", "surprise", "unused"]
# Split -> file -> classes.
WORDED_IMAGES = {
    "train": {
        "0001.jpg": [COMPETE],
        "0002.png": ["joy", DOUBT],
        "more/0003.JPG": ["calm"],
        "0004.jpg": [],
        "0005.jpg": WORDED,
    },
    "val": {"0001.jpg": ["joy", COMPETE], "0002.jpg": [DOUBT]},
    "test": {"0001.jpg": ["calm", "joy"], "more/0002.jpeg": [COMPETE, DOUBT], "0003.jpg": []},
}
PLAIN_IMAGES = {
    "train": {
        "IMG_0001.JPG": ["joy"],
        "a b.jpg": ["calm", "surprise"],
        "c.png": ["calm", "joy", "surprise"],
        "d.jpg": ["surprise"],
        "e.jpg": ["joy", "calm"],
    },
    "val": {"f.jpg": ["calm"], "g.jpg": ["joy", "surprise"]},
    "test": {"h.jpg": ["surprise"], "i.jpg": ["calm", "joy"], "j.jpg": ["joy"]},
}


def write_roboflow(root: Path, *, seed: int = 0) -> Expected:
    """Write ``{train,valid,test}/_classes.csv`` with 0 and 1, and the images beside each table."""
    splits: Splits = {}
    for split, images in PLAIN_IMAGES.items():
        folder = root / ("valid" if split == "val" else split)
        lines = [", ".join(["filename", *PLAIN])]
        splits[split] = {}
        for i, (file, labels) in enumerate(images.items()):
            name = f"{file.replace('.', '_').replace(' ', '-')}.rf.{i:08x}.jpg"
            chosen = list(PLAIN) if file == "c.png" else labels
            lines.append(", ".join([name, *flags(chosen, PLAIN)]))
            splits[split][f"{folder.name}/{name}"] = set(chosen)
            draw(folder / name, seed=seed)
        empty = f"none_jpg.rf.{split}.jpg"
        lines.append(", ".join([empty, *flags([], PLAIN)]))
        splits[split][f"{folder.name}/{empty}"] = set()
        draw(folder / empty, seed=seed)
        write_text(folder / "_classes.csv", lines, newline="\r\n")
    write_text(root / "README.dataset.txt", ["# photos > 2024", "https://universe.roboflow.com"])
    return Expected(classnames=list(PLAIN), splits=splits)


def write_imagefolder_csv(root: Path, *, seed: int = 0) -> Expected:
    """Write ``{train,validation,test}/metadata.csv`` with ``file_name`` and labels joined by |."""
    splits = _draw_splits(root, WORDED_IMAGES, seed, val="validation")
    for split, images in WORDED_IMAGES.items():
        folder = root / ("validation" if split == "val" else split)
        rows = _joined_rows(images)
        # Excel saves UTF-8 with a byte order mark.
        write_table(folder / "metadata.csv", ["file_name", "labels"], rows, bom=split == "train")
    return Expected(classnames=sorted(WORDED), splits=splits)


def write_imagefolder_jsonl(root: Path, *, seed: int = 0, val: str = "validation") -> Expected:
    """Write ``{train,validation,test}/metadata.jsonl`` with ``file_name`` and a list ``labels``.

    Args:
        val: folder of the split val; ``val`` is in use, too.
    """
    splits = _draw_splits(root, WORDED_IMAGES, seed, val=val)
    for split, images in WORDED_IMAGES.items():
        lines = []
        for file, labels in images.items():
            lines.append(json.dumps({"file_name": file, "labels": labels}))
        folder = root / (val if split == "val" else split)
        write_text(folder / "metadata.jsonl", [*lines, ""])
        write_clutter(folder)
    return Expected(classnames=sorted(WORDED), splits=splits)


def write_imagefolder_classes(root: Path, *, seed: int = 0) -> Expected:
    """Write ``{train,test}/<class>/*.jpg``, the form without a table."""
    splits: Splits = {}
    for split in ("train", "test"):
        splits[split] = {}
        for name in ("calm", "joy", "surprise"):
            for number in (1, 2) if split == "train" else (3,):
                file = f"{split}/{name}/{number}.jpg"
                draw(root / file, seed=seed)
                splits[split][file] = {name}
    return Expected(classnames=["calm", "joy", "surprise"], splits=splits)


def write_fastai(root: Path, *, seed: int = 0) -> Expected:
    """Write fastai's ``train.csv``: ``fname,labels,is_valid``; the images lie in ``train/``."""
    rows = []
    splits: Splits = {"train": {}, "val": {}}
    for split in splits:
        for file, labels in PLAIN_IMAGES[split].items():
            rows.append([file, " ".join(labels), str(split == "val")])
            splits[split][f"train/{file}"] = set(labels)
            draw(root / "train" / file, seed=seed)
    rows.insert(2, rows.pop())  # rows of both splits mix
    write_table(root / "train.csv", ["fname", "labels", "is_valid"], rows)
    return Expected(classnames=PLAIN[:3], splits=splits, notes=("No test split.",))


def write_planet(root: Path, *, seed: int = 0) -> Expected:
    """Write planet's ``train.csv``: ``image_name,tags`` without suffix; images in ``train/``."""
    tags = ["haze primary", "agriculture clear primary water", "clear", "cloudy", "clear primary"]
    rows, labels = [], {}
    for i, line in enumerate(tags):
        rows.append([f"train_{i}", line])
        labels[f"train/train_{i}.jpg"] = set(line.split())
        draw(root / "train" / f"train_{i}.jpg", seed=seed)
    write_table(root / "train.csv", ["image_name", "tags"], rows)
    names = set().union(*labels.values())
    return Expected(classnames=sorted(names), splits={"all": labels}, notes=("No splits.",))


def write_keras_list(root: Path, *, seed: int = 0) -> Expected:
    """Write tables for Keras' ``categorical``: a Python list in the column ``class``."""
    splits = _draw_splits(root, WORDED_IMAGES, seed)
    for split, images in WORDED_IMAGES.items():
        rows = [[f"{split}/{file}", str(labels)] for file, labels in images.items()]
        write_table(root / f"{split}.csv", ["filename", "class"], rows)
    return Expected(classnames=sorted(WORDED), splits=splits)


def write_keras_columns(root: Path, *, seed: int = 0) -> Expected:
    """Write one table for Keras' ``raw``: a column per class, and a column with the split."""
    splits = _draw_splits(root, WORDED_IMAGES, seed)
    rows = []
    for split, images in WORDED_IMAGES.items():
        for file, labels in images.items():
            rows.append([f"{split}/{file}", split, *flags(labels, WORDED)])
    write_table(root / "labels.csv", ["filename", "split", *WORDED], rows, newline="\r\n")
    return Expected(classnames=list(WORDED), splits=splits)


def write_vertex(root: Path, *, seed: int = 0) -> Expected:
    """Write Google's table: ``ML_USE,uri,label,label,...`` without a header, in ragged rows."""
    rows = []
    splits = _draw_splits(root, WORDED_IMAGES, seed)
    words = {"train": "TRAIN", "val": "VALIDATION", "test": "TEST"}
    for split, images in WORDED_IMAGES.items():
        for file, labels in images.items():
            rows.append([words[split], f"gs://bucket-1/photos/{split}/{file}", *labels])
    write_table(root / "import.csv", None, rows)
    return Expected(
        classnames=sorted(WORDED),
        splits=splits,
        notes=(
            "The images lie below the root at the part of the uri after gs://bucket-1/photos/.",
        ),
    )


def write_ml_gcn(root: Path, *, seed: int = 0) -> Expected:
    """Write ML-GCN's ``classification_{train,test}.csv``: name, then 1, -1 or 0 for each class.

    In these files -1 means no and 0 a difficult object. The variant ``difficult`` has the latter.
    """
    names = PLAIN[:3]
    table = {
        "train": {"000005": (1, -1, -1), "000007": (-1, 1, 1), "000012": (0, 1, -1)},
        "test": {"000001": (1, 1, 1), "000002": (-1, -1, 1), "000003": (-1, 0, -1)},
    }
    splits: Splits = {}
    difficult: Splits = {}
    for split, images in table.items():
        splits[split], difficult[split] = {}, {}
        rows = []
        for number, values in images.items():
            path = f"JPEGImages/{number}.jpg"
            draw(root / path, seed=seed)
            by_value: dict[int, set[str]] = {1: set(), 0: set(), -1: set()}
            for name, value in zip(names, values, strict=True):
                by_value[value].add(name)
            splits[split][path], difficult[split][path] = by_value[1], by_value[0]
            rows.append([number, *map(str, values)])
        write_table(root / f"classification_{split}.csv", ["name", *names], rows)
    return Expected(
        classnames=names,
        splits=splits,
        variants={"difficult": difficult},
        notes=("0 may be read as unknown or as negative.",),
    )


def write_hashnet(root: Path, *, seed: int = 0) -> Expected:
    """Write HashNet's ``{train,test}.txt``: path, then 0 or 1 for each class, no class names.

    ``classes.txt`` beside them gives the names.
    """
    splits: Splits = {}
    for split in ("train", "test"):
        lines = []
        splits[split] = {}
        for i, labels in enumerate(PLAIN_IMAGES[split].values()):
            path = f"images/{split}_{i}.jpg"
            draw(root / path, seed=seed)
            lines.append(" ".join([path, *flags(labels, PLAIN)]))
            splits[split][path] = set(labels)
        write_text(root / f"{split}.txt", lines, last_newline=split == "train")
    write_text(root / "classes.txt", PLAIN)
    return Expected(classnames=list(PLAIN), splits=splits)


def write_posi_labels(root: Path, *, seed: int = 0) -> Expected:
    """Write ``{train,val,test}.csv`` with ``image_path,posi_labels``, labels joined by |."""
    splits = _draw_splits(root, WORDED_IMAGES, seed)
    for split, images in WORDED_IMAGES.items():
        rows = _joined_rows(images, f"{split}/")
        write_table(root / f"{split}.csv", ["image_path", "posi_labels"], rows, newline="\r\n")
    return Expected(classnames=sorted(WORDED), splits=splits)


def write_table(
    path: Path,
    header: Sequence[str] | None,
    rows: Iterable[Sequence[str]],
    *,
    newline: str = "\n",
    bom: bool = False,
) -> None:
    """Write a CSV file; cells with a comma are quoted."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(header)
    writer.writerows(rows)
    write_text(path, text.getvalue().splitlines(), newline=newline, bom=bom)


def _joined_rows(images: Mapping[str, Sequence[str]], prefix: str = "") -> list[list[str]]:
    """Return rows of the file and its labels joined by |."""
    return [[prefix + file, "|".join(labels)] for file, labels in images.items()]


def _draw_splits(
    root: Path, images: Mapping[str, Mapping[str, Sequence[str]]], seed: int, *, val: str = "val"
) -> Splits:
    """Draw ``<split>/<file>`` for all images and return their labels."""
    splits: Splits = {}
    for split, files in images.items():
        folder = val if split == "val" else split
        splits[split] = {}
        for file, labels in files.items():
            draw(root / folder / file, seed=seed)
            splits[split][f"{folder}/{file}"] = set(labels)
    return splits
