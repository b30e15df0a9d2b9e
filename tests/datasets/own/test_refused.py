"""Files of known formats that are not read: the error names the format and says what to do."""

import json

import pytest

from core.errors import UserError
from tests.datasets.own.conftest import labels_of

VIA = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes\n"
OF_VIA = "VIA .*, which is not read; use a CSV with .*made from file_attributes in the CSV"
COLUMN = {"0": "a.jpg", "1": "b.jpg"}
ROW = {"file_name": "a.jpg", "labels": ["joy"]}
TAGGED = {"image_url": "https://h/a.jpg", "tags": [{"tagId": "t", "tagName": "joy"}]}
SAMPLE = {"filepath": "data/a.jpg", "ground_truth": {"label": "joy"}}
FILES = {
    "VIA CSV": ("f.csv", "#" + VIA + 'a.jpg,9,"{""emo"":""joy""}",0,0,"{}"\n', OF_VIA),
    "VIA project": ("f.json", {"_via_settings": {}, "_via_img_metadata": {}}, OF_VIA),
    "VIA JSON": ("f.json", {"a.jpg9": {"filename": "a.jpg", "regions": []}}, OF_VIA),
    "VIA 3": (
        "f.json",
        {"project": {}, "config": {}, "attribute": {}, "file": {}, "metadata": {}, "view": {}},
        "a project of VIA 3",
    ),
    "Supervisely": (
        "a.jpg.json",
        {"description": "", "tags": [{"name": "joy"}], "size": {"height": 8}, "objects": []},
        "a file of Supervisely, which is not read; use a CSV",
    ),
    "Supervisely meta": (
        "meta.json",
        {"classes": [], "tags": [{"name": "joy"}], "projectType": "images"},
        "meta.json of Supervisely",
    ),
    "Custom Vision": (
        "f.json",
        [{"id": "x", "originalImageUri": "https://h/a.jpg", "tags": [], "regions": []}],
        "Azure Custom Vision, which is not read; use a CSV",
    ),
    "Custom Vision, tags": ("f.json", [TAGGED], "Azure Custom Vision"),
    "Label Studio import": (
        "f.json",
        [{"data": {"image": "/data/upload/1/a.jpg"}, "predictions": []}],
        "tasks of Label Studio without annotations, .*use its export as JSON",
    ),
    "FiftyOne samples": (
        "samples.json",
        {"samples": [SAMPLE]},
        "samples.json of FiftyOne, .*FiftyOneImageClassificationDataset",
    ),
    "Git LFS": (
        "f.csv",
        "version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 123\n",
        "a pointer of Git LFS .*use git lfs pull",
    ),
    "Git LFS for JSON": (
        "f.json",
        "version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 123\n",
        "a pointer of Git LFS",
    ),
    "VIA 3 CSV": (
        "f.csv",
        "# Exported using VGG Image Annotator (http://example.org)\n# CSV_HEADER = metadata_id,"
        'file_list,flags\n"1_a","[""a.jpg""]",0\n',
        "a CSV of VIA 3 .*, which is not read; use a CSV",
    ),
    "PDF": ("f.csv", b"%PDF-1.4\n%\xe2\xe3\n1 0 obj\n\0", "a PDF; write its table as CSV"),
    "YAML": ("f.yaml", "a.jpg: joy\nb.jpg: calm\n", "YAML, which is not read; use a CSV"),
    "YAML with lists": ("f.yml", "a.jpg: [joy, calm]\nb.jpg: []\n", "YAML, which is not read"),
    "pandas split": (
        "f.json",
        {"columns": ["file_name", "labels"], "index": [0], "data": [["a.jpg", ["joy"]]]},
        "pandas with orient='split', .*to_json with orient='records'",
    ),
    "pandas table": (
        "f.json",
        {"schema": {"fields": []}, "data": [{"index": 0, **ROW}]},
        "pandas with orient='table'",
    ),
    "pandas index": ("f.json", {"0": ROW, "1": ROW}, "one entry per image or column.*records"),
    "pandas columns": (
        "f.json",
        {"file_name": COLUMN, "labels": COLUMN},
        "one entry per image or column.*orient='records'",
    ),
    "image: label": ("f.json", {"a.jpg": "joy", "b.jpg": "calm"}, "one entry per image or column"),
    "image: labels": ("f.json", {"a.jpg": ["joy"]}, "one entry per image or column"),
}


@pytest.mark.parametrize("case", FILES)
def test_the_error_says_what_to_use(write, load, case):
    name, content, message = FILES[case]
    path = write(name, content if isinstance(content, str | bytes) else json.dumps(content))
    with pytest.raises(UserError, match=message) as caught:
        load(FILE=name)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


READ = {
    "columns as in Supervisely": ("f.csv", "file_name,tags,size,objects\na.jpg,joy,8 x 8,cup\n"),
    "a CSV by another name": ("f.yaml", "file_name,labels\na.jpg,joy\n"),
    "one line of JSON": ("f.jsonl", json.dumps({**ROW, "data": {"camera": "x"}})),
    "tags as text": ("f.json", json.dumps([{"image": "a.jpg", "tags": ["joy"]}])),
}


@pytest.mark.parametrize("case", READ)
def test_files_that_look_alike_are_read(write, load, case):
    name, content = READ[case]
    write(name, content)
    assert labels_of(load(FILE=name)) == {"a.jpg": {"joy"}}


@pytest.mark.parametrize("text", ["{}", "[{}]"])
def test_an_entry_without_keys_ends_in_one_line(write, load, text):
    write("f.json", text)
    with pytest.raises(UserError, match="no column names the images"):
        load(FILE="f.json")
