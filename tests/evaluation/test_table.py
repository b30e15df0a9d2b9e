"""The table of metrics: names, order, derived names, and metrics of one's own."""

import numpy as np
import pytest

from core.errors import UserError
from evaluation import (
    METRICS,
    DecisionRule,
    GlobalThreshold,
    Groups,
    Scored,
    compute_metrics,
    format_table,
    metric,
    metric_names,
)
from evaluation import metrics as functions
from evaluation.table import selecting_names

GROUPS = Groups(
    subsets={"easy": [0, 2], "hard": [1, 3]},
    levels={"mid": {"a": [0, 1], "b": [2], "c": [3]}},
)
RULE = GlobalThreshold(0.4)


@pytest.fixture(autouse=True)
def _same_table_afterwards():
    before = dict(METRICS)
    yield
    METRICS.clear()
    METRICS.update(before)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    labels = (rng.random((60, 4)) < 0.3).astype(int)
    return np.clip(0.3 * labels + 0.6 * rng.random((60, 4)), 0, 1), labels


@pytest.fixture
def split(arrays):
    return Scored.by_rule(*arrays, RULE)


@pytest.mark.parametrize("groups", [Groups(), GROUPS])
def test_the_order_of_the_table_is_that_of_the_names_reported(split, groups):
    @metric("last", at_fixed=True)
    def last(split):
        return 0.5

    reported = list(compute_metrics(split, RULE, groups))
    table = [name for name, entry in METRICS.items() if groups.levels or not entry.needs_levels]
    assert reported[: len(table)] == table
    assert [name for name in reported if name != "threshold"] == metric_names(groups)


def test_a_metric_of_ones_own_is_reported_in_percent_for_each_view_it_asks_for(split):
    @metric("accuracy", at_fixed=True, per_subset=True, per_level=True)
    def accuracy(split):
        return float((split.pred == (split.labels > 0)).mean())

    result = compute_metrics(split, RULE, GROUPS)
    right = split.pred == (split.labels > 0)
    assert result["accuracy"] == pytest.approx(100 * right.mean(), rel=1e-12)
    fixed = split.fixed == (split.labels > 0)
    assert result["accuracy@0.5"] == pytest.approx(100 * fixed.mean(), rel=1e-12)
    hard = right[:, [1, 3]].mean()
    assert result["accuracy/hard"] == pytest.approx(100 * hard, rel=1e-12)
    pooled = {}
    for name, columns in {"pred": split.pred, "true": split.labels > 0}.items():
        members = [columns[:, [0, 1]].any(1), columns[:, 2], columns[:, 3]]
        pooled[name] = np.stack(members, axis=1)
    mid = (pooled["pred"] == pooled["true"]).mean()
    assert result["accuracy/mid"] == pytest.approx(100 * mid, rel=1e-12)


def test_a_metric_without_flags_is_reported_once(split):
    @metric("plain")
    def plain(split):
        return np.float32(0.25)

    found = {k: v for k, v in compute_metrics(split, RULE, GROUPS).items() if "plain" in k}
    assert found == {"plain": 25.0}
    assert type(found["plain"]) is float


def test_a_metric_that_is_not_listed_is_in_the_results_and_not_in_the_table(split):
    @metric("quiet", at_fixed=True, listed=False)
    def quiet(split):
        return 0.25

    result = compute_metrics(split, RULE, Groups())
    assert (result["quiet"], result["quiet@0.5"]) == (25.0, 25.0)
    assert format_table({"val": result}).splitlines()[0].split() == [
        *("split", "mAP", "macro_f1", "micro_f1", "samples_f1", "mean", "threshold")
    ]


def test_no_view_of_an_error_can_select_epochs():
    @metric("loss", at_fixed=True, per_subset=True, per_level=True, smaller_is_better=True)
    def loss(split):
        return 0.25

    reported = [name for name in metric_names(GROUPS) if name.startswith("loss")]
    assert reported == ["loss", "loss@0.5", "loss/easy", "loss/hard", "loss/mid"]
    assert not set(reported) & set(selecting_names(GROUPS))


