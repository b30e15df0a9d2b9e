"""Exports of annotation tools: CVAT, Label Studio, FiftyOne and COCO JSON.

Planted: three annotators, one of them missing, cancelled annotations, predictions of a model beside
the annotations, images without a label, labels with commas and slashes, boxes beside tags, and
category ids with gaps.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from tests.datasets.official.expected import Expected
from tests.datasets.official.files import draw, write_json
from tests.datasets.official.own import COMPETE, DOUBT, WORDED, write_table

# Image -> choices of each annotator; None is a cancelled annotation.
VOTES: dict[str, list[list[str] | None]] = {
    "1a2b3c4d-beach.jpg": [["calm"], ["calm", "joy"], ["calm"]],
    "2b3c4d5e-match.jpg": [[COMPETE], [COMPETE, "joy"], ["joy", COMPETE]],
    "3c4d5e6f-fog.JPG": [[DOUBT], ["calm"], []],
    "4d5e6f70-two.jpg": [["joy"], ["joy", DOUBT]],
    "5e6f7081-cancelled.jpg": [["calm"], None, [COMPETE, "calm"]],
    "6f708192-all.png": [WORDED, WORDED, WORDED],
}
TAGS = {
    "beach.jpg": ["calm", "joy"],
    "night/match.jpg": [COMPETE],
    "fog.png": [DOUBT],
    "none.jpg": [],
    "all.JPG": WORDED,
}


def write_cvat(root: Path, *, seed: int = 0) -> Expected:
    """Write CVAT for images: ``annotations.xml`` with tags, and ``images/``."""
    tree = ElementTree.Element("annotations")
    _add(tree, "version", text="1.1")
    labels = _add(_add(_add(tree, "meta"), "task"), "labels")
    for name in (*WORDED, "person"):
        label = _add(labels, "label")
        _add(label, "name", text=name)
        _add(label, "type", text="tag" if name in WORDED else "rectangle")
        _add(label, "attributes")
    for i, (file, names) in enumerate(TAGS.items()):
        width, height = draw(root / "images" / file, seed=seed)
        image = _add(tree, "image", id=i, name=file, width=width, height=height)
        for name in names:
            _add(image, "tag", label=name, source="manual")
        if file == "beach.jpg":
            _add(image, "box", label="person", xtl="1.00", ytl="2.00", xbr="9.00", ybr="9.50")
    ElementTree.indent(tree)
    path = root / "annotations.xml"
    ElementTree.ElementTree(tree).write(path, encoding="utf-8", xml_declaration=True)
    labels_of = _below("images", TAGS)
    labels_of["images/beach.jpg"] |= {"person"}
    return Expected(
        classnames=[*WORDED, "person"],
        splits={"all": labels_of},
        notes=(
            "A box counts as a label of its image, as in COCO's files.",
            "classnames: in the order of the task's labels; sorted is as good.",
        ),
    )


def write_label_studio_json(root: Path, *, seed: int = 0) -> Expected:
    """Write Label Studio's JSON export; the images lie in ``images/``."""
    tasks = []
    for number, (file, annotators) in enumerate(VOTES.items(), start=1):
        draw(root / "images" / file, seed=seed)
        annotations = []
        for i, choices in enumerate(annotators):
            annotation = {
                "id": 10 * number + i,
                "completed_by": i + 1,
                "was_cancelled": choices is None,
                "ground_truth": False,
                "lead_time": 3.5,
                # A cancelled annotation keeps the choices made before.
                "result": _result(["joy"] if choices is None else choices),
            }
            annotations.append(annotation)
        task = {
            "id": number,
            "annotations": annotations,
            "predictions": [{"model_version": "v1", "score": 0.7, "result": _result([DOUBT])}],
            "data": {"image": f"/data/upload/1/{file}"},
            "project": 1,
        }
        tasks.append(task)
    write_json(root / "project-1.json", tasks)
    return _expect_votes()


