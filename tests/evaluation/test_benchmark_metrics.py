"""The benchmark's metrics against scikit-learn and plain loops."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from evaluation import (
    METRICS,
    GlobalThreshold,
    Groups,
    Scored,
    compute_metrics,
    metric_names,
    per_class_rows,
)
from evaluation.scored import pool_groups

SUBSETS = {"easy": [0, 2], "hard": [1, 3, 4]}
LEVELS = {"mid": {"a": [0, 1], "b": [2], "c": [3, 4]}, "super": {"x": [0, 1, 2], "y": [3, 4]}}


@pytest.fixture
def split():
    rng = np.random.default_rng(0)
    labels = (rng.random((60, 5)) < 0.3).astype(int)
    return np.clip(0.3 * labels + 0.6 * rng.random((60, 5)), 0, 1), labels


def evaluate(scores, labels, *, threshold, **groups):
    rule = GlobalThreshold(threshold)
    return compute_metrics(Scored.by_rule(scores, labels, rule), rule, Groups(**groups))


def test_names_and_order(split):
    result = evaluate(*split, threshold=0.4, subsets=SUBSETS, levels=LEVELS)
    headline = ["mAP", "macro_f1", "micro_f1", "samples_f1", "mean"]
    others = [name for name in METRICS if name not in headline]
    at_fixed = [name for name in others if METRICS[name].at_fixed]
    expected = [*headline, *others, "threshold"]
    expected += ["macro_f1@0.5", "micro_f1@0.5", "samples_f1@0.5", "mean@0.5"]
    expected += [f"{name}@0.5" for name in at_fixed]
    expected += ["macro_f1/easy", "macro_f1/hard"]
    expected += ["mAP/mid", "macro_f1/mid", "micro_f1/mid", "samples_f1/mid"]
    expected += ["mAP/super", "macro_f1/super", "micro_f1/super", "samples_f1/super"]
    assert list(result) == expected
    assert result["threshold"] == 0.4
    expected.remove("threshold")  # a number of the rule, which cannot select
    assert metric_names(Groups(SUBSETS, LEVELS)) == expected


@pytest.mark.parametrize(("suffix", "threshold"), [("", 0.4), ("@0.5", 0.5)])
def test_values_equal_scikit_learn(split, suffix, threshold):
    scores, labels = split
    result = evaluate(scores, labels, threshold=0.4)
    four = [100 * average_precision_score(labels, scores, average="macro")]
    assert result["mAP"] == pytest.approx(four[0])
    for name in ("macro", "micro", "samples"):
        value = 100 * f1_score(labels, scores > threshold, average=name, zero_division=0)
        assert result[f"{name}_f1{suffix}"] == pytest.approx(value)
        four.append(value)
    assert result[f"mean{suffix}"] == pytest.approx(np.mean(four))


@pytest.mark.parametrize("name", SUBSETS)
def test_a_subset_equals_scikit_learn_on_its_classes(split, name):
    labels, scores = split[1][:, SUBSETS[name]], split[0][:, SUBSETS[name]]
    result = evaluate(*split, threshold=0.4, subsets=SUBSETS)
    value = f1_score(labels, scores > 0.4, average="macro", zero_division=0)
    assert result[f"macro_f1/{name}"] == pytest.approx(100 * value)


@pytest.mark.parametrize("level", LEVELS)
def test_levels_equal_a_plain_loop(split, level):
    scores, labels = split
    groups = list(LEVELS[level].values())
    pooled_scores = np.empty((len(scores), len(groups)))
    pooled_labels = np.empty((len(scores), len(groups)), dtype=int)
    for i in range(len(scores)):
        for g, members in enumerate(groups):
            pooled_scores[i, g] = max(scores[i, c] for c in members)
            pooled_labels[i, g] = max(labels[i, c] for c in members)
    result = evaluate(scores, labels, threshold=0.4, levels=LEVELS)
    value = average_precision_score(pooled_labels, pooled_scores, average="macro")
    assert result[f"mAP/{level}"] == pytest.approx(100 * value)
    for name in ("macro", "micro", "samples"):
        value = f1_score(pooled_labels, pooled_scores > 0.4, average=name, zero_division=0)
        assert result[f"{name}_f1/{level}"] == pytest.approx(100 * value)


def test_a_group_with_an_unknown_member_is_positive_or_unknown():
    labels = np.array([[1, -1], [0, -1], [0, 0], [1, 0]])
    assert pool_groups(np.zeros((4, 2)), labels, {"g": [0, 1]})[1][:, 0].tolist() == [1, -1, 0, 1]


def test_subsets_leave_absent_classes_out(split):
    scores, labels = split
    labels[:, [0, 1]] = 0
    subsets = {"some": [0, 2], "none": [0, 1]}
    result = evaluate(scores, labels, threshold=0.4, subsets=subsets)
    assert result["macro_f1/some"] == pytest.approx(
        100 * f1_score(labels[:, 2], scores[:, 2] > 0.4)
    )
    assert np.isnan(result["macro_f1/none"])


def test_rows_per_class(split):
    scores, labels = split
    labels[:, 4] = 0
    split = Scored.by_rule(scores, labels, GlobalThreshold(0.4))
    rows = per_class_rows(split, list("abcde"))
    columns = ["class", "name", "ap", "ap_interp", "f1", "f1@0.5", "auc", "ece", "num_pos"]
    assert list(rows[0]) == columns
    assert rows[1]["name"] == "b"
    assert rows[1]["num_pos"] == labels[:, 1].sum()
    assert rows[1]["ap"] == pytest.approx(100 * average_precision_score(labels[:, 1], scores[:, 1]))
    assert rows[1]["f1@0.5"] == pytest.approx(100 * f1_score(labels[:, 1], scores[:, 1] > 0.5))
    assert rows[4]["num_pos"] == 0
    assert np.isnan([rows[4]["ap"], rows[4]["f1"]]).all()
