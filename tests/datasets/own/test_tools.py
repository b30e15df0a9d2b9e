"""Files of further tools: read as they are, or refused in one line."""

import json

import numpy as np
import pytest

from core.errors import UserError
from core.labels import UNKNOWN
from tests.datasets.own.conftest import labels_of


def lines_of(*entries):
    return "\n".join(map(json.dumps, entries)) + "\n"


# name of the tool -> its file, keys of DATASET, labels of each image
READ = {
    "Kaggle, labels with spaces": (
        "image,labels\n800.jpg,healthy\n801.jpg,scab frog_eye_leaf_spot complex\n802.jpg,scab\n",
        {},
        {
            "800.jpg": {"healthy"},
            "801.jpg": {"scab", "frog_eye_leaf_spot", "complex"},
            "802.jpg": {"scab"},
        },
    ),
    "Kaggle, labels with bars": (
        "filename,label,Patient Age\n1.png,Cardiomegaly|Mass,58\n2.png,No Finding,81\n",
        {},
        {"1.png": {"Cardiomegaly", "Mass"}, "2.png": {"No Finding"}},
    ),
    "Kaggle, indices with spaces": (
        "image_id,labels\na,0 14\nb,14\nc,5\n",
        {},
        {"a": {"0", "14"}, "b": {"14"}, "c": {"5"}},
    ),
    "Kaggle, a column per class": (
        "image_id,healthy,rust,scab\nTrain_0,0,0,1\nTrain_1,0,1,0\n",
        {},
        {"Train_0": {"scab"}, "Train_1": {"rust"}},
    ),
    "Hugging Face, lists in quotes": (
        'file_name,labels\na.jpg,"[""joy"", ""calm""]"\nb.jpg,"[\'joy\']"\nc.jpg,[]\n',
        {},
        {"a.jpg": {"joy", "calm"}, "b.jpg": {"joy"}, "c.jpg": set()},
    ),
    "Hugging Face, indices": (
        lines_of({"file_name": "a.jpg", "labels": [2, 0]}, {"file_name": "b.jpg", "labels": [1]}),
        {"CLASSES": ("x", "y", "z")},
        {"a.jpg": {"x", "z"}, "b.jpg": {"y"}},
    ),
    "Hugging Face, a number per class": (
        lines_of(
            {"file_name": "a.jpg", "labels": [0, 1, 0]},
            {"file_name": "b.jpg", "labels": [1, 1, 0]},
        ),
        {"CLASSES": ("x", "y", "z")},
        {"a.jpg": {"y"}, "b.jpg": {"x", "y"}},
    ),
    "indices of objects": (
        lines_of({"file_name": "a.jpg", "labels": [2, 2, 0]}, {"file_name": "b.jpg", "labels": []}),
        {"CLASSES": ("x", "y", "z")},
        {"a.jpg": {"x", "z"}, "b.jpg": set()},
    ),
    "pandas, a list of numbers in the cell": (
        'path,labels\na.jpg,"[0, 1]"\nb.jpg,"[0, 0]"\n',
        {"CLASSES": ("x", "y")},
        {"a.jpg": {"y"}, "b.jpg": set()},
    ),
    "pandas, an index and truth values": (
        ",filename,joy,calm\n0,a.jpg,True,False\n1,b.jpg,False,True\n",
        {},
        {"a.jpg": {"joy"}, "b.jpg": {"calm"}},
    ),
    "Vertex AI, words of splits": (
        "training,gs://b/a.jpg,joy\nvalidation,gs://b/b.jpg,calm,joy\ntest,gs://b/c.jpg,joy\n",
        {},
        {"a.jpg": {"joy"}, "b.jpg": {"calm", "joy"}, "c.jpg": {"joy"}},
    ),
    "Vertex AI, no splits": (
        "gs://b/a.jpg,joy\ngs://b/b.jpg,calm,joy\n",
        {},
        {"a.jpg": {"joy"}, "b.jpg": {"calm", "joy"}},
    ),
    "fastai, folders of splits in the names": (
        "name,label\ntrain/n1/a.JPEG,n1\nval/n1/b.JPEG,n1\nval/n2/c.JPEG,n2\n",
        {},
        {"train/n1/a.JPEG": {"n1"}, "val/n1/b.JPEG": {"n1"}, "val/n2/c.JPEG": {"n2"}},
    ),
    "make-sense, lists without quotes": (
        'a.jpg,"[joy,calm]"\nb.jpg,"[joy]"\n',
        {},
        {"a.jpg": {"joy", "calm"}, "b.jpg": {"joy"}},
    ),
    "doccano": (
        lines_of(
            {"id": 1, "filename": "a.jpg", "label": ["joy", "calm"], "Comments": []},
            {"id": 2, "filename": "b.jpg", "label": ["joy"], "Comments": []},
        ),
        {},
        {"a.jpg": {"joy", "calm"}, "b.jpg": {"joy"}},
    ),
    "Excel with semicolons in quotes": (
        'Filename;Labels\r\na.jpg;"joy;calm"\r\nb.jpg;joy\r\n',
        {},
        {"a.jpg": {"joy", "calm"}, "b.jpg": {"joy"}},
    ),
}


