"""The first section of the report: headline numbers, intervals, the protocol in words."""

from dataclasses import replace

import numpy as np

from evaluation import Groups, Scored, bootstrap_intervals
from evaluation.evaluated import EvaluatedRun
from evaluation.rules.top_k import TopK
from reports.run_report import run_sections
from tests.reports import examples


def text_of(run):
    """Return the sentences of the first section."""
    return " ".join(getattr(block, "text", "") for block in run_sections(run)[0].blocks)


def test_the_accuracy_has_an_interval_and_a_number_without_one_is_named():
    labels = np.eye(3)[np.arange(60) % 3]
    scores = 0.5 * labels + np.random.default_rng(0).random(labels.shape)
    split = examples.split_of(scores, labels, TopK(1), ["a", "b", "c"])
    metrics = {"accuracy": split.result.metrics["top1_accuracy"], **split.result.metrics}
    split = replace(split, result=replace(split.result, metrics=metrics))
    scored = Scored.by_rule(scores, labels, TopK(1))
    intervals = bootstrap_intervals(scored, Groups(), ["a", "b", "c"], draws=40)
    run = EvaluatedRun("one class", {"test": split}, ["a", "b", "c"], intervals=intervals)
    tiles = run_sections(run)[0].blocks[0].tiles
    assert [tile.label for tile in tiles] == ["accuracy", "macro F1", "mAP"]
    assert all(" to " in tile.interval for tile in tiles)
    assert "Without an interval" not in text_of(run)
    metrics = {"zsl_mAP": 50.0, **split.result.metrics}
    del metrics["accuracy"]
    split = replace(split, result=replace(split.result, metrics=metrics))
    text = text_of(replace(run, splits={"test": split}))
    assert "Without an interval: mAP, unseen classes." in text