def test_parts_of_the_classes_have_no_groups(arrays):
    split = Scored.by_rule(*arrays, RULE, GROUPS)
    assert split.at_fixed.groups is split.take(np.arange(3)).groups is GROUPS
    for part in (split.select([0, 1]), split.pool(GROUPS.levels["mid"])):
        assert not part.groups.levels and not part.groups.subsets


def test_a_taken_name_names_both_files():
    with pytest.raises(KeyError, match=r"'mAP' of .*test_table\.py .*by .*benchmark_metrics\.py"):

        @metric("mAP")
        def other(split):
            return 0.0


@pytest.mark.parametrize("name", ["mAP@0.5", "mAP/easy"])
def test_marks_of_derived_names_are_reserved(name):
    with pytest.raises(ValueError, match=f"'{name}' has '@' or '/'"):
        metric(name)


def test_a_metric_that_fails_is_named_with_its_file_and_line(split):
    @metric("broken")
    def broken(split):
        return 1 / 0

    with pytest.raises(
        UserError,
        match=r"metric 'broken' of .*test_table\.py failed: ZeroDivisionError: .*py:\d+\)",
    ) as caught:
        compute_metrics(split, RULE, Groups())
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("value", [None, 1, "0.5", np.zeros(2)])
def test_a_metric_that_returns_no_float_is_named(split, value):
    @metric("odd")
    def odd(split):
        return value

    with pytest.raises(UserError, match=rf"'odd' .*of type {type(value).__name__}; expected a fl"):
        compute_metrics(split, RULE, Groups())


def test_a_metric_with_the_name_of_the_rules_number_is_refused(split):
    @metric("threshold")
    def threshold(split):
        return 0.5

    with pytest.raises(UserError, match="metric 'threshold' has the name of a number of Global"):
        compute_metrics(split, RULE, Groups())


def test_nothing_is_computed_twice(split, monkeypatch):
    calls = {"sort": 0, "f1": 0}

    def counted(name, function):
        def call(*args):
            calls[name] += 1
            return function(*args)

        return call

    sort = counted("sort", functions.ranked_counts)
    monkeypatch.setattr("evaluation.scored.ranked_counts", sort)
    monkeypatch.setattr("evaluation.scored.f1_scores", counted("f1", functions.f1_scores))
    compute_metrics(split, RULE, Groups(levels=GROUPS.levels))
    assert calls == {"sort": 2, "f1": 3}  # classes and one level; F1 also at 0.5


def test_a_rule_that_is_not_one_threshold_decides_for_classes_and_levels(arrays):
    class FirstClass(DecisionRule):
        @classmethod
        def fit(cls, scores, labels):
            return cls()

        def decide(self, scores):
            pred = np.zeros(scores.shape, dtype=bool)
            pred[:, 0] = True
            return pred

        def describe(self):
            return "always the first class"

    scores, labels = arrays
    split = Scored.by_rule(scores, labels, FirstClass())
    result = compute_metrics(split, FirstClass(), GROUPS)
    assert "threshold" not in result
    group = (labels[:, [0, 1]] > 0).any(axis=1).mean()
    assert result["macro_f1/mid"] == pytest.approx(100 * 2 * group / (1 + group) / 3, rel=1e-12)


def test_decisions_of_another_shape_or_type_name_the_rule(arrays):
    class Soft(GlobalThreshold):
        def decide(self, scores):
            return scores

    with pytest.raises(UserError, match=r"Soft.decide\(\) returned float64 .*expected bool"):
        Scored.by_rule(*arrays, Soft(0.5))


def test_a_subset_with_the_name_of_a_level_is_refused():
    with pytest.raises(UserError, match="a subset and a level named 'mid'"):
        Groups(subsets={"mid": [0]}, levels={"mid": {"a": [0]}})
