"""COCO JSON as Roboflow, pandas and others write it: parents of classes and forms of ids."""

import json
import logging

import pytest

from core.errors import UserError
from tests.datasets.own.conftest import labels_of


def category(number, name, parent):
    return {"id": number, "name": name, "supercategory": parent}


def coco(categories, *pairs, images=(0, 1)):
    """Return a file; ``pairs`` are the ids of image and category of each annotation."""
    return json.dumps(
        {
            "images": [{"id": i, "file_name": f"{i}.jpg"} for i in images],
            "annotations": [
                {"id": n, "image_id": i, "category_id": c} for n, (i, c) in enumerate(pairs)
            ],
            "categories": categories,
        }
    )


ROBOFLOW = [category(0, "joy", "none"), category(1, "joy", "joy"), category(2, "calm", "joy")]


@pytest.mark.parametrize("pairs", [[(0, 1)], [(0, 1), (1, 2)], [(1, 2)]])
def test_the_project_of_roboflow_may_have_the_name_of_a_class(write, load, caplog, pairs):
    write("f.json", coco(ROBOFLOW, *pairs))
    with caplog.at_level(logging.INFO):
        dataset = load(FILE="f.json")
    assert dataset.classnames == ["joy", "calm"]
    names = {1: "joy", 2: "calm"}
    expected = {"0.jpg": set(), "1.jpg": set()}
    expected |= {f"{image}.jpg": {names[number]} for image, number in pairs}
    assert labels_of(dataset) == expected
    assert "category 'joy' has no annotations and is left out" in caplog.text


@pytest.mark.parametrize(
    ("categories", "pairs"),
    [(ROBOFLOW, [(0, 0), (1, 1)]), ([category(1, "x", "a"), category(4, "x", "b")], [(0, 1)])],
)
def test_two_classes_of_one_name_are_an_error(write, load, categories, pairs):
    write("f.json", coco(categories, *pairs))
    with pytest.raises(UserError, match=r"'categories': name '\w+' is given twice, with the ids"):
        load(FILE="f.json")


def test_two_images_of_one_name_are_an_error(write, load):
    text = coco([category(1, "joy", "")], (0, 1)).replace("1.jpg", "0.jpg")
    write("f.json", text)
    with pytest.raises(UserError, match=r"file_name '0.jpg' is given twice, with the ids '0' and"):
        load(FILE="f.json")


def test_an_unused_class_that_is_its_own_parent_stays(write, load):
    write("f.json", coco([category(1, "joy", "joy"), category(2, "calm", "calm")], (0, 1)))
    assert load(FILE="f.json").classnames == ["joy", "calm"]


@pytest.mark.parametrize("image", [7, "7", 7.0])
@pytest.mark.parametrize("named", [7, "7", 7.0])
def test_ids_of_different_types_are_the_same(write, load, image, named):
    text = coco([category("1", "joy", "")], (named, 1), images=(image,))
    write("f.json", text)
    (labels,) = labels_of(load(FILE="f.json")).values()
    assert labels == {"joy"}


def test_ids_that_differ_in_type_alone_are_kept_apart(write, load):
    write("f.json", coco([category(1, "joy", "")], ("7", 1), images=(7, "7")).replace("7.jpg", "8"))
    with pytest.raises(UserError, match="file_name '8' is given twice"):
        load(FILE="f.json")
    text = coco([category(1, "joy", "")], ("7", 1), images=(7, "7"))
    write("f.json", text.replace("7.jpg", "a.jpg", 1))
    assert labels_of(load(FILE="f.json")) == {"a.jpg": set(), "7.jpg": {"joy"}}


@pytest.mark.parametrize("named", ["07", "x", "9" * 5000, 8, 0.5])
def test_an_unknown_id_is_an_error(write, load, named):
    write("f.json", coco([category(1, "joy", "")], (named, 1), images=(7,)))
    with pytest.raises(UserError, match=r"'?image_id'? .*(not in 'images'|a number or text)"):
        load(FILE="f.json")


def test_a_file_without_classes_is_refused(write, load):
    write("f.json", coco([]))
    with pytest.raises(UserError, match="'categories': no classes; use a CSV with the columns"):
        load(FILE="f.json")
