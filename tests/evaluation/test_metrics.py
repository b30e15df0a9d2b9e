"""The metrics against scikit-learn and torchmetrics."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score

from evaluation import average_precision, f1_counts, f1_scores, mean_average_precision
from evaluation.metrics import chance_mean_average_precision


def draw(seed, num_images=30, num_classes=5, rate=0.3, decimals=1):
    """Return scores with ties, and labels."""
    rng = np.random.default_rng(seed)
    scores = rng.random((num_images, num_classes)).round(decimals)
    return scores, (rng.random((num_images, num_classes)) < rate).astype(int)


@settings(deadline=None, max_examples=80)
@given(
    seed=st.integers(0, 10**6),
    num_images=st.integers(1, 40),
    rate=st.sampled_from([0.05, 0.3, 0.9]),
    decimals=st.sampled_from([0, 1, 8]),
)
def test_equals_scikit_learn(seed, num_images, rate, decimals):
    scores, labels = draw(seed, num_images, 4, rate, decimals)
    ap, f1 = average_precision(scores, labels), f1_scores(scores > 0.5, labels)
    present = np.flatnonzero(labels.any(axis=0))
    for c in range(4):
        if c in present:
            assert ap[c] == pytest.approx(
                average_precision_score(labels[:, c], scores[:, c]), abs=1e-6
            )
        else:
            assert np.isnan(ap[c])
    pred = (scores > 0.5).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("micro", "samples"):
            assert f1[name] == pytest.approx(
                f1_score(labels, pred, average=name, zero_division=0), abs=1e-6
            )
        np.testing.assert_allclose(
            f1["per_class"], f1_score(labels, pred, average=None, zero_division=0), atol=1e-6
        )
        if len(present):
            macro = f1_score(labels, pred, average="macro", labels=present, zero_division=0)
            assert f1["macro"] == pytest.approx(macro, abs=1e-6)
    assert f1["absent"] == sorted(set(range(4)) - set(present.tolist()))


def test_equals_torchmetrics():
    classification = pytest.importorskip("torchmetrics.classification")
    import torch

    scores, labels = draw(0, 200, 6, decimals=2)
    ap = classification.MultilabelAveragePrecision(6, average=None)(
        torch.tensor(scores), torch.tensor(labels)
    )
    np.testing.assert_allclose(average_precision(scores, labels), ap.numpy(), atol=1e-5)
    for name in ("macro", "micro"):
        metric = classification.MultilabelF1Score(6, average=name)
        expected = metric(torch.tensor(scores > 0.5).int(), torch.tensor(labels))
        assert f1_scores(scores > 0.5, labels)[name] == pytest.approx(float(expected), abs=1e-5)


def test_a_class_without_positives_is_left_out():
    scores, labels = draw(1, rate=0.5)
    labels[:, 2] = 0
    kept = [0, 1, 3, 4]
    assert np.isnan(average_precision(scores, labels)[2])
    assert mean_average_precision(scores, labels) == pytest.approx(
        average_precision(scores, labels)[kept].mean()
    )
    f1 = f1_scores(scores > 0.5, labels)
    assert f1["absent"] == [2]
    assert f1["macro"] == pytest.approx(f1["per_class"][kept].mean())


def test_no_positive_at_all_is_nan_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(mean_average_precision(np.ones((3, 2)), np.zeros((3, 2))))
        assert np.isnan(f1_scores(np.ones((3, 2)) > 0, np.zeros((3, 2)))["macro"])


def test_unknown_entries_are_left_out():
    scores, labels = draw(2, rate=0.5)
    labels[np.random.default_rng(0).random(labels.shape) < 0.3] = -1
    pred, known = scores > 0.5, labels >= 0
    ap, f1 = average_precision(scores, labels), f1_scores(pred, labels)
    for c in range(labels.shape[1]):
        k = known[:, c]
        assert ap[c] == pytest.approx(average_precision_score(labels[k, c], scores[k, c]), abs=1e-9)
        assert f1["per_class"][c] == pytest.approx(f1_score(labels[k, c], pred[k, c]), abs=1e-9)
    assert f1["micro"] == pytest.approx(f1_score(labels[known], pred[known]), abs=1e-9)
    rows = [
        f1_score(y[k], p[k], zero_division=0)
        for y, p, k in zip(labels, pred, known, strict=True)
        if k.any()
    ]
    assert f1["samples"] == pytest.approx(np.mean(rows), abs=1e-9)


def test_counts():
    pred = np.array([[True, False], [True, True]])
    labels = np.array([[1, 1], [0, -1]])
    assert [x.tolist() for x in f1_counts(pred, labels)] == [[1, 0], [1, 0], [0, 1]]
    assert [int(x) for x in f1_counts(pred, labels, axis=None)] == [1, 1, 1]


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"\(3, 2\) and \(3, 3\)"):
        average_precision(np.zeros((3, 2)), np.zeros((3, 3)))


def test_chance_is_what_random_scores_reach():
    rng = np.random.default_rng(0)
    labels = (rng.random((4000, 3)) < [0.1, 0.3, 0.0]).astype(float)
    reached = np.mean([mean_average_precision(rng.random((4000, 3)), labels) for _ in range(20)])
    assert chance_mean_average_precision(labels) == pytest.approx(reached, abs=0.01)
