"""The report files and the table of splits."""

import csv
import json
import os

import numpy as np
import pytest

from evaluation import format_table, write_metrics, write_per_class, write_predictions


def test_metrics_file(tmp_path):
    path = tmp_path / "run" / "metrics.json"
    write_metrics(path, {"mean": 1 / 3, "a": float("nan"), "val": {"mAP": np.float32(2.0)}})
    text = path.read_text()
    assert json.loads(text) == {"mean": 1 / 3, "a": None, "val": {"mAP": 2.0}}
    assert list(json.loads(text)) == ["mean", "a", "val"]
    assert os.listdir(path.parent) == ["metrics.json"]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "rows.csv"
    write_per_class(path, [{"class": 0, "name": "a, b", "ap": float("nan")}])
    with path.open() as file:
        assert list(csv.DictReader(file)) == [{"class": "0", "name": "a, b", "ap": ""}]
    with pytest.raises(ValueError, match="other"):
        write_per_class(path, [{"class": 0}, {"class": 1, "other": 2}])
    assert "a, b" in path.read_text()
    assert os.listdir(tmp_path) == ["rows.csv"]


def test_predictions_name_the_decided_classes_or_the_best_one(tmp_path):
    path = tmp_path / "predictions.csv"
    write_predictions(
        path,
        images=["a.jpg", "b.jpg", "c.jpg"],
        names=["x", "y", "z"],
        scores=np.array([[0.1, 0.9, 0.8], [0.3, 0.2, 0.1], [0.6, 0.7, 0.1]]),
        labels=np.array([[0, 1, -1], [0, 0, 1], [1, 1, 0]]),
        pred=np.array([[False, True, True], [False] * 3, [True, False, False]]),
    )
    with path.open() as file:
        rows = list(csv.DictReader(file))
    found = [(row["image"], row["true"], row["predicted"]) for row in rows]
    assert found == [("a.jpg", "y", "y;z"), ("b.jpg", "z", "x"), ("c.jpg", "x;y", "x")]


def test_scores_of_predictions_are_read_back_to_the_last_bit(tmp_path):
    rng = np.random.default_rng(0)
    scores = rng.random((50, 3), dtype=np.float32) * np.float32([1, 1e-5, 1e-12])
    path = tmp_path / "predictions.csv"
    write_predictions(
        path,
        images=["a.jpg"] * 50,
        names=["x", "y", "z"],
        scores=scores.astype(np.float64),
        labels=np.zeros((50, 3)),
        pred=np.zeros((50, 3), dtype=bool),
    )
    with path.open() as file:
        rows = list(csv.DictReader(file))
    read = np.array([list(row.values())[3:] for row in rows], dtype=np.float32)
    np.testing.assert_array_equal(read, scores)


def test_table_has_the_metrics_of_whole_splits_in_the_order_of_the_table():
    metrics = {"macro_f1": 38.123, "mAP": float("nan"), "mAP/mid": 1.0, "macro_f1@0.5": 2.0}
    table = format_table({"val": {**metrics, "threshold": 0.35}, "test": {"top1": 7.0}})
    lines = table.splitlines()
    assert lines[0].split() == ["split", "mAP", "macro_f1", "threshold", "top1"]
    assert lines[2].split() == ["val", "-", "38.12", "0.35", "-"]
    assert lines[3].split() == ["test", "-", "-", "-", "7.00"]
    assert len({len(line) for line in lines}) == 1


def test_table_without_metrics_is_a_heading():
    assert format_table({}).split() == ["split", "-----"]
