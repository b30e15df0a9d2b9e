"""The metrics of the literature against scikit-learn, torchmetrics and plain loops."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sklearn
from torchmetrics.functional.classification import binary_calibration_error

from core.errors import UserError
from evaluation import GlobalThreshold, Groups, Scored, compute_metrics, metric_names
from evaluation.ancestors import violation_rate
from evaluation.calibration import (
    brier_score,
    calibration_bins,
    class_calibration_errors,
    expected_calibration_error,
)
from evaluation.metrics import (
    RankedCounts,
    average_precision,
    f1_scores,
    macro_f1,
    ranked_counts,
    samples_f1,
)
from evaluation.ranking import rank_classes
from evaluation.table import selecting_names

FOLDER = os.environ.get("INTENTONOMY_ANNOTATIONS", "")
LEVELS = {"mid": {"a": [0, 1], "b": [2, 3], "c": [4, 5]}, "super": {"x": [0, 1, 2, 3], "y": [4, 5]}}


def make(seed=0, *, num_images=120, num_classes=6, share=0.25):
    """Return scores with ties and labels, every class with both labels."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((num_images, num_classes)) < share).astype(int)
    labels[0], labels[1] = 1, 0
    scores = np.clip(0.3 * labels + 0.6 * rng.random(labels.shape), 0, 1).round(2)
    return scores, labels


def evaluate(scores, labels, threshold=0.4, **groups):
    groups, rule = Groups(**groups), GlobalThreshold(threshold)
    return compute_metrics(Scored.by_rule(scores, labels, rule, groups), rule, groups)


def plain_interpolated(scores, labels):
    """VOC's measure by definition: at each positive, the best precision at a lower score."""
    order = np.unique(scores)[::-1]
    points = []
    for t in order:
        seen = scores >= t
        points.append((labels[seen].sum() / labels.sum(), labels[seen].mean()))
    total, before = 0.0, 0.0
    for i, (recall, _) in enumerate(points):
        total += (recall - before) * max(precision for _, precision in points[i:])
        before = recall
    return total


def top_pred(scores, k):
    """The k best classes of each image by Python's sort, the first of equals."""
    pred = np.zeros(scores.shape, dtype=bool)
    for i, row in enumerate(scores):
        for c in sorted(range(len(row)), key=lambda c: (-row[c], c))[:k]:
            pred[i, c] = True
    return pred


@given(st.integers(0, 10_000))
def test_interpolated_ap_is_the_envelope_and_never_smaller(seed):
    scores, labels = make(seed, num_images=25, num_classes=3)
    expected = [plain_interpolated(scores[:, c], labels[:, c]) for c in range(3)]
    found = Scored.by_rule(scores, labels, GlobalThreshold(0.5)).ap_interp
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert (found >= average_precision(scores, labels) - 1e-12).all()


@given(st.integers(0, 10_000))
def test_counts_of_ranked_images_equal_a_plain_loop(seed):
    scores, labels = make(seed, num_images=25, num_classes=1)
    labels[np.random.default_rng(seed).random(labels.shape) < 0.2] = -1
    scores, labels = scores[:, 0], labels[:, 0]
    found = RankedCounts.of(scores, labels)
    expected = sorted(set(scores[labels >= 0]), reverse=True)
    assert found.scores.tolist() == expected
    for t, num_seen, num_hits in zip(expected, found.num_seen, found.num_hits, strict=True):
        assert num_seen == ((scores >= t) & (labels >= 0)).sum()
        assert num_hits == ((scores >= t) & (labels > 0)).sum()


@given(st.integers(0, 10_000))
def test_one_f1_alone_equals_that_of_all(seed):
    scores, labels = make(seed, num_images=20)
    labels[np.random.default_rng(seed).random(labels.shape) < 0.3] = -1
    expected = f1_scores(scores > 0.4, labels)
    assert macro_f1(scores > 0.4, labels) == pytest.approx(expected["macro"], nan_ok=True)
    assert samples_f1(scores > 0.4, labels) == pytest.approx(expected["samples"], nan_ok=True)