@pytest.mark.parametrize("tool", READ)
def test_files_that_are_read(write, load, tool):
    content, keys, expected = READ[tool]
    write("labels", content)
    assert labels_of(load(FILE="labels", **keys)) == expected


def test_lists_of_shares_and_empty_cells(write, load):
    rows = [[0.25, 1], None, [0, -1]]
    entries = [{"file_name": f"{i}.jpg", "labels": row} for i, row in enumerate(rows)]
    write("f.jsonl", lines_of(*entries))
    keys = {"FILE": "f.jsonl", "CLASSES": ("x", "y")}
    with pytest.raises(UserError, match=r"line 3, column 'y': -1 may mean no or unknown"):
        load(**keys)
    dataset = load(**keys, LABEL_VALUES="minus_one_is_unknown")
    labels = np.stack([record.label for record in dataset.train_x])
    expected = [[0.25, 1], [UNKNOWN, UNKNOWN], [0, UNKNOWN]]
    np.testing.assert_array_equal(labels, np.float32(expected))


REGION = {"filename": "a.jpg", "size": 9, "regions": [], "file_attributes": {"intent": "joy"}}
VIA = {"a.jpg9": REGION}

# name of the tool -> its file, what the line must say
REFUSED = {
    "VIA": (json.dumps(VIA), "annotations of VIA .*use a CSV"),
    "VIA project": (
        json.dumps({"_via_settings": {}, "_via_img_metadata": VIA}),
        "a project of VIA .*use a CSV",
    ),
    "VIA CSV": (
        "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,"
        'region_attributes\na.jpg,9,"{""intent"":""joy""}",0,0,"{}","{}"\n',
        "a CSV of VIA .*use a CSV",
    ),
    "Labelbox NDJSON": (
        lines_of({"data_row": {"external_id": "a.jpg"}, "projects": {}}, {"data_row": {}}),
        "an export of Labelbox, which is not read; use a CSV with the columns file_name",
    ),
    "Labelbox, earlier": (
        json.dumps([{"ID": "x", "Labeled Data": "https://s/a.jpg", "Label": {"objects": []}}]),
        "an export of Labelbox",
    ),
    "SageMaker Ground Truth": (
        lines_of({"source-ref": "s3://b/a.jpg", "intent": [1], "intent-metadata": {}}),
        "a manifest of SageMaker Ground Truth",
    ),
    "Vertex AI": (
        lines_of({"imageGcsUri": "gs://b/a.jpg", "classificationAnnotations": []}),
        "a JSON Lines file of Vertex AI, .*use its CSV: TRAIN,gs://bucket/a.jpg,label",
    ),
    "labelme": (json.dumps({"flags": {}, "shapes": [], "imagePath": "a.jpg"}), "a file of labelme"),
    "Datumaro": (
        json.dumps({"info": {}, "categories": {}, "items": []}),
        "a file of Datumaro, .*use CVAT for images",
    ),
    "NIH, columns of other names": (
        "Image Index,Finding Labels\n1.png,Cardiomegaly|Mass\n2.png,No Finding\n",
        "line 2: column 'Finding Labels' is 'Cardiomegaly|Mass'; .* rename it to 'labels'",
    ),
    "NumPy in a cell": (
        "file_name,labels\na.jpg,\"['joy' 'calm']\"\n",
        "line 2: column 'labels' is .* expected commas between the labels",
    ),
    "object in a cell": (
        'path,labels\na.jpg,"{""joy"": 1, ""calm"": 0}"\nb.jpg,"{""joy"": 1, ""calm"": 1}"\n',
        "line 2: column 'labels' is .* expected names of classes, not an object",
    ),
    "object as labels": (
        lines_of({"file_name": "a.jpg", "labels": {"joy": 1, "calm": 0}}),
        "line 1: column 'labels' holds .*; expected names of classes",
    ),
    "a number per class without names": (
        lines_of({"file_name": "a.jpg", "labels": [0, 1, 0]}),
        "line 1: 3 numbers per image without names of classes; .*DATASET.CLASSES",
    ),
    "lists of different lengths": (
        lines_of(
            {"file_name": "a.jpg", "labels": [0, 1, 0]}, {"file_name": "b.jpg", "labels": [1, 0]}
        ),
        "3 numbers per image without names of classes",
    ),
    "imagenette": (
        "path,noisy_labels_0,is_valid\ntrain/a.JPEG,n1,False\nval/b.JPEG,n2,True\n",
        "line 2: column 'noisy_labels_0' is 'n1'; .*DATASET.IGNORE",
    ),
    "YOLO": ("0 0.5 0.5 0.2 0.2\n", "line 1: no column names the images"),
}


@pytest.mark.parametrize("tool", REFUSED)
def test_files_that_are_refused_in_one_line(write, load, tool):
    content, message = REFUSED[tool]
    path = write("labels", content)
    with pytest.raises(UserError, match=message) as caught:
        load(FILE="labels")
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_list_of_another_length_than_the_classes(write, load):
    entries = [{"file_name": f"{i}.jpg", "labels": row} for i, row in enumerate(([0, 0], [0]))]
    write("f.jsonl", lines_of(*entries))
    with pytest.raises(UserError, match="line 2: 1 values; expected 2, one per class"):
        load(FILE="f.jsonl", CLASSES=("x", "y"))
