"""Flickr_LDL and Twitter_LDL: columns by name, lists and folds, ties, soft targets, faults."""

import logging
from pathlib import Path

import numpy as np
import pytest

from tests.datasets.emotion_files import build, by_name, class_of, classes, fault, touch

HEADER = "images-name Amusement Awe Contentment Excitement Anger Disgust Fear Sadness"
COLUMNS = HEADER.lower().split()[1:]  # the four positive emotions come first
CLASSES = ("amusement", "anger", "awe", "contentment", "disgust", "excitement", "fear", "sadness")


def counts(number: int = 24) -> dict[str, list[int]]:
    """Return votes of eight annotators in the order of the columns."""
    rows = {}
    for i in range(number):
        votes = [0] * 8
        votes[i % 8] = 5
        votes[(i + 3) % 8] = 3
        rows[f"{i}.jpg"] = votes
    return rows


def write(root: Path, rows: dict[str, list[int]], *, header: str = HEADER, end: str = " \r\n"):
    """Write ``ground_truth.txt`` with the columns in the order of the header."""
    lines = [header] if header else []
    order = [COLUMNS.index(name.lower()) for name in (header or HEADER).split()[1:]]
    for image, votes in rows.items():
        lines.append(" ".join([image, *(str(votes[j]) for j in order)]))
    (root / "ground_truth.txt").write_bytes((end.join(lines) + end).encode())
    touch(root, [f"images/{image}" for image in rows])


def write_lists(root: Path, rows: dict[str, list[int]], *, train: int, ids=None) -> None:
    """Write StyleEDL's lists, which have no header and a class id at the end."""
    lines = []
    for image, votes in rows.items():
        number = int(np.argmax(votes)) if ids is None else ids[image]
        lines.append(f"{image} {' '.join(map(str, votes))} {number}")
    (root / "ground_truth_train.txt").write_text("\n".join(lines[:train]) + "\n")
    (root / "ground_truth_test.txt").write_text("\n".join(lines[train:]) + "\n")
    touch(root, [f"images/{image}" for image in rows])


def check_labels(dataset, rows: dict[str, list[int]]) -> None:
    assert tuple(dataset.classnames) == CLASSES
    assert set(by_name(dataset)) == {f"images/{image}" for image in rows}
    for name, record in by_name(dataset).items():
        votes = rows[name.removeprefix("images/")]
        for column, emotion in enumerate(COLUMNS):
            share = record.votes[CLASSES.index(emotion)]
            assert share == pytest.approx(votes[column] / sum(votes))
        assert record.classname == COLUMNS[int(np.argmax(votes))]


@pytest.mark.parametrize("name", ["FlickrLdl", "TwitterLdl"])
def test_columns_are_found_by_name(cfg, tmp_path: Path, name: str) -> None:
    rows = counts()
    words = HEADER.split()
    for header in (HEADER, " ".join([words[0], *words[:0:-1]]), ""):
        write(tmp_path, rows, header=header)
        dataset = build(cfg, tmp_path, name)
        check_labels(dataset, rows)
        assert classes(dataset)["images/1.jpg"] == "awe"
    assert dataset.kind == "single_label"


def test_the_lists_of_train_and_test_are_used_if_both_are_there(cfg, tmp_path: Path) -> None:
    rows = counts(40)
    write(tmp_path, rows)
    write_lists(tmp_path, rows, train=32)
    dataset = build(cfg, tmp_path, "TwitterLdl")
    check_labels(dataset, rows)
    assert [record.name for record in dataset.test] == [f"images/{i}.jpg" for i in range(32, 40)]
    assert len(dataset.train_x) + len(dataset.val) == 32 and len(dataset.val) == 8
    folds = build(cfg, tmp_path, "TwitterLdl", LDL_SPLIT="folds")
    assert [record.name for record in folds.test] != [record.name for record in dataset.test]


@pytest.mark.parametrize("split", ["lists", "folds"])
def test_soft_targets_are_of_train_alone(cfg, tmp_path: Path, split: str) -> None:
    rows = counts(40)
    write(tmp_path, rows)
    write_lists(tmp_path, rows, train=32)
    dataset = build(cfg, tmp_path, "FlickrLdl", TARGETS="soft", LDL_SPLIT=split)
    for record in dataset.train_x:
        np.testing.assert_array_equal(record.label, record.votes)
        assert record.label.sum() == pytest.approx(1)
    for record in (*dataset.val, *dataset.test):
        assert class_of(dataset, record) == record.classname


