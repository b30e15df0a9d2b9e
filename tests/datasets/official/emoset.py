"""EmoSet-118K: lists of rows, an annotation file per image and info.json.

Planted: rows of four and of three fields, emotion ids that are not alphabetical, attributes that
are missing, and an image that no list names.
"""

import random
from pathlib import Path

from tests.datasets.official.expected import Expected
from tests.datasets.official.files import draw, write_clutter, write_json

# In the order of the ids in info.json.
CLASSES = ["amusement", "awe", "contentment", "excitement", "anger", "disgust", "fear", "sadness"]
IMAGES = {
    "train": [
        "amusement_00003", "sadness_00001", "awe_00010", "contentment_00002", "excitement_00007",
        "anger_00004", "disgust_00005", "fear_00006", "sadness_00009",
    ],
    "val": ["fear_00001", "awe_00004", "anger_00000"],
    "test": ["contentment_00000", "amusement_00008", "disgust_00011", "sadness_00012"],
}  # fmt: skip
UNLISTED = ["excitement_00099"]
ATTRIBUTES = {
    "scene": ["beach", "street"],
    "facial_expression": ["happy", "sad"],
    "human_action": ["dancing", "riding a bike"],
    "object": ["Dog", "Human face", "Tree"],
}


def write_emoset(root: Path, *, seed: int = 0, fields: int = 4) -> Expected:
    """Write the data set.

    Args:
        fields: 4: rows are [emotion, id, image path, annotation path], as the README says;
            3: they are [emotion, image path, annotation path].
    """
    rng = random.Random(seed)
    expected = Expected(
        classnames=list(CLASSES),
        splits={},
        notes=("classnames: in the order of the ids; alphabetical is as good.",),
    )
    for split, ids in IMAGES.items():
        rows, labels = [], {}
        for number in ids:
            emotion = number.split("_")[0]
            image = f"image/{emotion}/{number}.jpg"
            annotation = f"annotation/{emotion}/{number}.json"
            row = [emotion, number, image, annotation]
            rows.append(row if fields == 4 else [emotion, image, annotation])
            labels[image] = {emotion}
        write_json(root / f"{split}.json", rows)
        expected.splits[split] = labels
        expected.orders[split] = list(labels)
    for number in (*IMAGES["train"], *IMAGES["val"], *IMAGES["test"], *UNLISTED):
        emotion = number.split("_")[0]
        draw(root / "image" / emotion / f"{number}.jpg", seed=seed)
        _write_annotation(root, number, emotion, rng)
    write_clutter(root / "image" / "fear")
    info = {"emotion": _table(CLASSES)}
    for name, values in ATTRIBUTES.items():
        info[name] = _table(values)
    write_json(root / "info.json", info)
    return expected


def _write_annotation(root: Path, number: str, emotion: str, rng: random.Random) -> None:
    """Write the annotation of one image; all keys but the emotion are missing at times."""
    content: dict[str, object] = {"image_id": number, "emotion": emotion}
    for name in ("brightness", "colorfulness"):
        if rng.random() < 0.7:
            content[name] = rng.randrange(11) / 10
    for name, values in ATTRIBUTES.items():
        if rng.random() < 0.6:
            count = rng.randint(1, len(values))
            chosen = rng.sample(values, count)
            content[name] = chosen if name == "object" else chosen[0]
    path = root / "annotation" / emotion / f"{number}.json"
    write_json(path, content)


def _table(values: list[str]) -> dict[str, dict]:
    table: dict[str, dict] = {"label2idx": {}, "idx2label": {}}
    for i, name in enumerate(values):
        table["label2idx"][name] = i
        table["idx2label"][str(i)] = name
    return table
