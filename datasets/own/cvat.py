"""XML of CVAT for images: tags of an image, and labels of its shapes."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from pathlib import Path

from core.errors import first_names
from core.logging import get_logger
from datasets.own.cells import shown
from datasets.own.cvat_attributes import attribute_names, class_attribute, values_of
from datasets.own.items import Judgement, LabelFile, fault, split_of

SHAPES = ("tag", "box", "polygon", "polyline", "points", "cuboid", "mask", "ellipse", "skeleton")

log = get_logger()


def read_cvat(path: Path, ignore: Iterable[str] = ()) -> LabelFile:
    """Return the labels of each image: its tags, and its shapes of any kind.

    The classes are those of the task, in its order. Where the task has one label alone, they may be
    the values of an attribute of it (:func:`datasets.own.cvat_attributes.class_attribute`), unless
    ``ignore`` names that attribute.

    Raises:
        UserError: the file is no XML or no CVAT export, a label is not one of the task, or two
            images of one name have different labels.
    """
    root = _parse(path)
    if root.tag != "annotations":
        raise fault(
            path,
            "line 1",
            f"the outer element is <{root.tag}>; expected <annotations> of 'CVAT for images'",
        )
    classnames = [name.strip() for name in _declared(root)]
    attribute = class_attribute(path, root, ignore)
    images = root.findall("image")
    of_subsets = [image for image in images if image.get("subset")]
    of_task = root.findtext("./meta/*/subset", default="").strip()
    in_subsets = bool(of_subsets) and _subset_path(path, of_subsets[0]).is_file()
    judgements = []
    for i, image in enumerate(images):
        where = f"image {i + 1}"
        name = image.get("name")
        if not name:
            raise fault(path, where, "no attribute 'name'")
        where = f"image {shown(name)}"
        labels = [_label(path, where, one, classnames) for one in image if one.tag in SHAPES]
        if attribute is not None:
            labels = values_of(image, attribute.name)
        subset = image.get("subset", "")
        split = split_of(subset or of_task) or ""
        if in_subsets and subset:
            name = f"{subset}/{name}"
        judgements.append(Judgement(name, where, tuple(dict.fromkeys(labels)), split=split))
    if not judgements:
        what = "<track> of a video" if root.find("track") is not None else "no <image>"
        raise fault(path, "", f"{what}; export as 'CVAT for images 1.1'")
    _check_names(path, judgements)
    if attribute is not None:
        classnames = list(attribute.values)
    classnames = list(dict.fromkeys(classnames))
    return LabelFile(path, judgements, classnames, ignorable=attribute_names(root))


def _check_names(path: Path, judgements: Sequence[Judgement]) -> None:
    """Warn of images that are given twice, as two tasks of one project can do.

    Raises:
        UserError: their labels differ.
    """
    first: dict[str, Judgement] = {}
    twice: dict[str, None] = {}
    for one in judgements:
        other = first.setdefault(one.name, one)
        if other is one:
            continue
        if set(other.labels) != set(one.labels):
            raise fault(
                path,
                one.where,
                f"the image is given twice, with the labels {_listed(other)} and {_listed(one)}; "
                "give different images different names; export each task by itself if its "
                "annotator has a vote (DATASET.FILE names the folder of the exports)",
            )
        twice[one.name] = None
    if twice:
        log.warning("%s: images are given twice: %s", path, first_names(list(twice)))


def _listed(judgement: Judgement) -> str:
    return ", ".join(judgement.labels) or "none"


def _subset_path(path: Path, image: ElementTree.Element) -> Path:
    """Return where the export of a project with subsets has the file of an image."""
    return path.parent / "images" / image.get("subset", "") / image.get("name", "")


def _parse(path: Path) -> ElementTree.Element:
    """Return the outer element.

    Raises:
        UserError: the file is no XML, or defines entities, which can fill the memory.
    """
    data = path.read_bytes()
    if re.search(rb"<!(DOCTYPE|ENTITY)", data.replace(b"\0", b"")):
        raise fault(path, "", "defines entities or a document type, which CVAT does not write")
    try:
        return ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        line = getattr(error, "position", (1, 0))[0]
        raise fault(path, f"line {line}", f"not valid XML: {error}") from None


def _declared(root: ElementTree.Element) -> list[str]:
    """Return the labels of the task or project in the head of the file."""
    names = []
    for label in root.findall("./meta//labels/label"):
        if label.find("parent") is None:  # a point of a skeleton has one
            names.append(label.findtext("name") or "")
    return [name for name in names if name]


def _label(path: Path, where: str, element: ElementTree.Element, classnames: list[str]) -> str:
    label = (element.get("label") or "").strip()
    if not label:
        raise fault(path, where, f"<{element.tag}> has no attribute 'label'")
    if classnames and label not in classnames:
        raise fault(path, where, f"label {shown(label)} is not in the labels of <meta>")
    return label
