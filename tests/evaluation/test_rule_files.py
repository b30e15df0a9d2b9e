"""Decision rules on disk: read back exactly, matched by class name, one line for each fault."""

import json
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UserError
from evaluation import (
    RULE_REGISTRY,
    GlobalThreshold,
    check_rule_name,
    fit_rule,
    read_rule,
    write_rule,
)
from evaluation.rules import PerClassThresholds, PriorCorrection
from tests.evaluation.test_rule_registry import NAMES, SHIPPED, Half, arrays, registry

__all__ = ["arrays", "registry"]  # fixtures


@given(st.integers(0, 1000))
def test_every_rule_is_read_back_exactly(tmp_path_factory, seed):
    rng = np.random.default_rng(seed)
    scores, labels = rng.random((30, 4)), (rng.random((30, 4)) < 0.5).astype(int)
    path = tmp_path_factory.mktemp("rules") / "rule.json"
    for name in SHIPPED:
        rule = fit_rule(RULE_REGISTRY.get(name), scores, labels, train_prior=np.full(4, 0.3))
        write_rule(path, rule, NAMES)
        again = read_rule(path, NAMES)
        assert type(again) is type(rule)
        for field in fields(rule):
            np.testing.assert_array_equal(getattr(again, field.name), getattr(rule, field.name))


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(FINITE, st.lists(FINITE, min_size=4, max_size=4))
def test_any_finite_number_is_read_back_to_the_last_bit(tmp_path_factory, threshold, shift):
    path = tmp_path_factory.mktemp("rules") / "rule.json"
    write_rule(path, PriorCorrection(threshold, np.array(shift)), NAMES)
    again = read_rule(path, NAMES)
    assert again.threshold.hex() == threshold.hex()
    assert again.shift.tobytes() == np.array(shift).tobytes()


def test_classes_are_matched_by_name(tmp_path, arrays):
    rule = PerClassThresholds.fit(*arrays)
    path = tmp_path / "rule.json"
    write_rule(path, rule, NAMES)
    assert read_rule(path, ["d", "a"]).class_thresholds.tolist() == [
        rule.class_thresholds[3],
        rule.class_thresholds[0],
    ]
    with pytest.raises(UserError, match=r"class is 'bb'.*Did you mean 'b'"):
        read_rule(path, ["a", "bb"])
    write_rule(path, GlobalThreshold(0.3), NAMES)
    assert read_rule(path, ["other"]) == GlobalThreshold(0.3)


def per_class(thresholds):
    return {"name": "per_class", "parameters": {"class_thresholds": thresholds}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not valid JSON"),
        ("[]", "holds no JSON object"),
        ({"name": 3}, "is no decision rule"),
        ({"name": "globale"}, "Did you mean 'global'"),
        ({"parameters": {"t": 1}}, r"parameters are \['t'\]"),
        (per_class([0.1]), "has 1 values; expected 4"),
        (per_class(["x"] * 4), "has 'x' at index 0; expected a finite number"),
        (per_class([0.1, None, 0.2, 0.3]), "has None at index 1; expected a finite number"),
        (per_class([0.1, 0.2, float("nan"), 0.3]), "has nan at index 2; expected a finite number"),
        (per_class([[0.1]] * 4), "expected a finite number"),
        (per_class(0.3), "expected a list of numbers"),
        ({"parameters": {"threshold": "0.5"}}, "is '0.5'; expected a finite number"),
        ({"parameters": {"threshold": None}}, "is None; expected a finite number"),
        ({"parameters": {"threshold": True}}, "is True; expected a finite number"),
        ({"parameters": {"threshold": 10**400}}, "expected a finite number"),
        ({"parameters": {"threshold": [0.1] * 4}}, "expected a finite number"),
        ({"name": "top_k", "parameters": {"k": 2.5}}, "is 2.5; expected a whole number"),
        ({"name": "top_k", "parameters": {"k": 0}}, "k is 0; expected a whole number from 1 on"),
        ({"classes": [1, 2]}, "classes has 1; expected the names"),
        ({"classes": ["a", "b", "a"]}, "classes has 'a' twice"),
    ],
)
def test_a_broken_file_is_one_line(tmp_path, content, message):
    good = {"name": "global", "parameters": {"threshold": 0.5}, "classes": NAMES}
    text = content if isinstance(content, str) else json.dumps({**good, **content})
    path = tmp_path / "rule.json"
    path.write_text(text)
    # The second check needs no class names: it runs before training.
    for check in (lambda: read_rule(path, NAMES), lambda: check_rule_name("KEY", str(path))):
        with pytest.raises(UserError, match=message) as caught:
            check()
        assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"gone\.json"):
        read_rule(tmp_path / "gone.json", NAMES)


@dataclass(frozen=True)
class Holds(Half):
    value: Any


@pytest.mark.parametrize("value", [0.25, 3, "text", None, True, np.float32(0.5), np.arange(4.0)])
def test_a_parameter_of_ones_own_is_read_back(registry, tmp_path, value):
    registry.register(Holds)
    write_rule(tmp_path / "rule.json", Holds(value), NAMES)
    np.testing.assert_array_equal(read_rule(tmp_path / "rule.json", NAMES).value, value)


@pytest.mark.parametrize("value", [np.eye(4), np.ones(3), {"a": 1}, float("nan"), [0.1, 0.2]])
def test_a_parameter_that_a_file_cannot_hold_is_named_and_not_written(tmp_path, value):
    with pytest.raises(UserError, match="cannot store the parameter 'value' of decision rule"):
        write_rule(tmp_path / "rule.json", Holds(value), NAMES)
    assert not list(tmp_path.iterdir())
