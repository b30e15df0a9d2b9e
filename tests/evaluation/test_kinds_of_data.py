"""Evaluators of one class per image and of zero-shot data sets, and distances of distributions."""

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score

from core.config import get_cfg_default
from evaluation import Groups, build_evaluator, evaluator_name
from evaluation.distributions import distribution_metrics
from evaluation.metrics import mean_average_precision


@pytest.fixture
def cfg():
    return get_cfg_default()


def test_the_evaluator_follows_from_the_kind_of_data(cfg):
    assert evaluator_name(cfg) == "MultiLabel"
    assert evaluator_name(cfg, kind="single_label") == "SingleLabel"
    assert evaluator_name(cfg, zero_shot=True) == "ZeroShot"
    cfg.TEST.EVALUATOR = "MultiLabel"
    assert evaluator_name(cfg, kind="single_label") == "MultiLabel"


def test_dassls_default_evaluator_stands_for_auto(cfg):
    cfg.TEST.EVALUATOR = "Classification"
    assert evaluator_name(cfg) == "MultiLabel"
    assert evaluator_name(cfg, kind="single_label") == "SingleLabel"


def test_single_labels_against_scikit_learn(cfg, caplog):
    caplog.set_level("INFO", logger="intclip")
    random = np.random.default_rng(0)
    scores = random.random((200, 5))
    classes = random.integers(0, 5, 200)
    labels = np.eye(5)[classes]
    evaluator = build_evaluator(cfg, groups=Groups(), name="SingleLabel")
    evaluator.process(torch.from_numpy(scores), torch.from_numpy(labels))
    metrics = evaluator.evaluate()
    best = scores.argmax(axis=1)
    assert next(iter(metrics)) == "accuracy"
    assert metrics["accuracy"] == pytest.approx(100 * accuracy_score(classes, best))
    assert metrics["macro_f1"] == pytest.approx(100 * f1_score(classes, best, average="macro"))
    assert metrics["micro_f1"] == pytest.approx(metrics["accuracy"])
    lines = [record.getMessage() for record in caplog.records]
    assert f"* accuracy: {metrics['accuracy']:.2f}%" in lines
    assert f"* correct: {(classes == best).sum()}" in lines


def test_another_metric_can_select_epochs_of_single_labels(cfg):
    cfg.TEST.SELECT_METRIC = "macro_f1"
    evaluator = build_evaluator(cfg, groups=Groups(), name="SingleLabel")
    evaluator.process(torch.eye(3), torch.eye(3))
    assert next(iter(evaluator.evaluate())) == "macro_f1"


def zero_shot_split():
    random = np.random.default_rng(1)
    scores = random.random((60, 6))
    labels = (random.random((60, 6)) < 0.3).astype(float)
    labels[:10, 4:] = 0  # images without an unseen class
    labels[10:, 4] = 1
    return scores, labels


@pytest.mark.parametrize("images", ["labelled", "all"])
def test_zero_shot_metrics_against_plain_counts(cfg, images):
    scores, labels = zero_shot_split()
    cfg.TEST.ZSL_IMAGES = images
    groups = Groups(subsets={"seen": [0, 1, 2, 3], "unseen": [4, 5]})
    evaluator = build_evaluator(cfg, groups=groups, name="ZeroShot")
    evaluator.process(torch.from_numpy(scores), torch.from_numpy(labels))
    metrics = evaluator.evaluate()
    rows = slice(None) if images == "all" else slice(10, None)
    part, truth = scores[rows][:, 4:], labels[rows][:, 4:]
    assert metrics["zsl_images"] == len(part)
    assert metrics["zsl_mAP"] == pytest.approx(100 * mean_average_precision(part, truth))
    hits = sum(labels[i][scores[i].argsort()[::-1][:3]].sum() for i in range(60))
    assert metrics["gzsl_precision_top3"] == pytest.approx(100 * hits / (60 * 3))
    assert metrics["gzsl_recall_top3"] == pytest.approx(100 * hits / labels.sum())
    assert metrics["gzsl_f1_top3"] == pytest.approx(100 * 2 * hits / (180 + labels.sum()))


def test_val_of_a_zero_shot_data_set_has_seen_classes_only(cfg):
    scores, labels = zero_shot_split()
    labels[:, 4:] = -1
    groups = Groups(subsets={"seen": [0, 1, 2, 3], "unseen": [4, 5]})
    evaluator = build_evaluator(cfg, groups=groups, name="ZeroShot")
    evaluator.process(torch.from_numpy(scores), torch.from_numpy(labels))
    metrics = evaluator.evaluate()
    assert not [name for name in metrics if "zsl" in name]
    expected = 100 * mean_average_precision(scores[:, :4], labels[:, :4])
    assert metrics["mAP"] == pytest.approx(expected)


def test_distances_of_distributions_by_hand():
    voted = np.array([[0.5, 0.5, 0.0]])
    predicted = np.array([[1.0, 2.0, 1.0]])  # 1/4, 1/2, 1/4 after division
    values = distribution_metrics(predicted, voted)
    assert values["ldl_chebyshev"] == pytest.approx(0.25)
    assert values["ldl_clark"] == pytest.approx(np.sqrt((0.25 / 0.75) ** 2 + 1))
    assert values["ldl_canberra"] == pytest.approx(0.25 / 0.75 + 1)
    assert values["ldl_kl"] == pytest.approx(0.5 * np.log(2))
    assert values["ldl_intersection"] == pytest.approx(0.75)
    length = np.sqrt(0.5) * np.sqrt(0.375)
    assert values["ldl_cosine"] == pytest.approx((0.125 + 0.25) / length)


def test_equal_distributions_have_no_distance():
    votes = np.random.default_rng(0).random((5, 4))
    values = distribution_metrics(votes, 3 * votes)
    for name in ("chebyshev", "clark", "canberra", "kl"):
        assert values[f"ldl_{name}"] == pytest.approx(0, abs=1e-12)
    assert values["ldl_cosine"] == pytest.approx(1) == values["ldl_intersection"]
