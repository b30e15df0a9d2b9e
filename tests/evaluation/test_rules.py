"""Decision rules: one threshold for all classes."""

import pickle

import numpy as np
import pytest
from sklearn.metrics import f1_score

from core.errors import UserError
from evaluation import THRESHOLDS, DecisionRule, GlobalThreshold


def test_the_grid():
    assert len(THRESHOLDS) == 19
    assert THRESHOLDS.tolist() == [round(0.05 * i, 2) for i in range(1, 20)]


@pytest.mark.parametrize("seed", range(5))
def test_the_fitted_threshold_is_that_of_a_plain_search(seed):
    rng = np.random.default_rng(seed)
    labels = (rng.random((60, 5)) < 0.3).astype(int)
    scores = np.clip(0.3 * labels + 0.6 * rng.random((60, 5)), 0, 1)
    best, best_value = None, -1.0
    for t in THRESHOLDS:
        value = f1_score(labels, scores > t, average="macro", zero_division=0)
        if value > best_value:
            best, best_value = t, value
    assert GlobalThreshold.fit(scores, labels).threshold == best


def test_the_lowest_of_equal_thresholds_wins_and_an_equal_score_is_below_it():
    scores, labels = np.array([[0.3, 0.9], [0.9, 0.3]]), np.array([[0, 1], [1, 0]])
    rule = GlobalThreshold.fit(scores, labels)  # 0.30 to 0.85 make no mistake
    assert rule.threshold == 0.3
    assert rule.decide(scores).tolist() == [[False, True], [True, False]]


def test_without_a_positive_no_threshold_can_be_fitted():
    with pytest.raises(UserError, match="no class has a positive label in val"):
        GlobalThreshold.fit(np.ones((2, 2)), np.zeros((2, 2)))


def test_a_rule_pickles_and_describes_itself():
    rule = GlobalThreshold(0.35)
    assert pickle.loads(pickle.dumps(rule)) == rule
    assert rule.describe() == "score > 0.35 for all classes"
    assert rule.numbers() == {"threshold": 0.35}


def test_a_rule_that_lacks_a_method_cannot_be_made():
    class Forgetful(DecisionRule):
        def describe(self):
            return "decides nothing"

    with pytest.raises(TypeError, match="decide"):
        Forgetful()
