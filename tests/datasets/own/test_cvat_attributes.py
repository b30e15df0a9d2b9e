"""Attributes of CVAT's tags and shapes, and images that an export gives twice."""

import logging

import pytest

from core.errors import UserError
from tests.datasets.own.conftest import labels_of


def attribute(name, value):
    return f'<attribute name="{name}">{value}</attribute>'


def tag(label, **attributes):
    inner = "".join(attribute(name, value) for name, value in attributes.items())
    return f'<tag label="{label}">{inner}</tag>'


def given(name, values, kind=""):
    inner = f"<name>{name}</name>" + (f"<input_type>{kind}</input_type>" if kind else "")
    values = "\n".join(values)
    return f"<attribute>{inner}<values>{values}</values></attribute>"


def export(*images, labels=("emotion",), attributes=""):
    """Return a file with the tags of ``0.jpg``, ``1.jpg``, ...; all labels have ``attributes``."""
    end = f"<attributes>{attributes}</attributes></label>"
    declared = "".join(f"<label><name>{name}</name>{end}" for name in labels)
    body = "".join(f'<image name="{i}.jpg">{tags}</image>' for i, tags in enumerate(images))
    return f"<annotations><meta><task><labels>{declared}</labels></task></meta>{body}</annotations>"


KIND = given("kind", ["sad", "joy", "calm"], "radio")


@pytest.mark.parametrize("attributes", ["", KIND, KIND + given("sure", ["false"], "checkbox")])
def test_classes_in_the_attribute_of_one_label(write, load, caplog, attributes):
    images = (
        tag("emotion", kind="joy", sure="true"),
        tag("emotion", kind="calm", sure="false") + tag("emotion", kind="joy", sure="true"),
        tag("emotion", kind="__undefined__"),
        "",
    )
    write("annotations.xml", export(*images, attributes=attributes))
    dataset = load(FILE="annotations.xml")
    assert dataset.classnames == (["sad"] if attributes else []) + ["joy", "calm"]
    expected = {"0.jpg": {"joy"}, "1.jpg": {"calm", "joy"}, "2.jpg": set(), "3.jpg": set()}
    assert labels_of(dataset) == expected
    assert "the classes are the values of its attribute 'kind'" in caplog.text


def test_classes_in_the_attribute_of_shapes(write, load):
    box = tag("person", kind="joy").replace("tag", "box")
    both = box + tag("person", kind="sad").replace("tag", "polygon") + box
    write("annotations.xml", export(both, box, "", labels=("person",), attributes=KIND))
    dataset = load(FILE="annotations.xml")
    assert dataset.classnames == ["sad", "joy", "calm"]
    assert labels_of(dataset) == {"0.jpg": {"joy", "sad"}, "1.jpg": {"joy"}, "2.jpg": set()}


def test_an_ignored_attribute_is_not_the_class(write, load):
    images = (tag("person", kind="joy"), tag("person", kind="calm"), "")
    write("annotations.xml", export(*images, labels=("person",), attributes=KIND))
    dataset = load(FILE="annotations.xml", IGNORE=("Kind",))
    assert labels_of(dataset) == {"0.jpg": {"person"}, "1.jpg": {"person"}, "2.jpg": set()}
    with pytest.raises(UserError, match=r"no label file has a column 'kinds'.*'kind'"):
        load(FILE="annotations.xml", IGNORE=("kinds",))


def test_exports_of_annotators_have_the_same_classes(write, load):
    both = (tag("emotion", kind="joy"), tag("emotion", kind="calm"))
    write("votes/ann.xml", export(*both, attributes=KIND))
    write("votes/ben.xml", export(both[0], both[0], attributes=KIND))
    dataset = load(FILE="votes", LABEL_POLICY="soft")
    assert dataset.classnames == ["sad", "joy", "calm"]
    assert dataset.train_x[1].label.tolist() == [0, 0.5, 0.5]


@pytest.mark.parametrize("values", [("true", "false"), ("1", "2"), ("blue", "red")])
def test_attributes_of_several_labels_are_left_out_with_a_warning(write, load, caplog, values):
    images = [tag(label, x=value) for label, value in zip(("joy", "calm"), values, strict=True)]
    write("annotations.xml", export(*images, labels=("joy", "calm")))
    assert labels_of(load(FILE="annotations.xml")) == {"0.jpg": {"joy"}, "1.jpg": {"calm"}}
    expected = f"attributes are not read: 'x' ({', '.join(values)}); only labels"
    assert expected in caplog.text


def test_an_attribute_that_is_the_same_everywhere_needs_no_warning(write, load, caplog):
    images = [tag(label, occluded="false") for label in ("joy", "calm")]
    write("annotations.xml", export(*images, labels=("joy", "calm")))
    with caplog.at_level(logging.WARNING):
        load(FILE="annotations.xml")
    assert not caplog.text


@pytest.mark.parametrize("values", [("true", "false"), ("1", "2")])
def test_one_label_on_all_images_that_differ_in_no_choice_is_an_error(write, load, values):
    write("annotations.xml", export(*(tag("emotion", x=value) for value in values)))
    with pytest.raises(UserError, match=r"every image has the label 'emotion', .*'x' \("):
        load(FILE="annotations.xml")


def test_a_label_that_not_all_images_have_stays_a_class(write, load, caplog):
    write("annotations.xml", export(tag("joy", x="1"), tag("joy", x="2"), "", labels=("joy",)))
    expected = {"0.jpg": {"joy"}, "1.jpg": {"joy"}, "2.jpg": set()}
    assert labels_of(load(FILE="annotations.xml")) == expected
    assert "attributes are not read: 'x' (1, 2)" in caplog.text


def twice(first, second):
    text = export(first, second, labels=("joy", "calm"))
    return text.replace('name="1.jpg"', 'name="0.jpg" task_id="2"')


def test_two_images_of_one_name_with_other_labels_are_an_error(write, load):
    write("annotations.xml", twice(tag("joy"), ""))
    with pytest.raises(UserError, match=r"image '0.jpg': the image is given twice.* joy and none"):
        load(FILE="annotations.xml")


def test_two_images_of_one_name_with_the_same_labels_are_a_warning(write, load, caplog):
    write("annotations.xml", twice(tag("joy") + tag("calm"), tag("calm") + tag("joy")))
    assert labels_of(load(FILE="annotations.xml")) == {"0.jpg": {"joy", "calm"}}
    assert "images are given twice: 0.jpg" in caplog.text