@given(st.integers(0, 10_000))
def test_auc_equals_scikit_learn_with_ties(seed):
    scores, labels = make(seed, num_images=30, num_classes=3)
    expected = [sklearn.roc_auc_score(labels[:, c], scores[:, c]) for c in range(3)]
    found = Scored.by_rule(scores, labels, GlobalThreshold(0.5)).auc
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_values_equal_scikit_learn(seed):
    scores, labels = make(seed)
    pred, found = scores > 0.4, evaluate(scores, labels)
    one = {"y_true": labels, "y_pred": pred, "zero_division": 0}
    flat = (labels.ravel(), scores.ravel())
    expected = {
        "mAP": sklearn.average_precision_score(labels, scores, average="macro"),
        "micro_AP": sklearn.average_precision_score(*flat),
        "macro_auc": sklearn.roc_auc_score(labels, scores, average="macro"),
        "micro_auc": sklearn.roc_auc_score(*flat),
        "CP": sklearn.precision_score(**one, average="macro"),
        "CR": sklearn.recall_score(**one, average="macro"),
        "CF1": sklearn.f1_score(**one, average="macro"),
        "OP": sklearn.precision_score(**one, average="micro"),
        "OR": sklearn.recall_score(**one, average="micro"),
        "OF1": sklearn.f1_score(**one, average="micro"),
        "CP@0.5": sklearn.precision_score(labels, scores > 0.5, average="macro", zero_division=0),
        "brier": sklearn.brier_score_loss(*flat),
    }
    cp, cr = expected["CP"], expected["CR"]
    expected["CF1_hcp"] = 2 * cp * cr / (cp + cr)
    for k in (3, 5):
        one = {"y_true": labels, "y_pred": top_pred(scores, k), "average": "micro"}
        expected[f"precision_top{k}"] = sklearn.precision_score(**one)
        expected[f"recall_top{k}"] = sklearn.recall_score(**one)
        expected[f"f1_top{k}"] = sklearn.f1_score(**one)
        oracle = top_pred(scores, k) & (labels > 0)
        for mean in ("macro", "samples"):
            value = sklearn.f1_score(labels, oracle, average=mean, zero_division=0)
            expected[f"oracle_{mean}_f1_at_{k}"] = value
    for name, value in expected.items():
        assert found[name] == pytest.approx(100 * value, abs=1e-9), name


@pytest.mark.parametrize("k", [3, 5, 10])
def test_recall_at_k_is_a_mean_over_images_with_a_positive(k):
    scores, labels = make(num_classes=12)
    pred = top_pred(scores, k)
    shares = [
        (pred[i] & (labels[i] > 0)).sum() / labels[i].sum() for i in range(120) if labels[i].any()
    ]
    assert evaluate(scores, labels)[f"recall_at_{k}"] == pytest.approx(100 * np.mean(shares))


@pytest.mark.parametrize("num_classes", [1, 2])
def test_k_is_at_most_the_number_of_classes(num_classes):
    scores, labels = make(num_classes=num_classes)
    found = evaluate(scores, labels)
    assert found["recall_at_10"] == found["recall_top5"] == pytest.approx(100)
    assert found["precision_top5"] == pytest.approx(100 * labels.mean())


def test_one_label_per_image_gives_the_usual_accuracy():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 5, size=200)
    scores = rng.random((200, 5))
    scores[np.arange(200), truth] += 0.2
    found = evaluate(scores, np.eye(5)[truth])
    best = scores.argmax(axis=1)
    assert found["top1_accuracy"] == pytest.approx(100 * sklearn.accuracy_score(truth, best))
    expected = sklearn.f1_score(truth, best, average="macro")
    assert found["top1_macro_f1"] == pytest.approx(100 * expected)


# Unknown labels, absent classes -------------------------------------------------------------------


@given(st.integers(0, 10_000))
def test_unknown_labels_count_nowhere(seed):
    """Entries that are unknown may have any score."""
    scores, labels = make(seed, num_images=40)
    rng = np.random.default_rng(seed)
    hidden = rng.random(labels.shape) < 0.3
    hidden[:2] = False
    labels[hidden] = -1
    other = np.where(hidden, rng.random(labels.shape), scores)
    one, two = evaluate(scores, labels, levels={}), evaluate(other, labels, levels={})
    assert list(one.values()) == pytest.approx(list(two.values()), abs=1e-9)
    known = labels[:, 0] >= 0
    expected = sklearn.roc_auc_score(labels[known, 0], scores[known, 0])
    found = Scored.by_rule(scores, labels, GlobalThreshold(0.5)).auc
    assert found[0] == pytest.approx(expected)


