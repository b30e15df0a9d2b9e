"""Paired tests of methods and classes."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score

from core.errors import UserError
from evaluation import GlobalThreshold, Scored
from evaluation.uncertainty.significance import compare_classes, compare_methods, holm
from evaluation.uncertainty.swaps import _pairs, _swapped

RULE = GlobalThreshold(0.5)


def method(labels, signal, num_seeds, seed, spread=0.0):
    """Return a split per seed; ``spread`` is the seeds' standard deviation of the signal."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(num_seeds):
        strength = signal + spread * rng.standard_normal()
        scores = strength * labels + rng.standard_normal(labels.shape)
        found.append(Scored.by_rule(1 / (1 + np.exp(1 - scores)), labels, RULE))
    return found


@pytest.fixture
def labels():
    return (np.random.default_rng(0).random((200, 3)) < [0.5, 0.3, 0.1]).astype(int)


def test_a_large_gain_over_seeds_is_resolved(labels):
    a, b = method(labels, 0.5, 3, 1), method(labels, 2.0, 3, 2)
    found = compare_methods(a, b, swaps=500)
    assert list(found) == ["mAP", "macro_f1", "micro_f1", "samples_f1", "mean"]
    for name, difference in found.items():
        assert difference.verdict == "resolved", name
        assert 0 < difference.low < difference.value < difference.high
        assert difference.p_images == pytest.approx(1 / 501)
    expected = np.mean([s.f1["micro"] for s in b]) - np.mean([s.f1["micro"] for s in a])
    assert found["micro_f1"].value == pytest.approx(100 * expected)


def test_one_seed_speaks_for_these_models_only(labels):
    a, b = method(labels, 0.5, 1, 1), method(labels, 2.0, 3, 2)
    difference = compare_methods(a, b, metrics=["mAP"], swaps=500)["mAP"]
    assert difference.verdict == "these models only"
    assert difference.p == difference.p_images < 0.05


def test_the_same_predictions_are_not_resolved(labels):
    a = method(labels, 1.0, 2, 1)
    difference = compare_methods(a, a, metrics=["macro_f1"], swaps=200)["macro_f1"]
    assert (difference.value, difference.p_images) == (0.0, 1.0)
    assert difference.verdict == "not resolved"


def test_seeds_that_differ_widely_take_the_resolution_away(labels):
    close = compare_methods(
        method(labels, 1.0, 3, 1), method(labels, 1.6, 3, 2), metrics=["mAP"], swaps=300
    )["mAP"]
    wide = compare_methods(
        method(labels, 1.0, 3, 1, 1.0), method(labels, 1.6, 3, 2, 1.0), metrics=["mAP"], swaps=300
    )["mAP"]
    assert wide.high - wide.low > 2 * (close.high - close.low)
    assert wide.verdict == "not resolved"


def test_p_of_the_images_is_that_of_all_swaps():
    labels = (np.random.default_rng(2).random((8, 2)) < 0.5).astype(int)
    a, b = method(labels, 0.5, 1, 3), method(labels, 1.5, 1, 4)
    observed = abs(b[0].f1["micro"] - a[0].f1["micro"])
    reached = 0
    for mask in product([False, True], repeat=8):
        swap = np.array(mask)[:, None]
        one = Scored.by_rule(np.where(swap, b[0].scores, a[0].scores), labels, RULE)
        two = Scored.by_rule(np.where(swap, a[0].scores, b[0].scores), labels, RULE)
        reached += abs(two.f1["micro"] - one.f1["micro"]) >= observed - 1e-12
    difference = compare_methods(a, b, metrics=["micro_f1"], swaps=4_000)["micro_f1"]
    assert difference.p_images == pytest.approx(reached / 256, abs=0.05)


