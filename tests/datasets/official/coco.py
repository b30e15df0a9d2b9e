"""MS-COCO 2014: two detection files and the images of train2014 and val2014.

Planted: images without annotation, a class with crowd annotations only, an image with all classes,
category ids with gaps, and three different orders of images, ids and annotations.
"""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.datasets.official.expected import Expected
from tests.datasets.official.files import draw, read_names, write_json

# Image id -> classes of its annotations, one entry per object. In the order of the list "images".
TRAIN = {
    581929: ["dog", "person", "dog"],
    9: ["bowl", "broccoli", "orange", "bowl"],
    262145: [],
    25: ["giraffe"],
    30: ["vase", "potted plant"],
    34: ["zebra"],
    36: ["crowd:umbrella", "person"],
    49: ["crowd:person"],
    61: ["hair drier", "toothbrush"],
    64: ["clock"],
    71: ["traffic light", "bus", "truck", "car"],
    77: [],
}
VAL = {
    133: ["bed", "teddy bear"],
    42: ["dog"],
    73: ["motorcycle"],
    74: ["all"],
    136: [],
    139: ["crowd:chair", "chair", "tv", "dining table"],
}


def write_coco(
    root: Path,
    *,
    seed: int = 0,
    layout: str = "official",
    train: Mapping[int, Sequence[str]] = TRAIN,
    val: Mapping[int, Sequence[str]] = VAL,
) -> Expected:
    """Write the data set below ``root``.

    Args:
        layout: ``official``; ``images`` puts the two image folders under ``images/``;
            ``trainval2014`` puts all images into one folder of this name.
        train: image id -> classes of its annotations; ``crowd:`` in front marks a crowd, ``all``
            stands for one object of each class.
        val: the same for val2014.
    """
    ids = categories()
    expected = Expected(
        classnames=list(ids),
        splits={},
        notes=(
            "Images without annotation: dropped here, kept in the variant all_images.",
            "Order of the records: orders has the three in use, for both splits.",
            "val2014 is the test split; nothing is drawn from it.",
        ),
    )
    all_images = expected.variants.setdefault("all_images", {})
    for split, year, images in (("train", "train2014", train), ("test", "val2014", val)):
        rng = random.Random(f"{seed} {year}")
        names = image_names(year, images, layout)
        rows = image_rows(root, names, seed)
        annotations = annotation_rows(images, ids, rows, rng)
        write_detections(
            root / "annotations" / f"instances_{year}.json",
            rows,
            annotations,
            category_rows(ids, shuffled=rng if split == "test" else None),
        )
        labels = {names[number]: positives(objects, ids) for number, objects in images.items()}
        all_images[split] = labels
        expected.splits[split] = {name: label for name, label in labels.items() if label}
        expected.orders[f"{split}_json"] = list(names.values())
        # The width of the number in a file name is fixed, so that names sort as ids do.
        expected.orders[f"{split}_id"] = sorted(names.values())
        first = dict.fromkeys(names[row["image_id"]] for row in annotations)
        expected.orders[f"{split}_first_annotation"] = list(first)
    return expected


def categories() -> dict[str, int]:
    """Return class -> category id of the 80 classes; the ids go from 1 to 90 with gaps."""
    ids = {}
    for line in read_names("coco80.txt"):
        number, name = line.split("\t")
        ids[name] = int(number)
    return ids


def image_names(year: str, numbers: Mapping[int, object], layout: str) -> dict[int, str]:
    """Return image id -> path below the root."""
    folders = {"official": year, "images": f"images/{year}", "trainval2014": "trainval2014"}
    names = {}
    for number in numbers:
        names[number] = f"{folders[layout]}/COCO_{year}_{number:012d}.jpg"
    return names


def image_rows(root: Path, names: Mapping[int, str], seed: int) -> list[dict]:
    """Draw the images and return their entries under ``images``."""
    rows = []
    for number, name in names.items():
        width, height = draw(root / name, seed=seed)
        row = {
            "license": 3,
            "file_name": Path(name).name,
            "coco_url": f"http://images.cocodataset.org/{name}",
            "height": height,
            "width": width,
            "date_captured": "2013-11-14 11:18:45",
            "flickr_url": f"http://farm9.staticflickr.com/8186/{number}_z.jpg",
            "id": number,
        }
        rows.append(row)
    return rows


def annotation_rows(
    images: Mapping[int, Sequence[str]],
    ids: Mapping[str, int],
    rows: Sequence[dict],
    rng: random.Random,
) -> list[dict]:
    """Return the entries under ``annotations`` in a random order, unlike that of the images."""
    annotations = []
    for row in rows:
        size = row["width"], row["height"]
        for name in expand(images[row["id"]], ids):
            is_crowd = name.startswith("crowd:")
            category = ids[name.removeprefix("crowd:")]
            annotations.append(_annotation(row["id"], category, is_crowd, size, rng))
    rng.shuffle(annotations)
    for i, row in enumerate(annotations):
        row["id"] = 900100 + 7 * i
    return annotations


def category_rows(ids: Mapping[str, int], *, shuffled: random.Random | None = None) -> list[dict]:
    """Return the entries under ``categories``, by ascending id or shuffled."""
    rows = [{"supercategory": "thing", "id": ids[name], "name": name} for name in ids]
    if shuffled:
        shuffled.shuffle(rows)
    return rows


def write_detections(
    path: Path, images: Sequence[dict], annotations: Sequence[dict], categories: Sequence[dict]
) -> None:
    """Write one detection file."""
    content = {
        "info": {"description": "COCO 2014 Dataset", "version": "1.0", "year": 2014},
        "images": list(images),
        "licenses": [{"url": "http://example.org/by-nc/2.0/", "id": 3, "name": "BY-NC"}],
        "annotations": list(annotations),
        "categories": list(categories),
    }
    write_json(path, content)


def expand(objects: Sequence[str], ids: Mapping[str, int]) -> list[str]:
    """Return the objects of an image, with ``all`` replaced by one object of each class."""
    return list(ids) if "all" in objects else list(objects)


def positives(objects: Sequence[str], ids: Mapping[str, int]) -> set[str]:
    """Return the classes of an image; crowds count."""
    return {name.removeprefix("crowd:") for name in expand(objects, ids)}


def _annotation(
    image: int, category: int, is_crowd: bool, size: tuple[int, int], rng: random.Random
) -> dict:
    """Return one object, its id still missing; crowds have a run-length mask."""
    width, height = size
    left, top = rng.randrange(width - 8), rng.randrange(height - 8)
    right, bottom = left + 8, top + 8
    if is_crowd:
        mask = {"counts": [left * height, 8 * height, (width - left - 8) * height]}
        mask["size"] = [height, width]
    else:
        mask = [[left, top, right, top, right, bottom, left, bottom]]
    return {
        "segmentation": mask,
        # COCO's three ranges of areas: below 32^2, below 96^2 and the rest.
        "area": rng.choice([64.0, 2048.5, 20000.25]),
        "iscrowd": int(is_crowd),
        "image_id": image,
        "bbox": [float(left), float(top), 8.0, 8.0],
        "category_id": category,
    }
