"""EmoSet: rows of three and four fields, names and not numbers, faults."""

import json
from pathlib import Path

import pytest

from datasets import build_annotations
from tests.datasets.emotion_files import build, by_name, classes, fault, touch

INFO = {
    "emotion": {
        "label2idx": {
            "amusement": 0, "awe": 1, "contentment": 2, "excitement": 3,
            "anger": 4, "disgust": 5, "fear": 6, "sadness": 7,
        },
        "idx2label": {
            "0": "amusement", "1": "awe", "2": "contentment", "3": "excitement",
            "4": "anger", "5": "disgust", "6": "fear", "7": "sadness",
        },
    }
}  # fmt: skip
LISTS = {
    "train": ["amusement", "awe", "contentment", "excitement", "anger", "disgust", "fear"],
    "val": ["sadness", "awe"],
    "test": ["anger"],
}


def write(root: Path, *, fields: int, encoding: str = "utf-8") -> dict[str, str]:
    """Write the official layout; return the emotion of each image."""
    expected = {}
    (root / "info.json").write_text(json.dumps(INFO))
    for split, emotions in LISTS.items():
        rows = []
        for i, emotion in enumerate(emotions):
            number = f"{emotion}_{split}{i:05d}"
            image = f"image/{emotion}/{number}.jpg"
            row = [emotion, number, image, f"annotation/{emotion}/{number}.json"]
            if fields == 3:
                del row[1]
            rows.append(row)
            expected[image] = emotion
        text = json.dumps(rows, indent=1).replace("\n", "\r\n")
        (root / f"{split}.json").write_text(text, encoding=encoding)
    touch(root, expected)
    return expected


@pytest.mark.parametrize(("fields", "encoding"), [(3, "utf-8"), (4, "utf-8-sig")])
def test_the_emotion_is_the_name_in_the_row(cfg, tmp_path: Path, fields, encoding) -> None:
    expected = write(tmp_path, fields=fields, encoding=encoding)
    dataset = build(cfg, tmp_path, "EmoSet")
    assert classes(dataset) == expected
    assert dataset.kind == "single_label"
    assert [len(records) for records in (dataset.train_x, dataset.val, dataset.test)] == [7, 2, 1]
    assert [record.classname for record in dataset.train_x] == LISTS["train"]
    assert dataset.classnames[1] == "anger"  # alphabetical, where info.json has awe


def test_only_the_evaluated_lists_are_needed_for_predictions(cfg, tmp_path: Path) -> None:
    write(tmp_path, fields=3)
    for name in ("train.json", "val.json", "info.json"):
        (tmp_path / name).unlink()
    for path in tmp_path.rglob("*.jpg"):
        path.unlink()
    cfg.DATASET.ROOT, cfg.DATASET.NAME, cfg.DATASET.HIERARCHY = str(tmp_path), "EmoSet", "mikels8"
    dataset = build_annotations(cfg, splits=("test",))
    assert list(by_name(dataset)) == ["image/anger/anger_test00000.jpg"]
    assert set(dataset.hierarchy.levels["super"]) == {"positive emotion", "negative emotion"}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([["awe", "image/a.jpg"]], "expected [emotion, image, annotation]"),
        ([["awe", 3, "a.json"]], "row 0 is ['awe', 3, 'a.json']; expected texts"),
        ([["aw", "image/a.jpg", "a.json"]], "row 0: emotion is 'aw'; accepted: amusement"),
        ([[3, "image/a.jpg", "a.json"]], "expected texts"),
        ([["awe", "../a.jpg", "a.json"]], "'../a.jpg' is no image path"),
        ([["awe", "image/a.jpg", "a.json"]] * 2, "image 'image/a.jpg' is listed twice"),
        ({"awe": []}, "expected a list of rows"),
        ([], "no images in split train"),
        ([["awe", "image/gone.jpg", "a.json"]], "1 image is missing below"),
    ],
)
def test_faults_of_a_list(cfg, tmp_path: Path, rows, expected) -> None:
    write(tmp_path, fields=3)
    touch(tmp_path, ["image/a.jpg"])
    (tmp_path / "train.json").write_text(json.dumps(rows))
    assert expected in fault(cfg, tmp_path, "EmoSet")


def test_faults_of_files(cfg, tmp_path: Path) -> None:
    write(tmp_path, fields=3)
    (tmp_path / "train.json").write_text("[[")
    assert "train.json is not valid JSON" in fault(cfg, tmp_path, "EmoSet")
    (tmp_path / "train.json").unlink()
    assert "cannot read" in fault(cfg, tmp_path, "EmoSet")
    (tmp_path / "info.json").write_text('{"emotion": {"label2idx": {"joy": 0}}}')
    assert "the emotions are joy; expected amusement" in fault(cfg, tmp_path, "EmoSet")
    (tmp_path / "info.json").write_text("[]")
    assert "expected an object with emotion: label2idx" in fault(cfg, tmp_path, "EmoSet")


def test_an_image_in_two_lists_is_an_error(cfg, tmp_path: Path) -> None:
    write(tmp_path, fields=3)
    rows = json.loads((tmp_path / "train.json").read_text())
    (tmp_path / "test.json").write_text(json.dumps(rows[:1]))
    assert "is listed twice" in fault(cfg, tmp_path, "EmoSet")


def test_keys_without_effect_are_a_warning(cfg, tmp_path: Path, caplog) -> None:
    write(tmp_path, fields=3)
    build(cfg, tmp_path, "EmoSet")
    assert "has no effect" not in caplog.text
    build(cfg, tmp_path, "EmoSet", TARGETS="soft", LABEL_POLICY="majority", FOLD=3)
    for setting in ("TARGETS soft", "LABEL_POLICY majority", "FOLD 3"):
        assert f"DATASET.{setting} has no effect on the data set EmoSet" in caplog.text
