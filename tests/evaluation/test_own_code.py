"""A metric and an evaluator from a folder outside the project, through the command users type."""

import csv
import json
import sys

import pytest

import train
from evaluation import EVALUATOR_REGISTRY, METRICS

OWN = """
from evaluation import EVALUATOR_REGISTRY, Scored, metric


@metric("exact_match", at_fixed=True)
def exact_match(split: Scored) -> float:
    return float((split.pred == (split.labels > 0)).all(axis=1).mean())


@EVALUATOR_REGISTRY.register()
class TopOne:
    def __init__(self, cfg, lab2cname=None, **kwargs):
        self.hits = []

    def reset(self):
        self.hits = []

    def process(self, scores, label):
        best = scores.argmax(dim=1, keepdim=True)
        self.hits += (label.gather(1, best) > 0).flatten().tolist()

    def evaluate(self):
        return {"top1": 100 * sum(self.hits) / len(self.hits)}
"""


@pytest.fixture(autouse=True)
def own_module(tmp_path_factory, monkeypatch):
    """Make the module ``own_evaluation`` importable, and forget what it registers."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_evaluation.py").write_text(OWN)
    monkeypatch.syspath_prepend(folder)
    known, evaluators = dict(METRICS), dict(EVALUATOR_REGISTRY._obj_map)
    yield
    monkeypatch.undo()
    sys.modules.pop("own_evaluation", None)
    for table, before in ((METRICS, known), (EVALUATOR_REGISTRY._obj_map, evaluators)):
        table.clear()
        table.update(before)


def run(scenes_root, out, *opts):
    """Train the linear probe for one epoch; return its metrics and its log."""
    train.main(
        [
            *("--root", str(scenes_root), "--seed", "1", "--trainer", "LinearProbe"),
            *("--dataset-config-file", "configs/datasets/scenes.yaml"),
            *("--config-file", "configs/trainers/LinearProbe/scenes.yaml"),
            *("--output-dir", str(out), "IMPORTS", "('own_evaluation',)"),
            *("OPTIM.MAX_EPOCH", "1", "INPUT.SIZE", "(64, 64)", "TEST.PREDICTIONS", "True", *opts),
        ]
    )
    return json.loads((out / "metrics.json").read_text()), (out / "log.txt").read_text()


def test_a_metric_of_ones_own_is_reported_and_selects(scenes_root, tmp_path):
    results, log = run(scenes_root, tmp_path, "TEST.SELECT_METRIC", "exact_match")
    assert next(iter(results["val"])) == "exact_match"
    assert 0 <= results["test"]["exact_match@0.5"] <= 100
    assert f"* exact_match: {results['test']['exact_match']:.2f}%" in log
    header = next(line for line in log.splitlines() if line.startswith("split"))
    assert "exact_match" in header.split()


def test_an_evaluator_of_three_methods_works_from_training_to_the_report(scenes_root, tmp_path):
    results, log = run(scenes_root, tmp_path, "TEST.EVALUATOR", "TopOne")
    assert list(results["val"]) == list(results["test"]) == ["top1"]
    assert f"{results['test']['top1']:.2f}" in log
    with (tmp_path / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [";" in row["predicted"] for row in rows] == [False] * 24  # no rule: the best class
    right = [row["predicted"] in row["true"].split(";") for row in rows]
    assert 100 * sum(right) / 24 == pytest.approx(results["test"]["top1"])