def test_absent_classes_are_left_out_of_means():
    scores, labels = make()
    labels[:, 2] = 0
    rest = [0, 1, 3, 4, 5]
    found, expected = evaluate(scores, labels), evaluate(scores[:, rest], labels[:, rest])
    for name in ("mAP_interp", "macro_auc", "CP", "CR", "CF1", "CF1_hcp"):
        assert found[name] == pytest.approx(expected[name]), name


def test_a_split_without_positives_is_not_a_number_instead_of_an_error():
    scores = np.random.default_rng(0).random((10, 3))
    found = evaluate(scores, np.zeros((10, 3)))
    for name in ("mAP_interp", "micro_AP", "macro_auc", "recall_at_3", "f1_top3", "top1_accuracy"):
        assert np.isnan(found[name]), name
    assert np.isfinite(found["ece"])


@pytest.mark.parametrize("k", [3, 5])
def test_an_unknown_class_is_no_top_k_decision_where_there_are_fewer_classes_than_k(k):
    """All known classes are predicted: two right ones of three."""
    scores, labels = np.array([[0.9, 0.5], [0.2, 0.7]]), np.array([[1, -1], [0, 1]])
    found = evaluate(scores, labels)
    assert found[f"precision_top{k}"] == pytest.approx(100 * 2 / 3)
    assert found[f"recall_top{k}"] == pytest.approx(100)
    assert found[f"f1_top{k}"] == pytest.approx(100 * 4 / 5)


@given(st.integers(0, 10_000))
def test_images_and_classes_without_a_known_label_change_nothing(seed):
    scores, labels = make(seed, num_images=40)
    rng = np.random.default_rng(seed)
    wider, taller = np.full((40, 1), -1), np.full((3, 7), -1)
    more_labels = np.vstack([np.hstack([labels, wider]), taller])
    more_scores = np.vstack([np.hstack([scores, rng.random((40, 1))]), rng.random((3, 7))])
    one, two = evaluate(scores, labels), evaluate(more_scores, more_labels)
    assert one == pytest.approx(two, abs=1e-9)


def test_unknown_classes_are_not_ranked():
    ranks = rank_classes(np.array([[0.9, 0.5, 0.7]]), np.array([[-1, 0, 1]]))
    assert ranks.tolist() == [[3, 1, 0]]


# Calibration --------------------------------------------------------------------------------------


@given(
    arrays(np.float64, st.integers(1, 60), elements=st.sampled_from(np.arange(11) / 10)),
    st.integers(0, 1000),
)
def test_bins_of_equal_mass_do_not_depend_on_the_order(prob, seed):
    rng = np.random.default_rng(seed)
    positive = rng.random(len(prob)) < prob
    order = rng.permutation(len(prob))
    one, two = calibration_bins(prob, positive), calibration_bins(prob[order], positive[order])
    for left, right in zip(one, two, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-12)
    assert one[2].sum() == len(prob) and np.ptp(one[2]) <= 1
    assert (one[1] * one[2]).sum() == pytest.approx(positive.sum())


def plain_bins(prob, positive, num_bins):
    """Sort, replace each outcome by the share of its tie, cut."""
    entries = sorted(zip(prob, positive, strict=True))
    shares = {p: np.mean([y for q, y in entries if q == p]) for p in prob}
    parts = np.array_split([p for p, _ in entries], num_bins)
    mean_prob = [np.mean(part) for part in parts if len(part)]
    share = [np.mean([shares[p] for p in part]) for part in parts if len(part)]
    return mean_prob, share, [len(part) for part in parts if len(part)]


@given(
    arrays(np.float64, st.integers(1, 60), elements=st.sampled_from(np.arange(11) / 10)),
    st.integers(1, 20),
    st.integers(0, 1000),
)
def test_bins_of_equal_mass_equal_a_plain_loop(prob, num_bins, seed):
    positive = np.random.default_rng(seed).random(len(prob)) < prob
    found = calibration_bins(prob, positive, num_bins)
    for left, right in zip(found, plain_bins(prob, positive, num_bins), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-12)


def test_no_entries_have_no_bins():
    assert [part.tolist() for part in calibration_bins(np.empty(0), np.empty(0, bool))] == [[]] * 3
    assert np.isnan(expected_calibration_error(np.ones((2, 2)), -np.ones((2, 2))))


