"""The result of a split from any evaluator that keeps the registry's contract."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from core.errors import UserError
from evaluation import (
    EVALUATOR_REGISTRY,
    GlobalThreshold,
    Groups,
    build_evaluator,
    evaluate_split,
)


class ThreeMethods:
    """Dassl's contract and nothing else."""

    def __init__(self, cfg, lab2cname=None):
        self.lab2cname = lab2cname

    def reset(self):
        self.hits = []

    def process(self, scores, label):
        best = scores.argmax(dim=1, keepdim=True)
        self.hits.append(label.gather(1, best).squeeze(1) > 0)

    def evaluate(self):
        return {"top1": 100 * torch.cat(self.hits).double().mean(), "num": 1}


@pytest.fixture
def split():
    generator = torch.Generator().manual_seed(0)
    labels = (torch.rand(40, 3, generator=generator) < 0.4).long()
    return 0.3 * labels + 0.6 * torch.rand(40, 3, generator=generator), labels


@pytest.fixture
def build(monkeypatch):
    """Return a function: class or name of an evaluator, and arguments, to the built evaluator."""
    known = dict(EVALUATOR_REGISTRY._obj_map)

    def make(kind, **kwargs):
        if not isinstance(kind, str):
            EVALUATOR_REGISTRY.register(kind)
            kind = kind.__name__
        cfg = SimpleNamespace(TEST=SimpleNamespace(EVALUATOR=kind, SELECT_METRIC="mAP"))
        return build_evaluator(cfg, **kwargs)

    yield make
    EVALUATOR_REGISTRY._obj_map.clear()
    EVALUATOR_REGISTRY._obj_map.update(known)


def test_an_evaluator_of_three_methods_gives_a_result(build, split):
    scores, labels = split
    evaluator = build(ThreeMethods, lab2cname={0: "a"}, groups=Groups({"easy": [0]}))
    assert evaluator.lab2cname == {0: "a"}
    for rule in (None, GlobalThreshold(0.5)):
        result = evaluate_split(evaluator, scores, labels, rule)
        expected = 100 * np.mean([labels[i, scores[i].argmax()] > 0 for i in range(40)])
        assert result.metrics == {"top1": pytest.approx(expected, rel=1e-12), "num": 1.0}
        assert result.selected == result.metrics["top1"]
        assert (result.rule, result.per_class) == (None, [])
        assert not result.pred.any()


def test_the_rule_fitted_on_val_decides_on_test(build, split):
    scores, labels = split
    evaluator = build("MultiLabel", groups=Groups({"easy": [0, 1]}))
    val = evaluate_split(evaluator, scores, labels)
    assert val.rule == GlobalThreshold.fit(scores.double().numpy(), labels.numpy())
    assert "macro_f1/easy" in val.metrics
    assert val.selected == val.metrics["mAP"]
    given = GlobalThreshold(0.6)
    test = evaluate_split(evaluator, scores[:10], labels[:10], given)
    assert test.rule == given
    assert len(test.per_class) == 3
    np.testing.assert_array_equal(test.pred, scores[:10].double().numpy() > 0.6)
    np.testing.assert_array_equal(test.labels, labels[:10].numpy())
    assert test.scores.dtype == np.float64


def test_a_result_travels_between_processes(build, split):
    result = evaluate_split(build("MultiLabel"), *split)
    copy = pickle.loads(pickle.dumps(result))
    assert list(copy.metrics.items()) == list(result.metrics.items())
    assert copy.rule == result.rule
    assert str(copy.per_class) == str(result.per_class)  # NaN equals NaN as text
    np.testing.assert_array_equal(copy.scores, result.scores)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, r"Wrong.evaluate\(\) returned None; expected a dict"),
        ({}, r"Wrong.evaluate\(\) returned {}; expected a dict"),
        ({"top1": "high"}, r"Wrong.evaluate\(\) returned 'high' for 'top1'; expected a number"),
    ],
)
def test_an_evaluator_that_returns_no_numbers_is_named(build, split, returned, message):
    class Wrong(ThreeMethods):
        def evaluate(self):
            return returned

    with pytest.raises(UserError, match=message):
        evaluate_split(build(Wrong), *split)
