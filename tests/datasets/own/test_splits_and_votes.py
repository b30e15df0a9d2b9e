"""Splits, annotators and labels that other tools write in places of their own."""

import json
import logging

import pytest

from core.errors import UserError
from tests.datasets.own.conftest import labels_of

# Splits -------------------------------------------------------------------------------------------


def splits_of(dataset):
    """Return split -> names of its images."""
    parts = {"train": dataset.train_x, "val": dataset.val, "test": dataset.test}
    return {split: [record.name for record in part] for split, part in parts.items() if part}


APART = {"train": ["a.jpg"], "test": ["b.jpg"]}


def task(image, *annotations, **data):
    return {"data": {"image": image, **data}, "annotations": list(annotations)}


def annotation(*labels, kind="choices", name="q", **more):
    result = {"type": kind, "from_name": name, "value": {kind: list(labels)}}
    return {"result": [result], **more}


def coco(**second):
    images = [
        {"id": 1, "file_name": "a.jpg", "split": "train"},
        {"id": 2, "file_name": "b.jpg", "split": "test", **second},
    ]
    marks = [{"image_id": 1, "category_id": 1}, {"image_id": 2, "category_id": 1}]
    return {"images": images, "annotations": marks, "categories": [{"id": 1, "name": "joy"}]}


def test_splits_in_the_images_of_coco(write, load):
    write("f.json", json.dumps(coco()))
    assert splits_of(load(FILE="f.json")) == APART


@pytest.mark.parametrize("key", ["split", "subset"])
def test_splits_in_the_data_of_label_studio(write, load, key):
    tasks = [
        task("a.jpg", annotation("joy"), **{key: "train"}),
        task("b.jpg", annotation("sad"), **{key: "test"}),
    ]
    write("f.json", json.dumps(tasks))
    assert splits_of(load(FILE="f.json")) == APART


def test_a_column_of_splits_in_the_csv_of_label_studio(write, load):
    write(
        "f.csv",
        "annotation_id,emo,image,lead_time,subset\n1,joy,a.jpg,2,train\n2,sad,b.jpg,2,test\n",
    )
    assert splits_of(load(FILE="f.csv")) == APART


def test_the_subset_of_a_task_of_cvat(write, load):
    labels = "<labels><label><name>joy</name></label></labels>"
    for name, image, subset in (("t1", "a.jpg", "Train"), ("t2", "b.jpg", "Test")):
        meta = f"<meta><task><subset>{subset}</subset>{labels}</task></meta>"
        body = f'<image name="{image}"><tag label="joy"/></image>'
        write(f"tasks/{name}.xml", f"<annotations>{meta}{body}</annotations>")
    assert splits_of(load(FILE="tasks")) == APART


def test_one_split_in_all_rows_without_a_header(write, load):
    write("train.csv", "a.jpg,joy,train\nc.jpg,sad,train\n")
    write("test.csv", "b.jpg,joy,test\n")
    dataset = load(TRAIN_FILE="train.csv", TEST_FILE="test.csv")
    assert dataset.classnames == ["joy", "sad"]


FLAGS = {
    "val beside classes": "file_name,joy,sad,is_val\na.jpg,1,0,0\nb.jpg,0,1,1\n",
    "two flags": "file_name,joy,sad,train,test\na.jpg,1,0,1,0\nb.jpg,0,1,0,1\n",
    "beside labels": "file_name,label,valid\na.jpg,joy,True\nb.jpg,sad,False\n",
    "hold-out": "file_name,label,is_holdout\na.jpg,joy,1\nb.jpg,sad,0\n",
}


@pytest.mark.parametrize("case", FLAGS)
def test_flags_of_one_split_ask_for_a_column(write, load, case):
    write("f.csv", FLAGS[case])
    with pytest.raises(UserError, match=r"may say which images are in a split.*column 'split'"):
        load(FILE="f.csv")


def test_a_class_with_the_name_of_a_split_needs_the_list(write, load):
    write("f.csv", "file_name,train,boat\na.jpg,1,0\nb.jpg,0,1\n")
    dataset = load(FILE="f.csv", CLASSES=("train", "boat"))
    assert labels_of(dataset) == {"a.jpg": {"train"}, "b.jpg": {"boat"}}


def test_a_flag_beside_the_given_classes_asks_too(write, load):
    write("f.csv", "file_name,joy,sad,is_val\na.jpg,1,0,0\nb.jpg,0,1,1\n")
    with pytest.raises(UserError, match="'is_val' may say"):
        load(FILE="f.csv", CLASSES=("joy", "sad"))


# Annotators ---------------------------------------------------------------------------------------


def test_annotators_without_a_name_are_not_one_person(write, load, caplog):
    write("f.csv", "image,labels,worker\na.jpg,joy,\na.jpg,sad,\nb.jpg,joy,\n")
    assert labels_of(load(FILE="f.csv")) == {"a.jpg": {"joy", "sad"}, "b.jpg": {"joy"}}
    assert "column 'worker' is the same in all rows" in caplog.text