def test_calibration_error_equals_torchmetrics_where_bins_of_mass_are_bins_of_width():
    """Evenly spread probabilities fall into the same bins by mass and by width."""
    rng = np.random.default_rng(0)
    prob = (np.arange(1500) + 0.5) / 1500
    labels = (rng.random(1500) < prob**2).astype(int)
    expected = binary_calibration_error(torch.tensor(prob), torch.tensor(labels), n_bins=15)
    found = expected_calibration_error(prob, labels)
    assert found == pytest.approx(expected.item(), abs=1e-6)


def test_scores_that_are_no_probabilities_have_no_calibration():
    labels = np.array([[0, 1], [1, 0]])
    assert np.isnan(expected_calibration_error(labels * 3.0, labels))
    assert np.isnan(brier_score(labels * 3.0, labels))


def test_a_class_has_a_calibration_error_from_twenty_positives_on():
    scores, labels = np.full((40, 2), 0.5), np.zeros((40, 2))
    labels[:20, 0] = labels[:19, 1] = 1
    found = class_calibration_errors(ranked_counts(scores, labels))
    assert found[0] == pytest.approx(0) and np.isnan(found[1])


# Hierarchy ----------------------------------------------------------------------------------------


def plain_closure(active):
    nodes = set()
    for c in active:
        nodes.add(c)
        for level, groups in LEVELS.items():
            nodes |= {(level, name) for name, members in groups.items() if c in members}
    return nodes


def test_hierarchy_f1_counts_sets_of_classes_and_ancestors():
    scores, labels = make()
    num_hits = num_pred = num_true = 0
    for i in range(len(scores)):
        pred, true = (plain_closure(np.flatnonzero(x)) for x in (scores[i] > 0.4, labels[i]))
        num_hits += len(pred & true)
        num_pred, num_true = num_pred + len(pred), num_true + len(true)
    found = evaluate(scores, labels, levels=LEVELS)
    assert found["hierarchy_f1"] == pytest.approx(100 * 2 * num_hits / (num_pred + num_true))
    assert "hierarchy_f1" not in evaluate(scores, labels)


def test_a_sibling_costs_less_than_a_stranger():
    labels = np.eye(6)[[0]]
    sibling, stranger = np.eye(6)[[1]], np.eye(6)[[4]]
    values = [evaluate(x, labels, levels=LEVELS)["hierarchy_f1"] for x in (sibling, stranger)]
    assert values[0] > values[1]


def test_violations_are_predicted_classes_without_their_parent():
    pred = np.array([[True, False, True], [True, True, False]])
    parents = {"a": np.array([False, True]), "b": np.array([True, False])}
    assert violation_rate(pred, parents, {"a": [0, 1], "b": [2]}) == pytest.approx(1 / 4)
    assert np.isnan(violation_rate(pred & False, parents, {"a": [0, 1], "b": [2]}))


# The table ----------------------------------------------------------------------------------------


def test_errors_cannot_select_epochs():
    names = selecting_names(Groups())
    assert "mAP_interp" in names and "ece" in metric_names(Groups())
    assert not {"ece", "brier"} & set(names)


def test_selecting_by_an_error_is_refused():
    from tests.evaluation.test_evaluator import make as make_evaluator

    message = (
        r"TEST\.SELECT_METRIC is 'ece'; accepted: .* The smaller 'ece' is, the better; the best"
    )
    with pytest.raises(UserError, match=message):
        make_evaluator("ece", groups=Groups())


@pytest.mark.skipif(not FOLDER, reason="INTENTONOMY_ANNOTATIONS does not name the files' folder")
def test_a_published_models_scores_give_the_known_figures():
    scores = np.load(Path(FOLDER, "real_test_scores.npz"))["scores"]
    labels = np.load(Path(FOLDER, "test_label_vectors_intentonomy2020.npy"))
    found = evaluate(scores, labels, threshold=0.35)
    assert round(found["mAP"], 2) == 47.10
    assert round(found["mAP_interp"], 2) == 47.85
    f1 = [round(found[name], 3) for name in ("macro_f1", "micro_f1", "samples_f1")]
    assert f1 == [42.476, 53.781, 54.015]
