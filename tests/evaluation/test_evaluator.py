"""The multi-label evaluator: its contract and its log block."""

import logging
import re
from types import SimpleNamespace

import pytest
import torch
from yacs.config import CfgNode

from core.errors import UserError
from evaluation import (
    Evaluator,
    GlobalThreshold,
    Groups,
    Scored,
    build_evaluator,
    compute_metrics,
)
from evaluation.table import entry_of

NAMES = {0: "attractive", 1: "happy", 2: "health"}
GROUPS = Groups({"easy": [0, 1]}, {"mid": {"a": [0, 1], "b": [2]}})


def make(select="mean", **kwargs):
    cfg = SimpleNamespace(TEST=SimpleNamespace(EVALUATOR="MultiLabel", SELECT_METRIC=select))
    return build_evaluator(cfg, lab2cname=NAMES, **kwargs)


@pytest.fixture
def split():
    generator = torch.Generator().manual_seed(0)
    labels = (torch.rand(40, 3, generator=generator) < 0.4).long()
    return 0.3 * labels + 0.6 * torch.rand(40, 3, generator=generator), labels


def feed(evaluator, scores, labels):
    for s, y in zip(scores.split(16), labels.split(16), strict=True):
        evaluator.process(s, y)
    return evaluator


def test_fits_a_rule_on_the_split_or_applies_a_given_one(split):
    scores, labels = split
    evaluator = feed(make(), scores, labels)
    result = evaluator.evaluate()
    assert evaluator.rule == GlobalThreshold.fit(scores.double().numpy(), labels.numpy())
    assert result["threshold"] == evaluator.rule.threshold
    given = GlobalThreshold(0.6)
    result = evaluator.evaluate(rule=given)
    assert evaluator.rule is given
    reference = Scored.by_rule(scores.double().numpy(), labels.numpy(), given)
    assert dict(result) == compute_metrics(reference, given, Groups())
    assert all(type(v) is float for v in result.values())


def test_batches_are_joined_and_reset_forgets(split):
    scores, labels = split
    evaluator = feed(make(), scores, labels)
    in_batches = evaluator.evaluate()
    assert [row["name"] for row in evaluator.per_class] == list(NAMES.values())
    evaluator.reset()
    assert evaluator.rule is None
    assert evaluator.per_class == []
    with pytest.raises(ValueError, match="nothing to evaluate"):
        evaluator.evaluate()
    evaluator.process(scores, labels)
    assert evaluator.evaluate() == in_batches


@pytest.mark.parametrize("select", ["mean", "mAP", "micro_f1@0.5", "macro_f1/easy", "mAP/mid"])
def test_the_selecting_metric_comes_first(split, select):
    evaluator = make(select, groups=GROUPS)
    assert next(iter(feed(evaluator, *split).evaluate())) == select


def test_the_default_is_the_mean(split):
    cfg = CfgNode({"TEST": {"EVALUATOR": "MultiLabel"}})
    assert next(iter(feed(build_evaluator(cfg), *split).evaluate())) == "mean"


@pytest.mark.parametrize("select", ["macro_f", "threshold", "mAP/mid"])
def test_an_unknown_metric_is_the_users_error(split, select):
    message = rf"TEST.SELECT_METRIC is '{select}'; accepted: .*macro_f1"
    with pytest.raises(UserError, match=message):
        make(select, groups=Groups())
    built_by_dassl = feed(make(select), *split)
    with pytest.raises(UserError, match=message):
        built_by_dassl.evaluate()


def test_an_evaluator_that_lacks_a_method_cannot_be_made():
    class Forgetful(Evaluator):
        def reset(self):
            pass

    with pytest.raises(TypeError, match="evaluate"):
        Forgetful(None)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_scores_that_are_not_finite_are_refused(split, bad):
    scores, labels = split
    scores[3, 1] = bad
    with pytest.raises(ValueError, match="1 of 120 scores are NaN or infinite"):
        make().process(scores, labels)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(2, 4\)"):
        make().process(torch.zeros(2, 3), torch.zeros(2, 4))


def test_half_precision_scores(split):
    scores, labels = split
    assert feed(make(), scores.bfloat16(), labels).evaluate()["mAP"] > 0


def test_the_result_block(split, caplog):
    scores, labels = split
    scores, labels = scores.repeat(30, 1), labels.repeat(30, 1)
    labels[:, 2] = 0
    evaluator = make("mAP", groups=GROUPS)
    with caplog.at_level(logging.INFO, logger="intclip"):
        result = feed(evaluator, scores, labels).evaluate()
    lines = [record.getMessage() for record in caplog.records]
    assert lines[:2] == ["=> result", "* total: 1,200"]
    text = "\n".join(lines)
    for name, value in result.items():
        entry = entry_of(name)
        if entry is not None and not entry.listed:
            assert f"* {name}:" not in text
            continue
        unit = "" if name == "threshold" else "%"
        match = re.search(rf"^\* {re.escape(name)}: ([\.\deE+-]+){unit}$", text, re.MULTILINE)
        assert match, name
        assert float(match[1]) == pytest.approx(value, abs=0.006)
    assert lines[-1].endswith(": health")
