"""Bootstrap intervals: content, draws, methods, and rules that are fitted again."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from core.errors import UserError
from evaluation import DecisionRule, GlobalThreshold, Groups, Scored, compute_metrics, metric_names
from evaluation.logits import sigmoid
from evaluation.rules.top_k import TopK
from evaluation.table import METRICS, Metric
from evaluation.uncertainty import bootstrap
from evaluation.uncertainty.bootstrap import bootstrap_intervals, bootstrap_rules
from evaluation.uncertainty.intervals import (
    METHODS,
    Evidence,
    affordable,
    bootstrap_weights,
    interval,
    jackknife_weights,
)

FROM_JACKKNIFE = ("halving", "jackknife")
NAMES = ["sea", "hill", "wood", "rare"]
GROUPS = Groups(subsets={"easy": [0, 1]}, levels={"mid": {"a": [0, 1], "b": [2, 3]}})
RULE = GlobalThreshold(0.4)


def arrays(seed, num_images=150):
    rng = np.random.default_rng(seed)
    labels = (rng.random((num_images, 4)) < [0.5, 0.3, 0.2, 0.0]).astype(int)
    labels[:2, 3] = 1
    return 0.3 * labels + 0.7 * rng.random(labels.shape), labels


@pytest.fixture(scope="module")
def split():
    return Scored.by_rule(*arrays(0), RULE)


@pytest.fixture(scope="module")
def result(split):
    return bootstrap_intervals(split, GROUPS, NAMES, draws=200, seed=3)


def test_values_are_those_of_the_report(split, result):
    expected = compute_metrics(split, RULE, GROUPS)
    assert set(result["metrics"]) <= set(metric_names(GROUPS))
    wanted = {"mAP", "macro_f1@0.5", "mean@0.5", "macro_f1/easy", "mAP/mid", "samples_f1"}
    assert wanted <= set(result["metrics"])
    for name, row in result["metrics"].items():
        assert row["value"] == pytest.approx(expected[name], abs=1e-9), name
        assert row["low"] < row["high"], name
        assert (row["draws"], row["method"] in METHODS) == (200, True)


def test_the_content_is_json_and_the_same_seed_gives_the_same_content(split, result):
    again = bootstrap_intervals(split, GROUPS, NAMES, draws=200, seed=3)
    assert json.dumps(again) == json.dumps(result)
    other = bootstrap_intervals(split, GROUPS, NAMES, draws=200, seed=4)
    assert other["metrics"] != result["metrics"]
    assert (result["draws"], result["seed"], result["confidence"]) == (200, 3, 0.95)


def test_a_class_with_few_positives_has_a_note_and_its_missing_draws_are_counted(result):
    assert result["classes"]["ap"][3] == {"note": "n too small"}
    assert result["classes"]["f1"][3] == {"note": "n too small"}
    assert set(result["classes"]["ap"][0]) == {"low", "high"}
    # About exp(-2) of the draws have neither of the two positives: 27 of 200.
    assert list(result["dropped"]) == ["rare"]
    assert 10 < result["dropped"]["rare"] < 50


def test_more_than_a_hundred_classes_have_no_intervals_of_their_own():
    rng = np.random.default_rng(0)
    labels = (rng.random((30, 101)) < 0.4).astype(int)
    split = Scored.by_rule(rng.random(labels.shape), labels, RULE)
    names = [str(c) for c in range(101)]
    assert "classes" not in bootstrap_intervals(split, Groups(), names, draws=20)


def test_the_interval_of_micro_f1_has_the_width_of_a_plain_bootstrap(split, result):
    rng = np.random.default_rng(8)
    plain = []
    for _ in range(400):
        sample = split.take(rng.integers(150, size=150))
        plain.append(100 * sample.f1["micro"])
    row = result["metrics"]["micro_f1"]
    assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * np.std(plain), rel=0.2)


def test_a_split_without_positives_has_no_intervals_but_a_result():
    scores, labels = arrays(1)
    split = Scored.by_rule(scores, np.zeros_like(labels), RULE)
    result = bootstrap_intervals(split, Groups(), NAMES, draws=20)
    assert np.isnan(result["metrics"]["mAP"]["low"])
    assert result["metrics"]["mAP"]["draws"] == 0
    assert result["dropped"] == {}


def test_the_accuracy_of_one_class_per_image_has_the_interval_of_a_share():
    rng = np.random.default_rng(0)
    scores = rng.random((400, 3))
    right = rng.random(400) < 0.8
    best = scores.argmax(axis=1)
    labels = np.eye(3)[np.where(right, best, (best + 1) % 3)]
    found = bootstrap_intervals(
        Scored.by_rule(scores, labels, TopK(1)), Groups(), NAMES[:3], draws=400
    )
    row, share = found["metrics"]["top1_accuracy"], right.mean()
    assert row["value"] == pytest.approx(100 * share)
    width = 200 * 1.96 * np.sqrt(share * (1 - share) / 400)
    assert row["high"] - row["low"] == pytest.approx(width, rel=0.2)


def test_no_draws_are_an_error(split):
    with pytest.raises(ValueError, match="1 draws"):
        bootstrap_intervals(split, Groups(), NAMES, draws=1)


@pytest.mark.parametrize("method", [name for name in METHODS if name not in FROM_JACKKNIFE])
def test_methods_agree_on_a_normal_distribution_without_bias(method):
    rng = np.random.default_rng(0)
    evidence = Evidence.known(2.0, 2 + 0.5 * rng.standard_normal(40_000), rng.standard_normal(500))
    low, high = interval(method, evidence)
    assert (low, high) == (pytest.approx(1.02, abs=0.06), pytest.approx(2.98, abs=0.06))


@pytest.mark.parametrize(("skill", "bound"), [(8.0, "high"), (0.01, "low")])
def test_no_interval_leaves_0_to_100_percent(skill, bound):
    rng = np.random.default_rng(0)
    labels = (rng.random((24, 3)) < 0.5).astype(np.float64)
    scores = sigmoid(skill * (labels - 0.5) + rng.standard_normal(labels.shape))
    split = Scored.by_rule(scores, labels, GlobalThreshold(0.5 if bound == "high" else 0.95))
    found = bootstrap_intervals(split, Groups(), ["a", "b", "c"], draws=50)["metrics"]
    ends = {name: entry[bound] for name, entry in found.items()}
    assert all(0 <= entry["low"] <= entry["high"] <= 100 for entry in found.values())
    assert (100 if bound == "high" else 0) in ends.values()


def test_halving_moves_the_interval_by_the_bias():
    jackknife = np.array([0.9, 1.1] * 50)
    assert interval("jackknife", Evidence.known(1.0, np.ones(5), jackknife)) == interval(
        "halving", Evidence.known(1.0, np.ones(5), jackknife)
    )
    plain = interval("halving", Evidence.known(1.0, np.ones(5), jackknife))
    moved = interval("halving", Evidence.known(1.0, np.ones(5), jackknife, bias=0.2))
    np.testing.assert_allclose(np.subtract(plain, moved), 0.2)
    assert plain[1] - plain[0] == pytest.approx(2 * 1.96 * 0.1 * np.sqrt(99), rel=1e-3)


def test_weights_count_every_image_of_a_draw_and_do_not_depend_on_the_step():
    whole = np.concatenate(list(bootstrap_weights(30, 10, 5, 10)))
    parts = np.concatenate(list(bootstrap_weights(30, 10, 5, 3)))
    np.testing.assert_array_equal(whole, parts)
    assert (whole.sum(axis=1) == 30).all()


def test_the_jackknife_leaves_out_each_image_or_block_once():
    for num_images in (20, 2_000):
        weights = np.concatenate(list(jackknife_weights(num_images, 0, 64)))
        assert ((1 - weights).sum(axis=0) == 1).all()


@pytest.mark.parametrize(
    ("draws", "num_decisions", "expected"),
    [
        (1_000, 1_217 * 28, 1_000),
        (1_000, 40_504 * 80, 617),
        (1_000, 107_859 * 1_006, 200),
        (50, 107_859 * 1_006, 50),
        (1_000, 0, 1_000),
    ],
)
def test_a_large_split_gets_fewer_draws(draws, num_decisions, expected):
    assert affordable(draws, num_decisions) == expected


def test_the_number_of_draws_that_were_taken_is_part_of_the_result(monkeypatch, split):
    monkeypatch.setattr(bootstrap, "affordable", lambda number, *_, **__: min(number, 7))
    assert bootstrap_intervals(split, GROUPS, NAMES, draws=200)["draws"] == 7


def test_rules_of_a_very_large_split_have_no_intervals(monkeypatch):
    arguments = ({"global": GlobalThreshold}, arrays(0), arrays(1))
    assert bootstrap_rules(*arguments, draws=3)["global"]
    monkeypatch.setattr(bootstrap, "LARGEST_RULE_DRAW", 2 * 150 * 4 - 1)
    assert bootstrap_rules(*arguments, draws=3) == {}


@dataclass(frozen=True)
class Prior(DecisionRule):
    """Predicts the classes that are frequent in train."""

    frequent: np.ndarray

    @classmethod
    def fit(cls, scores, labels, train_prior=None):
        return cls(np.asarray(train_prior) > 0.25)

    def decide(self, scores):
        return np.broadcast_to(self.frequent, scores.shape)

    def describe(self):
        return "frequent classes"


def test_rules_are_fitted_on_each_draw_of_val_and_compared_in_pairs():
    rules = {"global": GlobalThreshold, "prior": Prior, "same": GlobalThreshold}
    found = bootstrap_rules(
        rules, arrays(2, 60), arrays(3, 80), train_prior=np.array([0.5, 0.3, 0.2, 0]), draws=40
    )
    rule = GlobalThreshold.fit(*arrays(2, 60))
    expected = Scored.by_rule(*arrays(3, 80), rule).f1["macro"]
    assert found["global"]["macro_f1"]["value"] == pytest.approx(100 * expected)
    assert "difference" not in found["global"]
    assert found["same"]["difference"]["macro_f1"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    difference = found["prior"]["difference"]["micro_f1"]
    value = found["prior"]["micro_f1"]["value"] - found["global"]["micro_f1"]["value"]
    assert difference["value"] == pytest.approx(value)
    assert difference["low"] < difference["high"]


@dataclass(frozen=True)
class NeedsRare(GlobalThreshold):
    """Cannot decide when val has no positive of the last class."""

    num_rare: int = 0

    @classmethod
    def fit(cls, scores, labels):
        return cls(0.4, int((labels[:, 3] > 0).sum()))

    def decide(self, scores):
        if not self.num_rare:
            raise ValueError("no positive of the last class")
        return super().decide(scores)


def test_a_draw_in_which_a_rule_cannot_decide_does_not_count():
    rules = {"needs_rare": NeedsRare}
    found = bootstrap_rules(rules, arrays(2, 60), arrays(3, 80), draws=40)
    row = found["needs_rare"]["macro_f1"]
    assert row["low"] <= row["value"] <= row["high"]


def test_a_metric_may_have_the_name_of_a_part_of_the_result(monkeypatch, split):
    monkeypatch.setitem(METRICS, "present", Metric("present", lambda split: 0.25))
    result = bootstrap_intervals(split, Groups(), NAMES, draws=20)
    assert result["metrics"]["present"]["value"] == 25
    assert list(result["dropped"]) == ["rare"]


def test_a_rule_that_cannot_be_fitted_is_named():
    scores, labels = arrays(2, 60)
    with pytest.raises(UserError, match="'global' cannot be fitted"):
        bootstrap_rules({"global": GlobalThreshold}, (scores, 0 * labels), (scores, labels))