def write_label_studio_csv(root: Path, *, seed: int = 0) -> Expected:
    """Write Label Studio's CSV export: one row per annotation, JSON where several are chosen."""
    rows = []
    for number, (file, annotators) in enumerate(VOTES.items(), start=1):
        draw(root / "images" / file, seed=seed)
        for i, choices in enumerate(annotators):
            if choices is None:
                continue
            cell = "".join(choices)
            if len(choices) > 1:
                cell = json.dumps({"choices": choices})
            row = [f"/data/upload/1/{file}", number, cell, i + 1, 10 * number + i, 3.5]
            rows.append(list(map(str, row)))
    header = ["image", "id", "choice", "annotator", "annotation_id", "lead_time"]
    write_table(root / "project-1.csv", header, rows)
    return _expect_votes()


def write_fiftyone(root: Path, *, seed: int = 0) -> Expected:
    """Write FiftyOne's ``data/`` and ``labels.json`` with lists of class indices."""
    indices = {}
    for file, names in TAGS.items():
        draw(root / "data" / file, seed=seed)
        stem = file.rsplit(".", 1)[0]
        indices[stem] = list(map(WORDED.index, names))
    content = {"classes": WORDED, "labels": indices}
    write_json(root / "labels.json", content)
    return Expected(classnames=list(WORDED), splits={"all": _below("data", TAGS)})


def write_coco_export(root: Path, *, seed: int = 0) -> Expected:
    """Write a detection export: ``annotations/instances_default.json`` and ``images/``."""
    ids, categories = {}, []
    for i, name in enumerate(WORDED):
        ids[name] = 3 + 4 * i
        categories.append({"id": ids[name], "name": name, "supercategory": ""})
    images, annotations = [], []
    for number, (file, names) in enumerate(TAGS.items(), start=1):
        width, height = draw(root / "images" / file, seed=seed)
        images.append({"id": number, "file_name": file, "width": width, "height": height})
        for name in (*names, *names):
            box = [1.0, 1.0, 5.0, 6.0]
            row = {"id": 1 + len(annotations), "image_id": number, "category_id": ids[name]}
            annotations.append({**row, "bbox": box, "area": 30.0, "iscrowd": 0})
    annotations.reverse()
    content = {"images": images, "annotations": annotations, "categories": categories}
    path = root / "annotations" / "instances_default.json"
    write_json(path, content)
    return Expected(
        classnames=list(WORDED),
        splits={"all": _below("images", TAGS)},
        notes=("none.jpg has no annotation; a loader may drop it.",),
    )


def _expect_votes() -> Expected:
    labels, shares = {}, {}
    for file, annotators in VOTES.items():
        kept = [choices for choices in annotators if choices is not None]
        name = f"images/{file}"
        shares[name] = {}
        for label in WORDED:
            count = sum(label in choices for choices in kept)
            shares[name][label] = count / len(kept)
        labels[name] = {label for label, share in shares[name].items() if share > 0}
    return Expected(
        classnames=list(WORDED),
        splits={"all": labels},
        shares=shares,
        notes=(
            "Positive: chosen by any annotator; a loader may ask for a majority.",
            "An annotator without a choice counts in the denominator; a cancelled one does not.",
        ),
    )


def _result(choices: Sequence[str]) -> list[dict]:
    """Return the result of one annotation, empty without a choice."""
    if not choices:
        return []
    value = {"choices": list(choices)}
    return [{"type": "choices", "from_name": "tag", "to_name": "image", "value": value}]


def _below(folder: str, tags: dict[str, list[str]]) -> dict[str, set[str]]:
    return {f"{folder}/{file}": set(names) for file, names in tags.items()}


def _add(
    parent: ElementTree.Element, tag: str, *, text: str | None = None, **attributes: object
) -> ElementTree.Element:
    """Add an element with a text or attributes."""
    texts = {key: str(value) for key, value in attributes.items()}
    child = ElementTree.SubElement(parent, tag, texts)
    child.text = text
    return child
