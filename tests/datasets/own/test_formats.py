"""Label files as their tools write them, read unchanged."""

import json
import logging

import numpy as np
import pytest

from core.errors import UserError
from core.labels import UNKNOWN
from tests.datasets.own.conftest import labels_of

FASTAI = """fname,labels,is_valid
000005.jpg,chair,True
000007.jpg,car,True
000009.jpg,horse person,False
000012.jpg,car person,False
"""

PLANET = """image_name,tags
train_0,haze primary
train_1,agriculture clear primary water
train_2,clear primary
"""

ROBOFLOW = """filename, cat, dog, left shoe
a_jpg.rf.2b0c.jpg, 1, 0, 1
b_jpg.rf.77aa.jpg, 0, 1, 0
"""

JSONL = """{"file_name": "0001.png", "labels": ["calm", "joy, loud"]}
{"file_name": "0002.png", "labels": []}
{"file_name": "0003.png", "labels": ["calm"]}
"""

COCO = {
    "info": {"description": "export"},
    "images": [
        {"id": 7, "file_name": "b.jpg", "width": 8, "height": 8},
        {"id": 3, "file_name": "a.jpg", "width": 8, "height": 8},
        {"id": 9, "file_name": "none.jpg", "width": 8, "height": 8},
    ],
    "annotations": [
        {"id": 1, "image_id": 3, "category_id": 18, "bbox": [0, 0, 1, 1], "iscrowd": 1},
        {"id": 2, "image_id": 3, "category_id": 18, "bbox": [0, 0, 2, 1], "iscrowd": 0},
        {"id": 3, "image_id": 7, "category_id": 1, "bbox": [0, 0, 1, 1], "iscrowd": 0},
    ],
    "categories": [
        {"id": 18, "name": "dog", "supercategory": "pets"},
        {"id": 1, "name": "person", "supercategory": "pets"},
        {"id": 0, "name": "pets", "supercategory": "none"},
    ],
}

CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <id>4</id>
      <labels>
        <label><name>smile</name><color>#ff0000</color><attributes></attributes></label>
        <label><name>hand &amp; arm</name><color>#00ff00</color><attributes></attributes></label>
      </labels>
    </task>
  </meta>
  <image id="0" name="a.jpg" width="8" height="8">
    <tag label="smile" source="manual"></tag>
    <tag label="hand &amp; arm" source="manual"></tag>
  </image>
  <image id="1" name="sub/b.jpg" subset="Validation" width="8" height="8">
    <box label="smile" xtl="1" ytl="1" xbr="2" ybr="2" z_order="0">
      <attribute name="x">1</attribute>
    </box>
  </image>
  <image id="2" name="c.jpg" width="8" height="8"></image>