def test_p_of_average_precision_is_that_of_all_swaps_of_ranks():
    rng = np.random.default_rng(3)
    labels = np.array([[1], [0], [1], [0], [0], [1], [0], [0]])
    scores = [rng.random((8, 1)), 1e-3 * rng.random((8, 1)).round(1)]  # another scale, with ties
    a, b = (Scored.by_rule(one, labels, RULE) for one in scores)
    ranks = [rankdata(one[:, 0]) for one in scores]
    differences = []
    for swap in product([False, True], repeat=8):
        mixed = np.where(swap, ranks[1], ranks[0]), np.where(swap, ranks[0], ranks[1])
        ap = [average_precision_score(labels[:, 0], one) for one in mixed]
        differences.append(abs(ap[1] - ap[0]))
    expected = np.mean(np.array(differences) >= differences[0] - 1e-7)
    found = compare_classes([a], [b], swaps=4000)[0].p_images
    assert found == pytest.approx(expected, abs=0.15 * expected + 0.01)


@pytest.mark.parametrize("metric", ["mAP", "mAP_interp", "macro_auc"])
def test_the_scale_of_the_scores_does_not_matter_where_images_are_ranked(labels, metric):
    a, b = method(labels, 0.8, 1, 1), method(labels, 1.1, 1, 2)
    scaled = [Scored.by_rule(one.scores**4 / 50, labels, RULE) for one in b]
    plain = compare_methods(a, b, metrics=[metric], swaps=300)[metric]
    assert compare_methods(a, scaled, metrics=[metric], swaps=300)[metric] == plain
    assert 0.01 < plain.p_images < 0.9


def test_the_other_order_gives_the_opposite_difference(labels):
    a, b = method(labels, 1.0, 2, 1), method(labels, 1.3, 3, 2)
    one = compare_methods(a, b, metrics=["mAP"], swaps=100)["mAP"]
    two = compare_methods(b, a, metrics=["mAP"], swaps=100)["mAP"]
    assert (two.value, two.low) == (pytest.approx(-one.value), pytest.approx(-one.high))


def test_classes_are_corrected_by_holm_and_an_absent_class_stays_out(labels):
    labels[:, 2] = 0
    a, b = method(labels, 0.5, 2, 1), method(labels, 2.5, 2, 2)
    for name in ("ap", "f1"):
        found = compare_classes(a, b, metric=name, swaps=400)
        assert np.isnan(found[2].value)
        assert found[2].verdict == "not resolved"
        corrected = holm(np.array([difference.p for difference in found]))
        np.testing.assert_allclose([d.p_holm for d in found], corrected)
        assert found[0].p_holm >= found[0].p


@pytest.mark.parametrize("num_seeds", [1, 2])
def test_a_class_with_one_positive_has_a_difference_and_is_not_resolved(labels, num_seeds):
    labels[:, 2] = 0
    labels[5, 2] = 1
    a, b = method(labels, 0.5, num_seeds, 1), method(labels, 2.5, num_seeds, 2)
    found = compare_classes(a, b, metric="ap", swaps=200)[2]
    assert found.low < found.value < found.high
    assert found.p >= found.p_images > 0.05
    assert found.verdict == "not resolved"


def test_other_numbers_of_seeds_keep_the_difference_of_the_means(labels):
    a, b = method(labels, 0.5, 3, 1, 0.5), method(labels, 1.0, 5, 2, 0.5)
    pairs = _pairs(a, b)
    assert len(pairs) == 7
    unswapped = _swapped(pairs, lambda weighted: weighted.ap, np.zeros((1, len(labels))))[0]
    expected = np.mean([s.ap for s in b], axis=0) - np.mean([s.ap for s in a], axis=0)
    np.testing.assert_allclose(unswapped, expected, atol=1e-6)


def test_holm_equals_its_definition():
    p = np.array([0.01, np.nan, 0.04, 0.03])
    np.testing.assert_allclose(holm(p), [0.03, np.nan, 0.06, 0.06])
    np.testing.assert_allclose(holm(np.array([0.9, 0.8])), [1.0, 1.0])


def test_other_images_and_unknown_metrics_end_in_one_line(labels):
    a = method(labels, 1.0, 1, 1)
    with pytest.raises(UserError, match="different images or labels"):
        compare_methods(a, method(labels[:100], 1.0, 1, 1))
    with pytest.raises(UserError, match="at least one run"):
        compare_methods(a, [])
    with pytest.raises(UserError, match="accepted: ap, f1"):
        compare_classes(a, a, metric="auc")
    with pytest.raises(UserError, match="'mAPP'"):
        compare_methods(a, a, metrics=["mAPP"])
