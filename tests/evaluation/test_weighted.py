"""Metrics under image weights against the metrics of resampled splits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from evaluation import METRICS, GlobalThreshold, Groups, Scored
from evaluation.table import Metric, reported
from evaluation.uncertainty.weighted import WEIGHTED, Prepared, Weighted, weighted_metric

RULE = GlobalThreshold(0.4)


def draw(seed, num_images=40, num_classes=4, *, decimals=1, unknown=0.1):
    """Return a split with ties, unknown labels and a rare class."""
    rng = np.random.default_rng(seed)
    rates = np.array([0.5, 0.3, 0.2, 0.05])[:num_classes]
    labels = (rng.random((num_images, num_classes)) < rates).astype(int)
    labels[rng.random(labels.shape) < unknown] = -1
    scores = (0.3 * (labels > 0) + 0.7 * rng.random(labels.shape)).round(decimals)
    return Scored.by_rule(scores, labels, RULE), rng


def interpolated(scores, labels):
    """Return the mean over the positives of the best precision at their recall or above."""
    known = labels >= 0
    scores, positive = scores[known], labels[known] > 0
    precision, recall = [], []
    for threshold in np.unique(scores)[::-1]:
        chosen = scores >= threshold
        precision.append(positive[chosen].mean())
        recall.append(positive[chosen].sum() / positive.sum())
    total, before = 0.0, 0.0
    for i, r in enumerate(recall):
        total += (r - before) * max(precision[i:])
        before = r
    return total


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), decimals=st.sampled_from([0, 1, 6]))
def test_whole_weights_give_the_metric_of_the_resampled_split(seed, decimals):
    split, rng = draw(seed, decimals=decimals)
    num_images = len(split.scores)
    weights = np.stack([np.bincount(rng.integers(num_images, size=num_images), minlength=40)
                        for _ in range(5)])  # fmt: skip
    weighted = Weighted(Prepared(split), weights)
    for d, row in enumerate(weights):
        sample = split.take(np.repeat(np.arange(num_images), row))
        for name in ("mAP", "macro_f1", "micro_f1", "samples_f1", "mean"):
            expected = METRICS[name].compute(sample)
            found = weighted_metric(name, weighted)[d]
            assert found == pytest.approx(expected, abs=1e-6, nan_ok=True), name
            at_fixed = weighted_metric(name, weighted.at_fixed)[d]
            expected = METRICS[name].compute(sample.at_fixed)
            assert at_fixed == pytest.approx(expected, abs=1e-6, nan_ok=True), name
        expected = METRICS["top1_accuracy"].compute(sample)
        found = weighted_metric("top1_accuracy", weighted)[d]
        assert found == pytest.approx(expected, abs=1e-6, nan_ok=True)
        np.testing.assert_allclose(weighted.ap[d], sample.ap, atol=1e-6)
        np.testing.assert_allclose(weighted.class_f1[d], sample.f1["per_class"], atol=1e-6)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), decimals=st.sampled_from([1, 6]))
def test_the_areas_equal_scikit_learn_with_sample_weights(seed, decimals):
    split, rng = draw(seed, decimals=decimals)
    weights = rng.integers(0, 4, size=(3, 40))
    weighted = Weighted(Prepared(split), weights)
    known = split.labels >= 0
    for d, row in enumerate(weights):
        every = np.repeat(row[:, None], 4, axis=1)[known]
        labels, scores = split.labels[known], split.scores[known]
        expected = average_precision_score(labels, scores, sample_weight=every)
        assert weighted.micro_ap[d] == pytest.approx(expected, abs=1e-6)
        expected = roc_auc_score(labels, scores, sample_weight=every)
        assert weighted.micro_auc[d] == pytest.approx(expected, abs=1e-6)
        for c in range(2):
            of_class = known[:, c]
            expected = roc_auc_score(
                split.labels[of_class, c], split.scores[of_class, c], sample_weight=row[of_class]
            )
            # Both are NaN for a class without a positive.
            assert weighted.auc[d, c] == pytest.approx(expected, abs=1e-6, nan_ok=True)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), decimals=st.sampled_from([1, 6]))
def test_the_interpolated_precision_is_that_of_the_envelope(seed, decimals):
    split, rng = draw(seed, decimals=decimals)
    weights = rng.integers(0, 3, size=(3, 40))
    found = Weighted(Prepared(split), weights).ap_interp
    for d, row in enumerate(weights):
        sample = split.take(np.repeat(np.arange(40), row))
        for c in range(4):
            if (sample.labels[:, c] > 0).any():
                expected = interpolated(sample.scores[:, c], sample.labels[:, c])
                assert found[d, c] == pytest.approx(expected, abs=1e-6)
            else:
                assert np.isnan(found[d, c])


def test_a_draw_without_a_class_leaves_it_out_of_the_mean():
    split, _ = draw(0, unknown=0.0)
    weights = np.ones((1, 40))
    weights[0, split.labels[:, 3] > 0] = 0
    weighted = Weighted(Prepared(split), weights)
    assert weighted.present[0].tolist() == [True, True, True, False]
    assert weighted_metric("mAP", weighted)[0] == pytest.approx(weighted.ap[0, :3].mean())
    assert weighted.macro_f1[0] == pytest.approx(weighted.class_f1[0, :3].mean())


def test_a_split_without_a_positive_has_no_ranked_metrics():
    scores = np.linspace(0, 1, 6).reshape(3, 2)
    split = Scored.by_rule(scores, np.zeros((3, 2)), RULE)
    weighted = Weighted(Prepared(split), np.ones((2, 3)))
    for name in ("mAP", "mAP_interp", "micro_AP", "macro_auc", "micro_auc", "macro_f1", "mean"):
        assert np.isnan(weighted_metric(name, weighted)).all(), name


def test_a_metric_without_a_weighted_form_is_computed_on_resampled_splits(monkeypatch):
    def accuracy(split):
        return float((split.pred == (split.labels > 0)).mean())

    entry = type(METRICS["mAP"])("accuracy", accuracy)
    monkeypatch.setitem(METRICS, "accuracy", entry)
    split, rng = draw(3)
    weights = rng.integers(0, 3, size=(4, 40))
    found = weighted_metric("accuracy", Weighted(Prepared(split), weights))
    right = (split.pred == (split.labels > 0)).mean(axis=1)
    np.testing.assert_allclose(found, weights @ right / weights.sum(axis=1))


def test_an_own_metric_that_fails_on_a_draw_is_nan_there(monkeypatch):
    def needs_second(split):
        if not (split.labels[:, 1] > 0).any():
            raise ValueError("the second class has no positive")
        return 0.5

    monkeypatch.setitem(METRICS, "needs_second", Metric("needs_second", needs_second))
    split, _ = draw(3)
    weights = np.ones((2, 40))
    weights[1, split.labels[:, 1] > 0] = 0
    found = weighted_metric("needs_second", Weighted(Prepared(split), weights))
    np.testing.assert_array_equal(found, [0.5, np.nan])


def test_blocks_do_not_change_the_result(monkeypatch):
    split, rng = draw(4, decimals=6)
    weights = rng.integers(0, 3, size=(6, 40))
    expected = [weighted_metric(name, Weighted(Prepared(split), weights)) for name in WEIGHTED]
    monkeypatch.setattr("evaluation.uncertainty.weighted.ROWS_PER_BLOCK", 3)
    for name, values in zip(WEIGHTED, expected, strict=True):
        found = weighted_metric(name, Weighted(Prepared(split), weights))
        np.testing.assert_allclose(found, values, atol=1e-12)


def test_weights_of_another_shape_are_an_error():
    split, _ = draw(0)
    with pytest.raises(ValueError, match=r"\(D, 40\).*\(2, 39\)"):
        Weighted(Prepared(split), np.ones((2, 39)))


def test_reported_views_have_the_names_of_the_report():
    groups = Groups(subsets={"easy": [0, 2]}, levels={"mid": {"a": [0, 1], "b": [2, 3]}})
    split, _ = draw(0)
    sizes = {name: view(split).scores.shape[1] for name, _, view in reported(groups)}
    assert (sizes["mAP"], sizes["macro_f1/easy"], sizes["mAP/mid"]) == (4, 2, 2)