</annotations>
"""

STUDIO_CSV = """annotation_id,annotator,choice,created_at,id,image,lead_time,updated_at
1,1,"{""choices"":[""Car, red"",""Boat""]}",2024-01-01T10:00:00Z,1,/data/upload/2/1a2b3c4d-a.jpg,3.5,2024-01-01T10:00:03Z
2,1,Boat,2024-01-01T10:00:00Z,2,/data/upload/2/5e6f7a8b-b.jpg,0.5,2024-01-01T10:00:03Z
"""  # noqa: E501

VERTEX = """TRAIN,gs://bucket/flowers/a.jpg,daisy,tulip
VALIDATION,gs://bucket/flowers/b.jpg,daisy
TEST,gs://bucket/flowers/c.jpg,rose,daisy,tulip
UNASSIGNED,gs://bucket/flowers/d.jpg
"""


def studio_task(image, *annotators, **extra):
    annotations = []
    for number, choices in enumerate(annotators, start=1):
        result = []
        if choices:
            result.append(
                {
                    "id": "x",
                    "type": "choices",
                    "value": {"choices": list(choices)},
                    "from_name": "intent",
                    "to_name": "image",
                }
            )
        annotations.append({"id": number, "completed_by": number, "result": result})
    return {"id": 1, "data": {"image": image}, "annotations": annotations, **extra}


def test_fastai_labels_are_divided_at_spaces_and_is_valid_is_val(write, load):
    write("train.csv", FASTAI)
    dataset = load(FILE="train.csv")
    assert dataset.classnames == ["car", "chair", "horse", "person"]
    assert [record.name for record in dataset.val] == ["000005.jpg", "000007.jpg"]
    assert labels_of(dataset)["000009.jpg"] == {"horse", "person"}
    assert dataset.kind == "multi_label"


def test_planet_images_without_suffix_are_found(write, load, draw, tmp_path):
    write("train_v2.csv", PLANET)
    draw("train-jpg/train_0.jpg", "train-jpg/train_1.jpg", "train-jpg/train_2.jpg")
    for suffix in ("", "jpg", ".jpg"):
        dataset = load(FILE="train_v2.csv", IMAGES="train-jpg", SUFFIX=suffix, images=True)
        paths = [record.impath for record in dataset.train_x]
        assert paths == [str(tmp_path / f"train-jpg/train_{i}.jpg") for i in range(3)]
    assert labels_of(dataset)["train_1"] == {"agriculture", "clear", "primary", "water"}


@pytest.mark.parametrize(
    "cell", ["['cat', 'left shoe']", '[""cat"", ""left shoe""]', "['cat','left shoe']"]
)
def test_keras_lists_in_a_cell(write, load, cell):
    write("frame.csv", f'filename,class\na.jpg,"{cell}"\nb.jpg,"[\'cat\']"\n')
    dataset = load(FILE="frame.csv")
    assert labels_of(dataset) == {"a.jpg": {"cat", "left shoe"}, "b.jpg": {"cat"}}


def test_keras_single_class_keeps_its_spaces_and_has_one_label(write, load, caplog):
    write("frame.csv", "filename,class\r\na.jpg,golden retriever\r\nb.jpg,cat\r\n")
    with caplog.at_level(logging.INFO):
        dataset = load(FILE="frame.csv")
    assert dataset.kind == "single_label"
    assert "DATASET.KIND auto is single_label" in caplog.text
    assert dataset.classnames == ["cat", "golden retriever"]
    assert [record.classname for record in dataset.train_x] == ["golden retriever", "cat"]
    assert load(FILE="frame.csv", KIND="multi_label").kind == "multi_label"


def test_one_label_in_a_column_of_many_is_multi_label(write, load):
    write("frame.csv", "filename,labels\na.jpg,dog\nb.jpg,cat\n")
    assert load(FILE="frame.csv").kind == "multi_label"


def test_roboflow_folders_of_splits_are_found_without_a_file(write, load, draw, tmp_path):
    for folder in ("train", "valid", "test"):
        write(f"{folder}/_classes.csv", ROBOFLOW)
        draw(f"{folder}/a_jpg.rf.2b0c.jpg", f"{folder}/b_jpg.rf.77aa.jpg")
    dataset = load(images=True)
    assert dataset.classnames == ["cat", "dog", "left shoe"]
    assert [record.name for record in dataset.val] == [
        "valid/a_jpg.rf.2b0c.jpg",
        "valid/b_jpg.rf.77aa.jpg",
    ]
    assert dataset.test[0].impath == str(tmp_path / "test/a_jpg.rf.2b0c.jpg")
    assert dataset.train_x[0].label.tolist() == [1, 0, 1]
    assert labels_of(load(FILE="_classes.csv")) == labels_of(dataset)


def test_hugging_face_json_lines_keep_commas_in_labels(write, load):
    write("train/metadata.jsonl", JSONL)
    write("validation/metadata.jsonl", JSONL)
    dataset = load()
    assert dataset.classnames == ["calm", "joy, loud"]
    assert labels_of(dataset)["train/0001.png"] == {"calm", "joy, loud"}
    assert labels_of(dataset)["validation/0002.png"] == set()
    assert not dataset.has_test


def test_a_text_beside_lists_of_json_is_one_label(write, load):
    write(
        "metadata.jsonl",
        '{"file_name": "1.png", "labels": ["a", "b"]}\n{"file_name": "2.png", "labels": "c, d"}\n',
    )
    assert labels_of(load(FILE="metadata.jsonl")) == {"1.png": {"a", "b"}, "2.png": {"c, d"}}


def test_one_line_of_json_lines(write, load):
    write("metadata.jsonl", '{"file_name": "0001.png", "labels": ["calm"]}\n')
    assert labels_of(load(FILE="metadata.jsonl")) == {"0001.png": {"calm"}}


def test_json_list_of_objects_with_one_value_per_class(write, load):
    rows = [{"file_name": "a.jpg", "joy": 1, "calm": 0}, {"file_name": "b.jpg", "joy": True}]
    write("labels.json", json.dumps(rows))
    dataset = load(FILE="labels.json")
    assert dataset.classnames == ["joy", "calm"]
    assert [record.label.tolist() for record in dataset.train_x] == [[1, 0], [1, UNKNOWN]]


def test_coco_any_annotation_is_a_label_and_order_is_by_id(write, load, caplog):
    write("instances.json", json.dumps(COCO))
    with caplog.at_level(logging.INFO):
        dataset = load(FILE="instances.json")
    assert dataset.classnames == ["person", "dog"]
    assert "category 'pets' has no annotations" in caplog.text
    expected = {"b.jpg": {"person"}, "a.jpg": {"dog"}, "none.jpg": set()}
    assert labels_of(dataset) == expected
    assert [record.name for record in dataset.train_x] == list(expected)


def test_coco_supercategory_of_another_type_is_no_parent(write, load):
    categories = [{**entry, "supercategory": ["pets"]} for entry in COCO["categories"]]
    write("instances.json", json.dumps({**COCO, "categories": categories}))
    assert load(FILE="instances.json").classnames == ["pets", "person", "dog"]


def test_cvat_tags_and_boxes_are_labels(write, load):
    write("annotations.xml", CVAT)
    dataset = load(FILE="annotations.xml")
    assert dataset.classnames == ["smile", "hand & arm"]
    expected = {"a.jpg": {"smile", "hand & arm"}, "sub/b.jpg": {"smile"}, "c.jpg": set()}
    assert labels_of(dataset) == expected
    assert [record.name for record in dataset.val] == ["sub/b.jpg"]


def test_cvat_images_are_in_their_folder_beside_the_file(write, load, draw, tmp_path):
    write("annotations.xml", CVAT)
    draw("images/a.jpg", "images/sub/b.jpg", "images/c.jpg")
    dataset = load(FILE="annotations.xml", images=True)
    assert dataset.val[0].impath == str(tmp_path / "images/sub/b.jpg")


def test_label_studio_annotators_are_votes(write, load):
    tasks = [
        studio_task("/data/upload/1/0a1b2c3d-a.jpg", ["Joy", "Calm, quiet"], ["Joy"], []),
        studio_task("/data/local-files/?d=photos%2Fb.jpg", ["Joy"]),
        studio_task("https://host/x/c.jpg?w=3"),
    ]
    cancelled = {"id": 9, "was_cancelled": True, "result": []}
    tasks[1]["annotations"].append(cancelled)
    write("export.json", json.dumps(tasks))
    for policy, target in (("any", [1, 1]), ("majority", [0, 1]), ("soft", [1 / 3, 2 / 3])):
        dataset = load(FILE="export.json", LABEL_POLICY=policy)
        assert dataset.classnames == ["Calm, quiet", "Joy"]
        names = [record.name for record in dataset.train_x]
        assert names == ["1/0a1b2c3d-a.jpg", "photos/b.jpg"]
        np.testing.assert_allclose(dataset.train_x[0].label, target, rtol=1e-6)
        np.testing.assert_allclose(dataset.train_x[0].votes, [1 / 3, 2 / 3], rtol=1e-6)
        assert dataset.train_x[1].label.tolist() == [0, 1]


def test_label_studio_with_one_annotator_has_no_votes(write, load):
    write("export.json", json.dumps([studio_task("a.jpg", ["Joy"]), studio_task("b.jpg", [])]))
    dataset = load(FILE="export.json")
    assert [record.votes for record in dataset.train_x] == [None, None]
    assert labels_of(dataset) == {"a.jpg": {"Joy"}, "b.jpg": set()}


def test_label_studio_uploads_are_found_with_and_without_their_prefix(write, load, draw, tmp_path):
    tasks = [
        studio_task("/data/upload/1/0a1b2c3d-a.jpg", ["Joy"]),
        studio_task("/data/upload/1/1a1b2c3d-b.jpg", ["Calm"]),
        studio_task("/data/local-files/?d=set/photos/c.jpg", ["Calm"]),
    ]
    write("export.json", json.dumps(tasks))
    draw("a.jpg", "1a1b2c3d-b.jpg", "photos/c.jpg")
    dataset = load(FILE="export.json", images=True)
    paths = [record.impath for record in dataset.train_x]
    assert paths == [str(tmp_path / n) for n in ("a.jpg", "1a1b2c3d-b.jpg", "photos/c.jpg")]


def test_label_studio_csv_has_its_choices_in_the_cell(write, load):
    write("export.csv", STUDIO_CSV)
    dataset = load(FILE="export.csv")
    assert dataset.classnames == ["Boat", "Car, red"]
    assert labels_of(dataset) == {
        "2/1a2b3c4d-a.jpg": {"Boat", "Car, red"},
        "2/5e6f7a8b-b.jpg": {"Boat"},
    }


def test_fiftyone_indices_and_lists_of_indices(write, load, draw, tmp_path):
    content = {"classes": ["dog", "cat"], "labels": {"000001": 1, "sub/000002": 0, "3": None}}
    write("labels.json", json.dumps(content))
    draw("data/000001.jpg", "data/sub/000002.png")
    dataset = load(FILE="labels.json", images=True)
    assert dataset.kind == "single_label"
    assert labels_of(dataset) == {"000001": {"cat"}, "sub/000002": {"dog"}}
    assert dataset.train_x[1].impath == str(tmp_path / "data/sub/000002.png")
    content["labels"] = {"000001": [1, 0], "sub/000002": []}
    write("labels.json", json.dumps(content))
    dataset = load(FILE="labels.json", images=True)
    assert dataset.kind == "multi_label"
    assert labels_of(dataset) == {"000001": {"cat", "dog"}, "sub/000002": set()}


def test_google_rows_without_header_are_ragged(write, load, draw, tmp_path):
    write("import.csv", VERTEX)
    draw("flowers/a.jpg", "flowers/b.jpg", "flowers/c.jpg", "flowers/d.jpg")
    dataset = load(FILE="import.csv", images=True)
    assert dataset.classnames == ["daisy", "rose", "tulip"]
    assert [record.name for record in dataset.train_x] == ["flowers/a.jpg", "flowers/d.jpg"]
    assert [record.name for record in dataset.val] == ["flowers/b.jpg"]
    assert labels_of(dataset)["flowers/c.jpg"] == {"rose", "daisy", "tulip"}
    assert labels_of(dataset)["flowers/d.jpg"] == set()
    assert dataset.test[0].impath == str(tmp_path / "flowers/c.jpg")


@pytest.mark.parametrize("delimiter", [" ", "\t", ",", "  "])
def test_research_list_of_numbers_takes_its_classes_from_classes_txt(write, load, delimiter):
    rows = [["my photo 1.jpg", "0", "1", "0"], ["b.jpg", "1", "0", "1"]]
    write("train.txt", "\n".join(delimiter.join(row) for row in rows))
    write("classes.txt", "sky\ncar\ntall tree\n")
    dataset = load(FILE="train.txt")
    assert dataset.classnames == ["sky", "car", "tall tree"]
    assert labels_of(dataset) == {"my photo 1.jpg": {"car"}, "b.jpg": {"sky", "tall tree"}}


def test_list_of_indices_has_one_class_per_image(write, load):
    write("train.txt", "a.jpg 2\nb.jpg 0\n")
    dataset = load(FILE="train.txt", CLASSES=("x", "y", "z"))
    assert dataset.kind == "single_label"
    assert labels_of(dataset) == {"a.jpg": {"z"}, "b.jpg": {"x"}}


ML_GCN = "name,aeroplane,bicycle\n000005,-1,1\n000007,1,-1\n000009,0,1\n"


def test_minus_one_means_what_the_key_says(write, load):
    write("labels.csv", ML_GCN)
    no = load(FILE="labels.csv", LABEL_VALUES="minus_one_is_no")
    assert [record.label.tolist() for record in no.train_x] == [[0, 1], [1, 0], [-1, 1]]
    unknown = load(FILE="labels.csv", LABEL_VALUES="minus_one_is_unknown")
    assert [record.label.tolist() for record in unknown.train_x] == [[-1, 1], [1, -1], [0, 1]]


# Few unknown labels beside many "no", or few known labels beside many unknown ones: the counts are
# the same, so the meaning is never guessed.
@pytest.mark.parametrize(
    "cells",
    [
        ["0,0,1", "0,0,-1", "1,0,0", "0,1,0"],
        ["1,-1,0", "0,0,-1", "-1,0,0", "0,1,0"],
        ["1,-1,-1", "-1,1,0", "-1,-1,1"],
    ],
)
def test_the_meaning_of_minus_one_is_asked_for(write, load, cells):
    lines = [f"{i}.jpg,{row}" for i, row in enumerate(cells)]
    write("labels.csv", "name,a,b,c\n" + "\n".join(lines))
    message = r"-1 may mean no or unknown .* minus_one_is_no \(0 is then unknown.*HCP\) or minus"
    with pytest.raises(UserError, match=message):
        load(FILE="labels.csv")
    load(FILE="labels.csv", LABEL_VALUES="minus_one_is_no")


def test_bars_divide_labels_and_other_columns_are_left_out(write, load, caplog):
    write(
        "train.csv",
        "image_path,posi_labels,width,caption\n"
        'a/1.jpg,old car|sky,640,"a car, red"\n'
        "a/2.jpg,,480,nothing\n",
    )
    with caplog.at_level(logging.INFO):
        dataset = load(FILE="train.csv")
    assert labels_of(dataset) == {"a/1.jpg": {"old car", "sky"}, "a/2.jpg": set()}
    assert "left out: 'width', 'caption'" in caplog.text