def test_some_annotators_without_a_name_are_an_error(write, load):
    write("f.csv", "image,labels,worker\na.jpg,joy,ann\na.jpg,sad,\nb.jpg,joy,\n")
    with pytest.raises(UserError, match="line 3: column 'worker' is empty, but the image has sev"):
        load(FILE="f.csv")


def test_one_person_of_label_studio_has_one_vote(write, load):
    marks = [annotation("joy", completed_by=1), annotation("joy", completed_by=1)]
    other = annotation("sad", completed_by={"id": 2, "email": "x"})
    write("f.json", json.dumps([task("a.jpg", *marks, other), task("b.jpg", other)]))
    dataset = load(FILE="f.json", LABEL_POLICY="soft")
    assert dataset.train_x[0].label.tolist() == [0.5, 0.5]


def test_the_ground_truth_of_label_studio_counts_alone(write, load, caplog):
    sad = annotation("sad")
    first = task("a.jpg", annotation("joy", ground_truth=True), sad, sad)
    write("f.json", json.dumps([first, task("b.jpg", sad)]))
    assert labels_of(load(FILE="f.json")) == {"a.jpg": {"joy"}, "b.jpg": {"sad"}}
    assert "task 1: only the ground truth is read" in caplog.text


def test_a_rejected_assignment_of_a_review(write, load):
    write(
        "f.csv",
        "HITId,WorkerId,AssignmentStatus,Input.image_url,Answer.label,Approve,Reject\n"
        "h,A,Submitted,a.jpg,joy,x,\nh,B,Submitted,a.jpg,sad,,bad\nh,A,Submitted,b.jpg,sad,,\n",
    )
    assert labels_of(load(FILE="f.csv")) == {"a.jpg": {"joy"}, "b.jpg": {"sad"}}


def test_absent_labels_of_open_images(write, load):
    rows = "a,human,joy,0\na,human,sad,1\nb,human,joy,1\n"
    write("f.csv", "ImageID,Source,LabelName,Confidence\n" + rows)
    with pytest.raises(UserError, match="column 'Confidence' has values"):
        load(FILE="f.csv")
    assert labels_of(load(FILE="f.csv", IGNORE=("Confidence",))) == {"a": {"sad"}, "b": {"joy"}}


# Labels -------------------------------------------------------------------------------------------


def test_the_ends_of_a_taxonomy_are_classes(write, load):
    marks = annotation(["emotion", "joy"], ["emotion", "sad"], kind="taxonomy")
    write("f.json", json.dumps([task("a.jpg", marks)]))
    assert labels_of(load(FILE="f.json")) == {"a.jpg": {"joy", "sad"}}


PRODIGY = {"_input_hash": 1, "_is_binary": True, "_view_id": "x", "answer": "accept"}


def test_prodigy(write, load):
    choice = {"options": [{"id": "joy"}], "accept": ["joy", "sad"], "label": "old"}
    lines = [{"image": "a.jpg", **choice, **PRODIGY}, {"image": "b.jpg", "accept": [], **PRODIGY}]
    write("f.jsonl", "\n".join(map(json.dumps, lines)))
    assert labels_of(load(FILE="f.jsonl")) == {"a.jpg": {"joy", "sad"}, "b.jpg": set()}
    write("g.jsonl", json.dumps({"image": "a.jpg", "label": "joy", **PRODIGY}))
    assert labels_of(load(FILE="g.jsonl")) == {"a.jpg": {"joy"}}


@pytest.mark.parametrize("sign", [",", " ", "|", ";", ", "])
@pytest.mark.parametrize("column", ["label", "labels"])
def test_one_number_per_class_without_brackets(write, load, sign, column):
    rows = [sign.join(digits) for digits in ("010", "100", "001")]
    write("f.csv", f'file_name,{column}\na.jpg,"{rows[0]}"\nb.jpg,"{rows[1]}"\nc.jpg,"{rows[2]}"\n')
    dataset = load(FILE="f.csv", CLASSES=("joy", "sad", "fear"))
    assert labels_of(dataset) == {"a.jpg": {"sad"}, "b.jpg": {"joy"}, "c.jpg": {"fear"}}
    with pytest.raises(UserError, match="3 numbers per image without names of classes"):
        load(FILE="f.csv")


def test_indices_without_brackets_stay_indices(write, load):
    write("f.csv", 'file_name,labels\na.jpg,"0,2"\nb.jpg,1\nc.jpg,"1,2"\n')
    dataset = load(FILE="f.csv", CLASSES=("joy", "sad", "fear"))
    expected = {"a.jpg": {"joy", "fear"}, "b.jpg": {"sad"}, "c.jpg": {"sad", "fear"}}
    assert labels_of(dataset) == expected


