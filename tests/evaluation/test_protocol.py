"""The protocol against plain loops."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from evaluation import THRESHOLDS, best_threshold, evaluate_protocol, metric_names, per_class_rows

SUBSETS = {"easy": [0, 2], "hard": [1, 3, 4]}
LEVELS = {"mid": {"a": [0, 1], "b": [2], "c": [3, 4]}, "super": {"x": [0, 1, 2], "y": [3, 4]}}


@pytest.fixture
def split():
    rng = np.random.default_rng(0)
    labels = (rng.random((60, 5)) < 0.3).astype(int)
    return np.clip(0.3 * labels + 0.6 * rng.random((60, 5)), 0, 1), labels


def test_the_grid():
    assert len(THRESHOLDS) == 19
    assert THRESHOLDS.tolist() == [round(0.05 * i, 2) for i in range(1, 20)]


def test_best_threshold_is_that_of_a_plain_search(split):
    scores, labels = split
    best, best_value = None, -1.0
    for t in THRESHOLDS:
        value = f1_score(labels, scores > t, average="macro", zero_division=0)
        if value > best_value:
            best, best_value = t, value
    assert best_threshold(scores, labels) == best


def test_the_first_of_equal_thresholds_wins_and_equality_is_below():
    scores = np.array([[0.3, 0.9], [0.9, 0.3]])
    assert (
        best_threshold(scores, np.eye(2)[::-1]) == 0.3
    )  # 0.30 to 0.85 are all perfect; 0.3 > 0.3 is false


def test_no_positive_cannot_be_tuned():
    with pytest.raises(ValueError, match="no class has a positive"):
        best_threshold(np.ones((2, 2)), np.zeros((2, 2)))


def test_values_and_order(split):
    scores, labels = split
    result = evaluate_protocol(scores, labels, threshold=0.4, subsets=SUBSETS, levels=LEVELS)
    expected = ["mAP", "macro_f1", "micro_f1", "samples_f1", "mean", "threshold"]
    expected += [
        "macro_f1@0.5",
        "micro_f1@0.5",
        "samples_f1@0.5",
        "mean@0.5",
        "macro_f1/easy",
        "macro_f1/hard",
    ]
    expected += [
        f"{m}/{level}" for level in LEVELS for m in ("mAP", "macro_f1", "micro_f1", "samples_f1")
    ]
    assert list(result) == expected == metric_names(SUBSETS, LEVELS)
    assert result["threshold"] == 0.4
    assert result["mAP"] == pytest.approx(
        100 * average_precision_score(labels, scores, average="macro")
    )
    for suffix, t in (("", 0.4), ("@0.5", 0.5)):
        for name in ("macro", "micro", "samples"):
            value = 100 * f1_score(labels, scores > t, average=name, zero_division=0)
            assert result[f"{name}_f1{suffix}"] == pytest.approx(value)
        four = [result["mAP"], *(result[f"{n}_f1{suffix}"] for n in ("macro", "micro", "samples"))]
        assert result[f"mean{suffix}"] == pytest.approx(np.mean(four))
    for name, members in SUBSETS.items():
        value = f1_score(
            labels[:, members], scores[:, members] > 0.4, average="macro", zero_division=0
        )
        assert result[f"macro_f1/{name}"] == pytest.approx(100 * value)


@pytest.mark.parametrize("level", LEVELS)
def test_levels_equal_a_plain_loop(split, level):
    scores, labels = split
    groups = list(LEVELS[level].values())
    pooled_scores = np.array([[max(row[c] for c in g) for g in groups] for row in scores])
    pooled_labels = np.array([[max(row[c] for c in g) for g in groups] for row in labels])
    result = evaluate_protocol(scores, labels, threshold=0.4, levels=LEVELS)
    value = average_precision_score(pooled_labels, pooled_scores, average="macro")
    assert result[f"mAP/{level}"] == pytest.approx(100 * value)
    for name in ("macro", "micro", "samples"):
        value = f1_score(pooled_labels, pooled_scores > 0.4, average=name, zero_division=0)
        assert result[f"{name}_f1/{level}"] == pytest.approx(100 * value)


def test_a_group_with_an_unknown_member_is_positive_or_unknown():
    from evaluation.protocol import pool_groups

    labels = np.array([[1, -1], [0, -1], [0, 0], [1, 0]])
    assert pool_groups(np.zeros((4, 2)), labels, {"g": [0, 1]})[1][:, 0].tolist() == [1, -1, 0, 1]


def test_subsets_leave_absent_classes_out(split):
    scores, labels = split
    labels[:, [0, 1]] = 0
    subsets = {"some": [0, 2], "none": [0, 1]}
    result = evaluate_protocol(scores, labels, threshold=0.4, subsets=subsets)
    assert result["macro_f1/some"] == pytest.approx(
        100 * f1_score(labels[:, 2], scores[:, 2] > 0.4)
    )
    assert np.isnan(result["macro_f1/none"])


def test_rows_per_class(split):
    scores, labels = split
    labels[:, 4] = 0
    rows = per_class_rows(scores, labels, threshold=0.4, names=list("abcde"))
    assert list(rows[0]) == ["class", "name", "ap", "f1", "f1@0.5", "num_pos"]
    assert rows[1]["name"] == "b"
    assert rows[1]["num_pos"] == labels[:, 1].sum()
    assert rows[1]["ap"] == pytest.approx(100 * average_precision_score(labels[:, 1], scores[:, 1]))
    assert rows[1]["f1@0.5"] == pytest.approx(100 * f1_score(labels[:, 1], scores[:, 1] > 0.5))
    assert rows[4]["num_pos"] == 0
    assert np.isnan([rows[4]["ap"], rows[4]["f1"]]).all()
