"""Rules beside the global threshold: their formulas, their files, all of them side by side."""

import os
import re
from dataclasses import dataclass, make_dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from benchmarks.simulations.rules import measure
from core.errors import UserError
from evaluation import (
    RULE_REGISTRY,
    THRESHOLDS,
    DecisionRule,
    FixedThreshold,
    GlobalThreshold,
    apply_rule,
    check_rule_name,
    compare_rules,
    fit_rule,
    read_rule,
    rule_comparison,
    rule_name,
    write_rule,
)
from evaluation.rules import PerClassThresholds, PriorCorrection, ShrunkThresholds, TopK
from evaluation.rules.class_thresholds import FOLD_SEED, NUM_FOLDS, SHRINKAGE, _shrink
from evaluation.threshold_counts import threshold_counts

FOLDER = os.environ.get("INTENTONOMY_ANNOTATIONS", "")
NAMES = ["a", "b", "c", "d"]
SHIPPED = ["global", "fixed", "per_class", "shrunk", "prior", "top_k"]


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    labels = (rng.random((200, 4)) < [0.5, 0.3, 0.1, 0.04]).astype(int)
    scores = np.clip(0.35 * labels + 0.6 * rng.random((200, 4)), 0, 1)
    return scores, labels


def class_f1(scores, labels, threshold):
    return f1_score(labels, scores > threshold, zero_division=0)


def plain_class_thresholds(scores, labels, anchor):
    """The best threshold of each class by a search with scikit-learn."""
    result = []
    for c in range(scores.shape[1]):
        values = [class_f1(scores[:, c], labels[:, c], t) for t in THRESHOLDS]
        best = [t for t, v in zip(THRESHOLDS, values, strict=True) if v == max(values)]
        result.append(min(best, key=lambda t: abs(t - anchor)) if labels[:, c].any() else anchor)
    return np.array(result)


def test_all_rules_are_registered_under_their_names():
    assert [name for name in RULE_REGISTRY.registered_names() if name in SHIPPED] == SHIPPED
    assert rule_name(GlobalThreshold) == "global" and rule_name(TopK) == "top_k"


def test_per_class_is_the_best_threshold_of_each_class(arrays):
    scores, labels = arrays
    anchor = GlobalThreshold.fit(scores, labels).threshold
    expected = plain_class_thresholds(scores, labels, anchor)
    found = PerClassThresholds.fit(scores, labels).class_thresholds
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_class_without_a_positive_gets_the_global_threshold(arrays):
    scores, labels = arrays
    labels = labels.copy()
    labels[:, 2] = 0
    rule = PerClassThresholds.fit(scores, labels)
    assert rule.class_thresholds[2] == GlobalThreshold.fit(scores, labels).threshold


def test_shrunk_is_the_formula_with_the_k_of_a_plain_cross_validation(arrays):
    scores, labels = arrays
    folds = np.random.default_rng(FOLD_SEED).permutation(len(scores)) % NUM_FOLDS

    @cache
    def parts(held_out):
        s, y = scores[folds != held_out], labels[folds != held_out]
        anchor = GlobalThreshold.fit(s, y).threshold
        return anchor, plain_class_thresholds(s, y, anchor), y.sum(axis=0)

    def thresholds(held_out, k):
        anchor, own, n = parts(held_out)
        return (n * own + k * anchor) / (n + k)

    best, best_value = None, -1.0
    for k in SHRINKAGE:
        pred = np.zeros(scores.shape, dtype=bool)
        for fold in range(NUM_FOLDS):
            pred[folds == fold] = scores[folds == fold] > thresholds(fold, k)
        value = f1_score(labels, pred, average="macro", zero_division=0)
        if value >= best_value - 1e-12:  # the largest of equals
            best, best_value = k, max(value, best_value)
    rule = ShrunkThresholds.fit(scores, labels)
    assert rule.k == best
    expected = thresholds(-1, best)  # holds nothing out
    np.testing.assert_allclose(rule.class_thresholds, expected, atol=1e-12)


def test_shrunk_with_the_largest_k_is_the_global_threshold_to_the_last_digit(arrays):
    scores, labels = arrays
    counts = threshold_counts(scores, labels, THRESHOLDS)
    anchor = GlobalThreshold.fit(scores, labels).threshold
    own = PerClassThresholds.fit(scores, labels).class_thresholds
    assert (own != anchor).any()
    assert (_shrink(counts, labels)[-1] == anchor).all()


