"""Zero-shot MS-COCO, 48 seen and 17 unseen classes (Bansal et al., 2018).

Two layouts: the detection files that DualCoOp reads, and plain MS-COCO, whose published lists of
image ids give the test sets. Planted: labels of the 15 classes in neither set, unseen objects in
training images, test images without a seen class, images outside both test sets, and files that
list their own categories only.
"""

import pickle
import random
from collections.abc import Collection
from pathlib import Path

from tests.datasets.official.coco import (
    annotation_rows,
    categories,
    category_rows,
    image_names,
    image_rows,
    positives,
    write_coco,
    write_detections,
)
from tests.datasets.official.expected import Expected
from tests.datasets.official.files import read_names

SEEN = read_names("coco_seen_48.txt")
UNSEEN = read_names("coco_unseen_17.txt")

TRAIN = {
    581929: ["person", "bicycle", "person"],
    9: ["bowl", "broccoli", "orange", "hot dog"],
    25: ["giraffe", "cat"],
    30: ["vase", "potted plant", "cup"],
    34: ["zebra"],
    36: ["dog"],
    49: ["stop sign"],
    61: [],
    64: ["crowd:book", "clock"],
    71: ["truck", "car"],
}
# Image ids of the published lists. The first three are in both test sets, the next three in the
# generalised one only, and the last three in neither.
VAL = {
    1146: ["person", "tie"],
    2315: ["dog"],
    2179: ["couch", "tv", "potted plant"],
    827: ["bird", "teddy bear"],
    536: ["person", "bottle", "cell phone"],
    1153: ["person", "sports ball"],
    42: ["dog", "person"],
    73: ["motorcycle"],
    74: [],
}
TEST_UNSEEN = (1146, 2315, 2179)
TEST_GENERALISED = (*TEST_UNSEEN, 827, 536, 1153)
FILES = {
    "train": "instances_train2014_seen_48_17.json",
    "test": "instances_val2014_gzsi_48_17.json",
    "test_unseen": "instances_val2014_unseen_48_17.json",
}


def write_coco_zsl(
    root: Path, *, seed: int = 0, layout: str = "files", listed: str = "own"
) -> Expected:
    """Write the data set below ``root``.

    Args:
        layout: ``files``: the three detection files of the split and ``cls_ids.pickle``; ``plain``:
            ``instances_{train2014,val2014}.json`` alone.
        listed: categories in the detection files: ``own`` or ``all`` 80.
    """
    ids = categories()
    both = [name for name in ids if name in {*SEEN, *UNSEEN}]
    parts = {
        "train": ("train2014", TRAIN, TRAIN, SEEN),
        "test": ("val2014", VAL, TEST_GENERALISED, both),
        "test_unseen": ("val2014", VAL, TEST_UNSEEN, UNSEEN),
    }
    expected = Expected(
        classnames=both,
        splits={},
        unseen=set(UNSEEN),
        notes=(
            "classnames: in the order of the 80 classes; seen before unseen is as good.",
            "train: labels of unseen classes are unknown, not negative.",
            "train: images without a seen class are dropped, images with an unseen one are kept.",
            "plain: the published lists hold many more ids than the generated val2014.",
        ),
    )
    for split, (year, images, chosen, names) in parts.items():
        paths = image_names(year, images, "official")
        labels = {}
        for number in chosen:
            label = positives(images[number], ids) & set(names)
            if label:
                labels[paths[number]] = label
        expected.splits[split] = labels
    if layout == "plain":
        write_coco(root, seed=seed, train=TRAIN, val=VAL)
        return expected
    for split, (year, images, chosen, names) in parts.items():
        _write_part(root, split, year, {i: images[i] for i in chosen}, names, listed, seed)
    index = list(ids).index
    content = {"train": set(map(index, SEEN)), "test": set(map(index, UNSEEN)), "val": set()}
    (root / "annotations" / "cls_ids.pickle").write_bytes(pickle.dumps(content))
    return expected


def _write_part(
    root: Path,
    split: str,
    year: str,
    images: dict[int, list[str]],
    names: Collection[str],
    listed: str,
    seed: int,
) -> None:
    """Write the images and the detection file of one part, with objects of its classes only."""
    ids = categories()
    own = {}
    for number, objects in images.items():
        own[number] = [name for name in objects if name.removeprefix("crowd:") in names]
    rows = image_rows(root, image_names(year, images, "official"), seed)
    annotations = annotation_rows(own, ids, rows, random.Random(f"{seed} {split}"))
    listed_ids = ids
    if listed == "own":
        listed_ids = {name: ids[name] for name in ids if name in names}
    path = root / "annotations" / FILES[split]
    write_detections(path, rows, annotations, category_rows(listed_ids))
