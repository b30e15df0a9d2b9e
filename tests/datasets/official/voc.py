"""PASCAL VOC 2007: XML annotations, lists of ids and images.

Planted: names of parts and of the photo's owner, objects marked difficult (alone, beside normal
ones of the class, and as all objects of an image), ids with leading zeros, and files that no list
names.
"""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from tests.datasets.official.expected import Expected
from tests.datasets.official.files import draw, read_names, write_text

CLASSES = read_names("voc20.txt")
# Id -> objects; ``?`` in front marks a difficult one.
IMAGES = {
    "train": {
        "000012": ["car"],
        "000017": ["person", "horse", "?bicycle"],
        "000023": ["bicycle", "?bicycle", "bicycle", "person", "person"],
        "000026": ["?car"],
        "000032": ["aeroplane", "aeroplane", "person"],
        "000033": ["dog", "?person"],
    },
    "val": {
        "000005": ["chair", "?chair", "diningtable"],
        "000007": ["?bus", "pottedplant"],
        "000009": ["horse", "person", "tvmonitor"],
    },
    "test": {
        "000001": ["dog", "person"],
        "000002": ["train"],
        "000003": ["sofa", "?chair", "?chair"],
        "000004": ["?boat", "?boat"],
        "009963": CLASSES,
    },
}
UNLISTED = {"009999": ["sheep", "cow"]}
PARTS = ("head", "hand", "hand", "foot")


def write_voc(root: Path, *, seed: int = 0, layout: str = "flat") -> Expected:
    """Write the data set.

    Args:
        layout: ``flat``: ``root`` is the folder VOC2007; ``devkit``: it is ``root/VOC2007``;
            ``above``: it is ``root/VOCdevkit/VOC2007``.
    """
    prefix = {"flat": "", "devkit": "VOC2007/", "above": "VOCdevkit/VOC2007/"}[layout]
    base = root / prefix
    expected = Expected(
        classnames=list(CLASSES),
        splits={},
        notes=(
            "A class with only difficult objects is negative here, positive in the variant "
            "difficult_positive; the variant difficult_only has the classes to leave out.",
            "Class names may have spaces: dining table, potted plant, tv monitor.",
            "trainval is the usual training set; val is official, but may also be drawn from it.",
        ),
    )
    counted = expected.variants.setdefault("difficult_positive", {})
    left_out = expected.variants.setdefault("difficult_only", {})
    for split, images in IMAGES.items():
        for part in (expected.splits, counted, left_out):
            part[split] = {}
        for number, objects in images.items():
            name = f"{prefix}JPEGImages/{number}.jpg"
            normal = {thing for thing in objects if not thing.startswith("?")}
            every = {thing.removeprefix("?") for thing in objects}
            expected.splits[split][name] = normal
            counted[split][name] = every
            left_out[split][name] = every - normal
    for images in (*IMAGES.values(), UNLISTED):
        for number, objects in images.items():
            size = draw(base / "JPEGImages" / f"{number}.jpg", seed=seed)
            _write_annotation(base, number, objects, size)
    lists = {split: list(images) for split, images in IMAGES.items()}
    lists["trainval"] = sorted([*lists["train"], *lists["val"]])
    _write_lists(base / "ImageSets" / "Main", lists)
    expected.orders["trainval"] = [f"{prefix}JPEGImages/{i}.jpg" for i in lists["trainval"]]
    return expected


def _write_lists(folder: Path, lists: dict[str, list[str]]) -> None:
    """Write the list of each split, and the lists of each class with -1, 0 and 1."""
    objects = {}
    for images in IMAGES.values():
        objects.update(images)
    for split, ids in lists.items():
        write_text(folder / f"{split}.txt", ids)
        for name in CLASSES:
            lines = []
            for number in ids:
                value = -1
                if name in objects[number]:
                    value = 1
                elif f"?{name}" in objects[number]:
                    value = 0
                lines.append(f"{number} {value:2d}")
            write_text(folder / f"{name}_{split}.txt", lines)


def _write_annotation(
    base: Path, number: str, objects: Sequence[str], size: tuple[int, int]
) -> None:
    tree = ElementTree.Element("annotation")
    _add(tree, "folder", "VOC2007")
    _add(tree, "filename", f"{number}.jpg")
    source = _add(tree, "source")
    _add(source, "database", "The VOC2007 Database")
    _add(source, "annotation", "PASCAL VOC2007")
    _add(source, "image", "flickr")
    owner = _add(tree, "owner")
    _add(owner, "flickrid", "archintent louisville")
    _add(owner, "name", "dog")  # an owner may have any name
    shape = _add(tree, "size")
    for tag, value in zip(("width", "height", "depth"), (*size, 3), strict=True):
        _add(shape, tag, value)
    _add(tree, "segmented", 0)
    for thing in objects:
        _add_object(tree, thing, size)
    path = base / "Annotations" / f"{number}.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.indent(tree, "\t")
    ElementTree.ElementTree(tree).write(path)


def _add_object(tree: ElementTree.Element, thing: str, size: tuple[int, int]) -> None:
    """Add one object; a person has parts, each with a name of its own."""
    name = thing.removeprefix("?")
    entry = _add(tree, "object")
    _add(entry, "name", name)
    _add(entry, "pose", "Unspecified")
    _add(entry, "truncated", 0)
    _add(entry, "difficult", int(thing.startswith("?")))
    _add_box(entry, (1, 1, *size))
    if name == "person":
        for part in PARTS:
            child = _add(entry, "part")
            _add(child, "name", part)
            _add_box(child, (2, 2, 9, 9))


def _add_box(parent: ElementTree.Element, box: tuple[int, int, int, int]) -> None:
    child = _add(parent, "bndbox")
    for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True):
        _add(child, tag, value)


def _add(parent: ElementTree.Element, tag: str, text: object = None) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, tag)
    if text is not None:
        child.text = str(text)
    return child
