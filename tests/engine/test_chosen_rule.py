"""``TEST.RULE`` after training: the rule beside the others, or the reason why there is none."""

from dataclasses import dataclass, make_dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest

from core.config_merge import setup_cfg
from core.errors import UserError
from engine.final_evaluation import _intervals, _train_labels, choose_rule, write_analysis
from evaluation import (
    RULE_REGISTRY,
    DecisionRule,
    EvaluatedRun,
    EvaluatedSplit,
    GlobalThreshold,
    SplitResult,
    compare_rules,
    write_rule,
)


@dataclass(frozen=True)
class Faulty(DecisionRule):
    @classmethod
    def fit(cls, scores, labels):
        return cls()

    def decide(self, scores):
        return scores.undefined

    def describe(self):
        return "fails"


@pytest.fixture
def run(monkeypatch):
    """Return the evaluation of the same random images as val and as test."""
    monkeypatch.setattr(RULE_REGISTRY, "_obj_map", dict(RULE_REGISTRY._obj_map))
    RULE_REGISTRY.register(Faulty)
    rng = np.random.default_rng(0)
    scores, labels = rng.random((30, 3)), (rng.random((30, 3)) < 0.4).astype(np.float32)
    result = SplitResult({"mAP": 1.0}, GlobalThreshold(0.4), [], scores, labels)
    split = EvaluatedSplit(result, images=[""] * 30, paths=[""] * 30)
    rules = compare_rules(val=(scores, labels), test=(scores, labels), given=GlobalThreshold(0.4))
    return EvaluatedRun("", {"val": split, "test": split}, names=["a", "b", "c"], rules=rules)


def test_the_chosen_rule_is_the_one_beside_the_others(run, tmp_path):
    assert choose_rule("global", run) == GlobalThreshold(0.4)
    shrunk = next(row.rule for row in run.rules if row.name == "shrunk")
    assert choose_rule("shrunk", run) is shrunk
    write_rule(tmp_path / "rule.json", GlobalThreshold(0.7), run.names)
    assert choose_rule(str(tmp_path / "rule.json"), run) == GlobalThreshold(0.7)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("prior", "TEST.RULE 'prior': the rule 'prior' needs the labels of train"),
        ("Faulty", r"TEST.RULE 'Faulty': decide\(\) of .*AttributeError.*'undefined'"),
    ],
)
def test_a_rule_that_was_left_out_ends_in_its_reason(run, name, message):
    assert name not in [row.name for row in run.rules]
    with pytest.raises(UserError, match=message) as caught:
        choose_rule(name, run)
    assert "\n" not in str(caught.value)


def test_the_reason_why_a_rule_is_not_written_is_the_last_line(run, tmp_path, caplog):
    caplog.set_level("INFO")
    cfg = setup_cfg([], opts=["TEST.BOOTSTRAP", "2", "TEST.REPORT", "False"])
    tabled = make_dataclass("Tabled", ["table"], bases=(Faulty,), frozen=True)
    write_analysis(tmp_path, cfg, replace(run, rule=tabled({"a": 1})))
    assert not (tmp_path / "rule.json").exists() and len(caplog.messages) > 1
    assert caplog.messages[-1].startswith(f"{tmp_path / 'rule.json'} is not written: ")
    assert caplog.records[-1].levelname == "WARNING"


def test_the_intervals_of_rules_leave_out_rows_that_no_draw_fits(run):
    assert run.rules[0].name == "given" and run.rules[-1].name == "best on test"
    assert list(_intervals(run, draws=3)["rules"]) == [row.name for row in run.rules[1:-1]]


def test_the_prior_of_train_counts_known_labels_alone():
    labels = np.array([[1, 0.5, -1], [0, -1, -1], [0, 1, -1]], dtype=np.float32)
    dataset = SimpleNamespace(train_x=[SimpleNamespace(label=row) for row in labels])
    counts, prior = _train_labels(dataset)
    assert counts.tolist() == [1, 2, 0]
    np.testing.assert_allclose(prior, [1 / 3, 0.75, np.nan])