def test_prior_shifts_the_log_odds_by_the_ratio_of_the_priors(arrays):
    scores, labels = arrays
    prior = np.array([0.5, 0.6, 0.4, 0.3])
    rule = PriorCorrection.fit(scores, labels, train_prior=prior)
    # With smoothing of half an image of 200, the priors themselves are close.
    val = labels.mean(axis=0)
    expected = np.log(val / (1 - val)) - np.log(prior / (1 - prior))
    np.testing.assert_allclose(rule.shift, expected, atol=0.1)
    odds = scores / (1 - scores) * np.exp(rule.shift)
    np.testing.assert_array_equal(rule.decide(scores), odds / (1 + odds) > rule.threshold)
    at = rule.thresholds(4)
    inside = np.abs(scores - at) > 1e-9
    np.testing.assert_array_equal((scores > at)[inside], rule.decide(scores)[inside])


def test_prior_without_train_labels_is_one_clear_error(arrays):
    with pytest.raises(UserError, match="'prior' needs the labels of train"):
        fit_rule(PriorCorrection, *arrays)


def test_prior_leaves_a_class_as_it_is_whose_frequency_is_not_known(arrays):
    scores, labels = arrays
    labels = labels.copy()
    labels[:, 3] = -1
    prior = np.array([np.nan, 0.6, 0.4, 0.3])
    rule = PriorCorrection.fit(scores, labels, train_prior=prior)
    assert (rule.shift == 0).tolist() == [True, False, False, True]


@pytest.mark.parametrize("seed", range(5))
def test_top_k_has_the_best_macro_f1_of_a_plain_search(seed):
    rng = np.random.default_rng(seed)
    labels = (rng.random((80, 12)) < 0.3).astype(int)
    scores = 0.3 * labels + rng.random((80, 12)).round(1)
    values = []
    for k in range(1, 11):
        pred = TopK(k).decide(scores)
        values.append(f1_score(labels, pred, average="macro", zero_division=0))
    assert values[TopK.fit(scores, labels).k - 1] == pytest.approx(max(values))


def test_top_k_takes_the_first_of_equal_scores():
    decided = TopK(2).decide(np.array([[0.5, 0.5, 0.5], [0.1, 0.2, 0.3]]))
    assert decided.tolist() == [[True, True, False], [False, True, True]]


def test_unknown_labels_do_not_change_a_fit(arrays):
    scores, labels = arrays
    extra = np.vstack([scores, np.ones((30, 4))])
    unknown = np.vstack([labels, np.full((30, 4), -1)])
    for name in ("global", "per_class", "top_k"):
        rule = RULE_REGISTRY.get(name)
        np.testing.assert_array_equal(
            rule.fit(scores, labels).decide(scores), rule.fit(extra, unknown).decide(scores)
        )


@pytest.fixture
def registry(monkeypatch):
    """Forget after the test what it registers."""
    monkeypatch.setattr(RULE_REGISTRY, "_obj_map", dict(RULE_REGISTRY._obj_map))
    return RULE_REGISTRY


class Half(DecisionRule):
    """A rule of a user's own without parameters, and the base of faulty ones."""

    @classmethod
    def fit(cls, scores, labels):
        return cls()

    def decide(self, scores):
        return scores > 0.5

    def describe(self):
        return "at one half"


@dataclass(frozen=True)
class FailsToFit(Half):
    @classmethod
    def fit(cls, scores, labels):
        raise KeyError("missing")


@dataclass(frozen=True)
class FailsToDecide(Half):
    def decide(self, scores):
        return scores[:, :1] > 0.5


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (FailsToFit, r"fit\(\) of decision rule FailsToFit of .*failed: KeyError: 'missing'"),
        (FailsToDecide, r"FailsToDecide\.decide\(\) returned bool \(200, 1\); expected bool"),
    ],
)
def test_a_faulty_rule_of_ones_own_is_left_out_with_its_reason(
    registry, arrays, caplog, monkeypatch, rule, message
):
    registry.register(rule)
    monkeypatch.setattr(rule_comparison.log, "propagate", True)
    with caplog.at_level("INFO"):
        rows = compare_rules(val=arrays, test=arrays)
    names = [row.name for row in rows]
    assert names[0] == "global" and rule.__name__ not in names
    assert re.search(message, caplog.text)
    with pytest.raises(UserError, match=message):
        apply_rule(fit_rule(rule, *arrays), arrays[0])


def test_a_fit_that_returns_no_rule_is_named(arrays):
    class Forgets(Half):
        @classmethod
        def fit(cls, scores, labels):
            cls()

    with pytest.raises(UserError, match=r"Forgets of .*fit\(\) returned None; expected a Decision"):
        fit_rule(Forgets, *arrays)