def test_a_tie_goes_to_the_class_id_or_to_the_first_column(cfg, tmp_path: Path, caplog) -> None:
    rows = counts() | {"t.jpg": [0, 4, 0, 0, 4, 0, 0, 0]}  # awe and anger
    write(tmp_path, rows)
    with caplog.at_level(logging.INFO):
        assert classes(build(cfg, tmp_path, "FlickrLdl"))["images/t.jpg"] == "awe"
    assert "1 of 25 images have several emotions with most votes" in caplog.text
    ids = {image: int(np.argmax(votes)) for image, votes in rows.items()} | {"t.jpg": 4}
    write_lists(tmp_path, rows, train=20, ids=ids)
    assert classes(build(cfg, tmp_path, "FlickrLdl"))["images/t.jpg"] == "anger"
    assert "class id" in caplog.text and "is not the column with most votes" not in caplog.text


def test_a_tie_in_a_drawn_val_split_has_the_class_of_the_file(cfg, tmp_path: Path) -> None:
    rows = {f"{i}.jpg": [0, 4, 0, 0, 4, 0, 0, 0] for i in range(30)}
    write_lists(tmp_path, rows, train=25, ids=dict.fromkeys(rows, 1))
    dataset = build(cfg, tmp_path, "FlickrLdl", TARGETS="soft")
    assert dataset.val
    for record in dataset.val:
        assert class_of(dataset, record) == "awe"  # anger comes first in the alphabet


def test_class_ids_of_another_order_are_not_trusted(cfg, tmp_path: Path, caplog) -> None:
    rows = counts()
    ids = {}
    for image, votes in rows.items():
        ids[image] = CLASSES.index(COLUMNS[int(np.argmax(votes))])  # alphabetical
    write_lists(tmp_path, rows, train=16, ids=ids)
    check_labels(build(cfg, tmp_path, "FlickrLdl"), rows)
    assert "is not the column with most votes; the votes count" in caplog.text


def test_val_of_some_of_the_classes_is_one_hot(cfg, tmp_path: Path) -> None:
    write_lists(tmp_path, counts(80), train=64)
    dataset = build(cfg, tmp_path, "FlickrLdl", TARGETS="soft", SUBSAMPLE_CLASSES="new")
    assert dataset.classnames == ["disgust", "excitement", "fear", "sadness"]
    assert dataset.val
    for record in dataset.val:
        assert class_of(dataset, record) == record.classname


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "is empty"),
        (HEADER.replace("Anger", "Angry"), "line 1: no column of 'anger' in the header"),
        (f"{HEADER}\n1.jpg 1 2 3", "line 2 has 4 cells; expected a name, 8 counts"),
        (f"{HEADER}\n1.jpg 1 2 3 4 5 6 7 x", "line 2: 'x' is no number of votes"),
        (f"{HEADER}\n\n1.jpg 0 0 0 0 0 0 0 0", "line 3: all votes are 0"),
        (f"{HEADER}\n" + "1.jpg 1 0 0 0 0 0 0 0\n" * 2, "image 'images/1.jpg' is listed twice"),
        (f"{HEADER}\n99.jpg 1 0 0 0 0 0 0 0", "missing below"),
    ],
)
def test_faults(cfg, tmp_path: Path, text, expected) -> None:
    write(tmp_path, counts())
    (tmp_path / "ground_truth.txt").write_text(text)
    assert expected in fault(cfg, tmp_path, "FlickrLdl")


def test_missing_files_and_an_image_in_both_lists(cfg, tmp_path: Path) -> None:
    assert "has neither ground_truth.txt nor" in fault(cfg, tmp_path, "FlickrLdl")
    assert "ground_truth_train.txt" in fault(cfg, tmp_path, "FlickrLdl", LDL_SPLIT="lists")
    write_lists(tmp_path, counts(), train=16)
    train = (tmp_path / "ground_truth_train.txt").read_text()
    (tmp_path / "ground_truth_test.txt").write_text(train.split("\n")[0])
    assert "is listed twice" in fault(cfg, tmp_path, "FlickrLdl")


def test_a_fold_has_no_effect_on_lists(cfg, tmp_path: Path, caplog) -> None:
    write(tmp_path, counts())
    build(cfg, tmp_path, "FlickrLdl", FOLD=1)
    assert "has no effect" not in caplog.text
    write_lists(tmp_path, counts(), train=16)
    build(cfg, tmp_path, "FlickrLdl", FOLD=1)
    assert "DATASET.FOLD 1 has no effect on the data set FlickrLdl" in caplog.text
