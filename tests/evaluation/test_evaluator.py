"""The evaluator's contract, its log block and the report files."""

import csv
import json
import logging
import os
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from yacs.config import CfgNode

from core.errors import UserError
from evaluation import (
    best_threshold,
    build_evaluator,
    evaluate_protocol,
    format_table,
    write_metrics,
    write_per_class,
)

NAMES = {0: "attractive", 1: "happy", 2: "health"}


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


def test_tunes_without_a_threshold_and_keeps_a_given_one(split):
    scores, labels = split
    evaluator = feed(make(), scores, labels)
    result = evaluator.evaluate()
    expected = best_threshold(scores.numpy(), labels.numpy())
    assert evaluator.tuned_threshold == result["threshold"] == expected
    evaluator.threshold = 0.6
    result = evaluator.evaluate()
    assert result["threshold"] == 0.6
    assert evaluator.tuned_threshold is None
    reference = evaluate_protocol(scores.double().numpy(), labels.numpy(), threshold=0.6)
    assert dict(result) == pytest.approx(reference)
    assert all(type(v) is float for v in result.values())


def test_batches_are_joined_and_reset_forgets(split):
    scores, labels = split
    evaluator = feed(make(), scores, labels)
    np.testing.assert_array_equal(evaluator.scores, scores.double().numpy())
    np.testing.assert_array_equal(evaluator.labels, labels.numpy())
    evaluator.evaluate()
    assert [row["name"] for row in evaluator.per_class] == list(NAMES.values())
    evaluator.reset()
    assert len(evaluator.scores) == 0
    with pytest.raises(ValueError, match="nothing to evaluate"):
        evaluator.evaluate()


@pytest.mark.parametrize("select", ["mean", "mAP", "micro_f1@0.5", "macro_f1/easy", "mAP/mid"])
def test_the_selecting_metric_comes_first(split, select):
    evaluator = make(select)
    evaluator.set_groups({"easy": [0, 1]}, {"mid": {"a": [0, 1], "b": [2]}})
    assert next(iter(feed(evaluator, *split).evaluate())) == select


def test_the_default_is_the_mean(split):
    cfg = CfgNode({"TEST": {"EVALUATOR": "MultiLabel"}})
    assert next(iter(feed(build_evaluator(cfg), *split).evaluate())) == "mean"


@pytest.mark.parametrize("select", ["macro_f", "threshold"])
def test_an_unknown_metric_is_the_users_error(select):
    with pytest.raises(UserError, match=rf"TEST.SELECT_METRIC is '{select}'; accepted: .*macro_f1"):
        make(select).set_groups({}, {})


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
    evaluator = make("mAP")
    evaluator.set_groups({"easy": [0, 1]}, {"mid": {"a": [0, 1], "b": [2]}})
    with caplog.at_level(logging.INFO, logger="intclip"):
        result = feed(evaluator, scores, labels).evaluate()
    lines = [record.getMessage() for record in caplog.records]
    assert lines[:2] == ["=> result", "* total: 1,200"]
    text = "\n".join(lines)
    for name, value in result.items():
        unit = "" if name == "threshold" else "%"
        match = re.search(rf"^\* {re.escape(name)}: ([\.\deE+-]+){unit}$", text, re.MULTILINE)
        assert match, name
        assert float(match[1]) == pytest.approx(value, abs=0.006)
    assert lines[-1].endswith(": health")


def test_metrics_file(tmp_path):
    path = tmp_path / "run" / "metrics.json"
    write_metrics(path, {"mean": 1 / 3, "a": float("nan"), "val": {"mAP": np.float32(2.0)}})
    text = path.read_text()
    assert json.loads(text) == {"mean": 1 / 3, "a": None, "val": {"mAP": 2.0}}
    assert list(json.loads(text)) == ["mean", "a", "val"]
    assert os.listdir(path.parent) == ["metrics.json"]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "rows.csv"
    write_per_class(path, [{"class": 0, "name": "a, b", "ap": float("nan")}])
    with path.open() as file:
        assert list(csv.DictReader(file)) == [{"class": "0", "name": "a, b", "ap": ""}]
    with pytest.raises(ValueError, match="other"):
        write_per_class(path, [{"class": 0}, {"class": 1, "other": 2}])
    assert "a, b" in path.read_text()
    assert os.listdir(tmp_path) == ["rows.csv"]


def test_table():
    table = format_table(
        {"val": {"mAP": 38.123, "threshold": 0.35}, "test": {"mAP": float("nan")}}
    ).splitlines()
    assert table[0].split() == [
        "split",
        "mAP",
        "macro_f1",
        "micro_f1",
        "samples_f1",
        "mean",
        "threshold",
    ]
    assert table[2].split() == ["val", "38.12", "-", "-", "-", "-", "0.35"]
    assert table[3].split() == ["test", *"------"]
    assert len({len(line) for line in table}) == 1