def test_the_column_unlabeled_of_roboflow_is_no_class(write, load, caplog):
    write("f.csv", "filename, Unlabeled, joy, sad\na.jpg, 0, 1, 1\nb.jpg, 1, 0, 0\n")
    with caplog.at_level(logging.INFO):
        dataset = load(FILE="f.csv")
    assert labels_of(dataset) == {"a.jpg": {"joy", "sad"}, "b.jpg": set()}
    assert dataset.classnames == ["joy", "sad"]
    assert "Unlabeled, 1 for images without a label, is left out" in caplog.text


NAMELESS = {
    "labels": ("file_name,labels,\na.jpg,joy,sad\nb.jpg,sad,\n", "line 2: column 3 is 'sad'"),
    "JSON": ('[{"image": "a.jpg", "label": "x", "": 0}, {"image": "b.jpg", "": 0}]', "3 is '0'"),
    "a class": ("file_name,joy,\na.jpg,1,0\nb.jpg,0,1\nc.jpg,0,1\n", "column 3 is '0'"),
}


@pytest.mark.parametrize("case", NAMELESS)
def test_a_column_without_a_name_but_with_values_is_an_error(write, load, case):
    content, message = NAMELESS[case]
    write("f.csv", content)
    with pytest.raises(UserError, match=message):
        load(FILE="f.csv")


@pytest.mark.parametrize("cells", [("calm#joy", "joy"), ("calm#joy", "calm#sad")])
def test_a_hash_between_labels_asks(write, load, cells):
    write("f.csv", f"id,filename,label\n1,a.jpg,{cells[0]}\n2,b.jpg,{cells[1]}\n")
    with pytest.raises(UserError, match=r"set DATASET\.LABEL_DELIMITER to none or hash"):
        load(FILE="f.csv")
    dataset = load(FILE="f.csv", LABEL_DELIMITER="hash")
    assert labels_of(dataset)["a.jpg"] == {"calm", "joy"}


@pytest.mark.parametrize("cells", [("joy:0.8|sad:0.2", "joy:0.1|sad:0.9"), ("joy=2", "joy=1")])
def test_scores_behind_names_are_an_error(write, load, cells):
    write("f.csv", f"file_name,labels\na.jpg,{cells[0]}\nb.jpg,{cells[1]}\n")
    with pytest.raises(UserError, match="has a number behind its name; write one column per cl"):
        load(FILE="f.csv")


def test_ratios_are_no_scores(write, load):
    write("f.csv", "file_name,label\na.jpg,16:9\nb.jpg,4:3\n")
    assert labels_of(load(FILE="f.csv")) == {"a.jpg": {"16:9"}, "b.jpg": {"4:3"}}


# Files that need another form ---------------------------------------------------------------------

REFUSED = {
    "empty cells": ('""\n', "the file has no text in its cells"),
    "separators alone": ("sep=;\n;;\n", "the file has no text in its cells"),
    "a title": ("My photos\nfile_name,label\na.jpg,joy\n", "line 2: the header stands below"),
    "pipes": ("file_name|label\na.jpg|joy\n", "columns are divided at '|'; accepted: comma"),
    "spaces": ("file_name label\na.jpg joy\n", "columns are divided at ' '"),
    "names without a suffix": ("000001 0 1\n000002 1 0\n", "each image needs its suffix"),
    "no annotations": (json.dumps({**coco(), "annotations": []}), "no image has a label"),
    "VoTT": (json.dumps({"asset": {}, "regions": [], "version": "2"}), "VoTT, .* use its CSV"),
    "V7": (json.dumps({"version": "2.0", "item": {}, "annotations": []}), "V7 Darwin"),
    "Encord": (json.dumps([{"label_hash": "h", "data_title": "a.jpg"}]), "Encord"),
    "Scale": (json.dumps([{"task_id": "x", "response": {}}]), "an export of Scale"),
    "SuperAnnotate": (json.dumps({"metadata": {}, "instances": [], "tags": []}), "SuperAnnotate"),
    "StyleGAN": (json.dumps({"labels": [["a.png", 6]]}), "an object with a list per class"),
    "Food-101": (json.dumps({"joy": ["joy/1"], "sad": ["sad/1"]}), "a list per class or column"),
    "Qualtrics": (
        'image,labels\nImage,What?\n"{""ImportId"":""Q1""}","{""ImportId"":""Q2""}"\na.jpg,joy\n',
        "Qualtrics .*use it without lines 2 and 3",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_error_says_what_to_do(write, load, case):
    content, message = REFUSED[case]
    write("f", content)
    with pytest.raises(UserError, match=message) as caught:
        load(FILE="f")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("folder", ["train2017", "images/Train", "images/train", "train"])
def test_images_in_folders_of_splits_beside_the_label_files(write, draw, load, folder):
    content = coco()
    content["images"][1]["split"] = "train"
    write("annotations/instances_train.json", json.dumps(content))
    draw(f"{folder}/a.jpg", f"{folder}/b.jpg")
    dataset = load(TRAIN_FILE="annotations/instances_train.json", images=True)
    assert [record.name for record in dataset.train_x] == ["a.jpg", "b.jpg"]
