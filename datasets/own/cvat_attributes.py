"""Attributes of CVAT's labels: classes where the task has one label alone, else not read."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import first_names
from core.logging import get_logger
from datasets.own.cells import NUMBER, shown
from datasets.own.items import fault
from datasets.own.refused import TABLE

CHOICES = ("select", "radio")  # types of attributes with given values
UNDEFINED = ("", "__undefined__")  # values of an attribute that nobody has set
FLAGS = ("true", "false")

log = get_logger()


@dataclass(frozen=True)
class Attribute:
    """An attribute of tags and shapes.

    Attributes:
        name: as CVAT shows it.
        values: those that the task gives, in its order, and those that occur.
        differs: several values occur.
    """

    name: str
    values: tuple[str, ...]
    differs: bool

    def names_classes(self, types: dict[str, str]) -> bool:
        """Return True for a choice between words; ``types`` has the types that the task gives."""
        if types.get(self.name, CHOICES[0]) not in CHOICES:
            return False
        words = [v for v in self.values if v.lower() not in FLAGS and not NUMBER.fullmatch(v)]
        return len(words) > 1


def class_attribute(
    path: Path, root: ElementTree.Element, ignore: Iterable[str]
) -> Attribute | None:
    """Return the attribute whose values are the classes, None if the labels are.

    A task often has one label, such as ``emotion`` or ``person``, and the class in an attribute of
    it. The log says what is read, and which attributes are not.

    Args:
        path: the file, for errors.
        root: its outer element.
        ignore: names of attributes in any case that are not classes.

    Raises:
        UserError: every image has the one label, and only attributes that are no choice differ.
    """
    ignored = {name.lower() for name in ignore}
    attributes = [one for one in _attributes(root) if one.name.lower() not in ignored]
    differing = [one for one in attributes if one.differs]
    labels = _labels(root)
    if len(labels) == 1:
        types = _types(root)
        chosen = [one for one in attributes if one.names_classes(types)]
        if len(chosen) == 1:
            log.warning(
                "%s: all labels are %s; the classes are the values of its attribute %s "
                "(DATASET.IGNORE can name the attribute)",
                path, shown(labels.pop()), shown(chosen[0].name),
            )  # fmt: skip
            return chosen[0]
        labelled = all(_elements(image) for image in root.findall("image"))
        if differing and labelled:
            raise fault(
                path,
                "",
                f"every image has the label {shown(labels.pop())}, and only attributes of it "
                f"differ: {_shown(differing)}; make each class a label in CVAT, or use {TABLE}",
            )
    if differing:
        log.warning(
            "%s: attributes are not read: %s; only labels are classes",
            path,
            _shown(differing),
        )
    return None


def attribute_names(root: ElementTree.Element) -> tuple[str, ...]:
    """Return the names of all attributes that tags and shapes have."""
    return tuple(one.name for one in _attributes(root))


def values_of(image: ElementTree.Element, name: str) -> list[str]:
    """Return the values of an attribute of the tags and shapes of an image that are set."""
    values = [_value(element, name) for element in _elements(image)]
    return [value for value in values if value]


def _value(element: ElementTree.Element, name: str) -> str:
    """Return the value of an attribute of a tag or shape, empty if it is not set."""
    for attribute in element.findall("attribute"):
        if attribute.get("name") == name:
            value = (attribute.text or "").strip()
            return "" if value in UNDEFINED else value
    return ""


def _elements(image: ElementTree.Element) -> list[ElementTree.Element]:
    """Return the tags and shapes of an image."""
    return [one for one in image if one.get("label")]


def _attributes(root: ElementTree.Element) -> list[Attribute]:
    """Return the attributes that tags and shapes have, with the values of the task first.

    So all exports of a task have the same classes, also where one of them lacks a value.
    """
    seen: dict[str, dict[str, None]] = {}
    for element in root.findall("image/*[@label]"):
        for attribute in element.findall("attribute"):
            name = attribute.get("name") or ""
            value = _value(element, name)
            seen.setdefault(name, {}).update({value: None} if value else {})
    given: dict[str, list[str]] = {}
    for attribute in _given(root):
        values = (attribute.findtext("values") or "").split("\n")
        given.setdefault(attribute.findtext("name") or "", []).extend(map(str.strip, values))
    attributes = []
    for name, values in seen.items():
        both = dict.fromkeys((*given.get(name, ()), *values))
        kept = tuple(value for value in both if value not in UNDEFINED)
        attributes.append(Attribute(name, kept, differs=len(values) > 1))
    return attributes


def _given(root: ElementTree.Element) -> list[ElementTree.Element]:
    """Return the attributes of labels in the head of the file."""
    return root.findall("./meta//labels/label/attributes/attribute")


def _types(root: ElementTree.Element) -> dict[str, str]:
    """Return the types of attributes that the task gives: select, radio, checkbox, text, number."""
    types = {}
    for attribute in _given(root):
        kind = attribute.findtext("input_type")
        if kind:
            types[attribute.findtext("name") or ""] = kind.strip().lower()
    return types


def _labels(root: ElementTree.Element) -> set[str]:
    """Return the labels of the task and of all tags and shapes."""
    labels = {(name.text or "").strip() for name in root.findall("./meta//labels/label/name")}
    labels |= {(one.get("label") or "").strip() for one in root.findall("image/*")}
    return labels - {""}


def _shown(attributes: Sequence[Attribute]) -> str:
    return ", ".join(f"{shown(one.name)} ({first_names(one.values, 3)})" for one in attributes)
