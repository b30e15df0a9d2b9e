"""Places of images: those of a check and of training are the same; missing ones."""

import json

import pytest

from core.errors import UserError
from datasets import build_annotations, build_dataset
from tools.check_data import main

FIFTYONE = json.dumps({"classes": ["cat", "dog"], "labels": {c: i % 2 for i, c in enumerate("ab")}})
CVAT = (
    "<annotations><image name='a.jpg'><tag label='cat'/></image>"
    "<image name='b.jpg'><tag label='dog'/></image></annotations>"
)
STUDIO = "image,choice\n/data/upload/1/0a1b2c3d-a.jpg,cat\n/data/upload/1/0a1b2c3d-b.jpg,dog\n"
TABLE = "image_name,tags\na,cat\nb,dog\n"
LAYOUTS = {
    "fiftyone": ("labels.json", FIFTYONE, "data", {}),
    "cvat": ("annotations.xml", CVAT, "images", {}),
    "label_studio": ("export.csv", STUDIO, ".", {}),
    "planet": ("train_v2.csv", TABLE, "train-jpg", {"IMAGES": "train-jpg"}),
}


@pytest.fixture(params=LAYOUTS)
def photos(request, write, draw, make_cfg, tmp_path):
    """Return the configuration of two photographs in the folder of a tool."""
    name, content, folder, keys = LAYOUTS[request.param]
    write(name, content)
    draw(f"{folder}/a.jpg", f"{folder}/b.jpg")
    return make_cfg(FILE=name, **keys)


def test_the_places_are_those_of_training(photos) -> None:
    expected = [record.impath for record in build_dataset(photos).train_x]
    found = build_annotations(photos, splits=("val", "test")).train_x
    assert [record.impath for record in found] == expected


def test_a_check_finds_the_images(photos, tmp_path, capsys) -> None:
    node = photos.DATASET
    keys = {"NAME": "Csv", "FILE": node.FILE, "IMAGES": node.IMAGES, "VAL_PERCENT": "0.0"}
    pairs = [word for key, value in keys.items() for word in (f"DATASET.{key}", value)]
    out = ["--output-dir", str(tmp_path / "out"), "--workers", "1", "--min-side", "1"]
    main(["--root", str(tmp_path), *out, *pairs, "TEST.NO_TEST", "True"])
    content = json.loads((tmp_path / "out/check_data.json").read_text())
    assert content["files"]["readable"] == 2
    assert "missing_files" not in [entry["kind"] for entry in content["faults"]]


def test_missing_images_are_left_out_by_choice(write, draw, make_cfg, tmp_path, caplog) -> None:
    write("f.csv", "file_name,labels\na.jpg,x\nb.jpg,y\nc.jpg,x\n")
    draw("images/a.jpg", "images/c.jpg")
    with pytest.raises(UserError, match=r"1 of 3 images .*b\.jpg.*DATASET.MISSING_IMAGES skip"):
        build_dataset(make_cfg(FILE="f.csv"))
    cfg = make_cfg(FILE="f.csv", MISSING_IMAGES="skip")
    for dataset in (build_dataset(cfg), build_annotations(cfg)):
        assert [record.name for record in dataset.train_x] == ["a.jpg", "c.jpg"]
    assert "1 of 3 images of split train are missing and are left out" in caplog.text
    for name in ("a.jpg", "c.jpg"):
        (tmp_path / "images" / name).unlink()
    with pytest.raises(UserError, match="3 of 3 images are missing"):
        build_dataset(cfg)
    assert len(build_annotations(cfg).train_x) == 3
