"""The name of a data set in titles."""

import pytest

from evaluation.data_title import data_title


@pytest.mark.parametrize(
    ("section", "title"),
    [
        ({"NAME": "Intentonomy", "HIERARCHY": "intentonomy", "FILE": ""}, "Intentonomy"),
        ({"NAME": "Intentonomy", "HIERARCHY": "scenes", "FILE": ""}, "Intentonomy (scenes)"),
        ({"NAME": "Intentonomy", "HIERARCHY": "scenes", "TITLE": "drawn scenes"}, "drawn scenes"),
        ({"NAME": "Intentonomy", "HIERARCHY": "own/tree.yaml"}, "Intentonomy (tree)"),
        ({"NAME": "Csv", "FILE": "labels/photos.csv", "HIERARCHY": ""}, "Csv (photos.csv)"),
        ({"NAME": "Coco"}, "Coco"),
        ({}, ""),
    ],
)
def test_a_title_tells_data_of_one_layout_apart(section, title):
    assert data_title(section) == title