def test_a_chosen_rule_that_is_no_dataclass_is_refused_before_training(registry):
    registry.register(Half)
    with pytest.raises(UserError, match=r"Half of .* is no dataclass.*@dataclass\(frozen=True\)"):
        check_rule_name("TEST.RULE", "Half")


@pytest.mark.parametrize("kind", [dict, dict[str, float], list[float], tuple[int, int], set])
def test_a_chosen_rule_whose_fields_no_file_can_hold_is_refused_before_training(registry, kind):
    registry.register(make_dataclass("Half", [("table", kind)], bases=(Half,), frozen=True))
    with pytest.raises(UserError, match=r"field 'table' of .*Half.* is a .*cannot store"):
        check_rule_name("TEST.RULE", "Half")


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_rules_can_be_stored(name):
    check_rule_name("TEST.RULE", name)


def test_keywords_of_a_fit_get_the_train_prior(arrays):
    given = {}

    class TakesAll(Half):
        @classmethod
        def fit(cls, scores, labels, **kwargs):
            given.update(kwargs)
            return cls()

    fit_rule(TakesAll, *arrays, train_prior=np.full(4, 0.3))
    assert given["train_prior"].tolist() == [0.3] * 4


def test_a_rule_of_ones_own_is_compared_and_read_back(tmp_path, arrays, registry):
    @registry.register()
    @dataclass(frozen=True)
    class AboveMean(DecisionRule):
        factor: float

        @classmethod
        def fit(cls, scores, labels):
            return cls(1.5)

        def decide(self, scores):
            return scores > self.factor * scores.mean(axis=1, keepdims=True)

        def describe(self):
            return "above the mean"

    rows = compare_rules(val=arrays, test=arrays)
    assert [row.name for row in rows] == [
        "global", "fixed", "per_class", "shrunk", "top_k", "AboveMean", "best on test",
    ]  # fmt: skip
    write_rule(tmp_path / "rule.json", AboveMean(1.25), NAMES)
    assert read_rule(tmp_path / "rule.json", NAMES) == AboveMean(1.25)


def test_rules_are_fitted_on_val_alone(arrays):
    scores, labels = arrays
    val, test = (scores[:100], labels[:100]), (scores[100:], labels[100:])
    rows = {row.name: row for row in compare_rules(val=val, test=test)}
    assert rows["global"].rule == GlobalThreshold.fit(*val)
    assert rows["best on test"].rule == GlobalThreshold.fit(*test)
    assert (rows["global"].tuned_on, rows["fixed"].tuned_on) == ("val", "")
    assert rows["best on test"].tuned_on == "test"
    expected = 100 * f1_score(test[1], rows["global"].rule.decide(test[0]), average="macro")
    assert rows["global"].metrics["test"]["macro_f1"] == pytest.approx(expected)


def test_another_rule_of_the_headline_is_first(arrays):
    names = [row.name for row in compare_rules(val=arrays, test=arrays)]
    rows = compare_rules(val=arrays, test=arrays, given=TopK(2))
    assert [row.name for row in rows] == ["given", *names]
    assert (rows[0].rule, rows[0].tuned_on) == (TopK(2), "val")
    fitted = GlobalThreshold.fit(*arrays)
    rows = compare_rules(val=arrays, test=arrays, given=fitted)
    assert [row.name for row in rows] == names


def test_without_val_nothing_is_tuned(arrays):
    rows = compare_rules(test=arrays, given=GlobalThreshold(0.3))
    assert [row.name for row in rows] == ["given", "fixed", "best on test"]
    assert rows[1].rule == FixedThreshold()
    with pytest.raises(ValueError, match="val, test, or both"):
        compare_rules(given=GlobalThreshold(0.3))


@pytest.mark.skipif(not FOLDER, reason="INTENTONOMY_ANNOTATIONS does not name the files' folder")
def test_shrunk_thresholds_gain_on_real_scores():
    scores = np.load(Path(FOLDER, "real_test_scores.npz"))["scores"].astype(np.float64)
    labels = np.load(Path(FOLDER, "test_label_vectors_intentonomy2020.npy"))
    found = measure(scores, labels, splits=40)
    gain = (found["shrunk"] - found["global"]).mean(axis=0)
    # About 3, 2 and 2 points of macro, micro and samples F1.
    np.testing.assert_allclose(gain, [3.4, 2.1, 2.1], atol=0.7)
