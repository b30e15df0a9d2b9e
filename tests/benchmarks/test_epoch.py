"""The epoch benchmark: both forms train and evaluate, on the same images."""

import pytest
import torch

from benchmarks import epoch
from benchmarks.straightforward import Straightforward
from core.config_merge import flatten
from engine.loop import TrainingStep
from engine.runner import MultiLabelRunner

SETTINGS = {
    "backbone": "RN50",
    "size": 64,
    "batch": 2,
    "workers": 0,
    "prepared": False,
    "cached": False,
    "no_parse": True,
    "gradients": "text",
    "num_images": 4,
    "num_val": 2,
    "device": "cpu",
    "threads": 1,
    "opts": ["MODEL.BACKBONE.ARCH", "configs/backbones/scenes_rn.json"],
}


@pytest.fixture
def results(monkeypatch):
    """Losses of the training steps and results of the evaluations, as they come in."""
    found = {"losses": [], "evaluations": []}
    step, evaluate = TrainingStep.__call__, MultiLabelRunner.evaluate_split

    def noting_step(self, *args):
        loss = step(self, *args)
        found["losses"].append(loss)
        return loss

    def noting_evaluate(self, *args):
        result = evaluate(self, *args)
        found["evaluations"].append(result)
        return result

    monkeypatch.setattr(TrainingStep, "__call__", noting_step)
    monkeypatch.setattr(MultiLabelRunner, "evaluate_split", noting_evaluate)
    return found


@pytest.mark.parametrize(
    "own",
    [
        {"form": "ours", "prepared": True},
        {"form": "ours", "cached": True, "workers": 1},
        {"form": "straightforward", "no_parse": False},
    ],
)
def test_epochs_train_and_evaluate(own, results):
    run = epoch.prepare({**SETTINGS, **own})
    run()
    run()
    assert len(results["losses"]) == 4
    assert torch.stack(results["losses"]).isfinite().all()
    assert [result.scores.shape for result in results["evaluations"]] == [(2, 28)] * 2


def test_the_straightforward_form_is_what_the_trainer_trains(tmp_path):
    trainer = epoch.build_trainer({**SETTINGS, "form": "straightforward"}, tmp_path / "data")
    network = trainer.step.network
    assert isinstance(network, Straightforward)
    before = {name: value.clone() for name, value in network.trainable_state_dict().items()}
    frozen = network.sight.conv1.weight.clone()
    # Warm-up would start at a rate that changes some weights by less than their precision.
    for group in trainer.optim.param_groups:
        group["lr"] = 1.0
    trainer.set_model_mode("train")
    batch = next(iter(trainer.train_loader_x))
    trainer.forward_backward(batch)
    after = network.trainable_state_dict()
    for name in ("ctx_pos", "ctx_neg", "gamma", "semantic.layer3.0.conv1.weight"):
        assert not torch.equal(before[name], after[name]), name
    assert torch.equal(frozen, network.sight.conv1.weight)


def test_both_forms_see_the_same_images(tmp_path):
    def first_batch(form):
        trainer = epoch.build_trainer({**SETTINGS, "form": form}, tmp_path / form / "data")
        return trainer.parse_batch_test(next(iter(trainer.val_loader)))

    (ours, our_labels), (plain, plain_labels) = first_batch("ours"), first_batch("straightforward")
    assert torch.equal(our_labels, plain_labels)
    assert plain_labels.shape == (2, 28)
    assert (ours - plain).abs().mean() < 0.02
    assert plain.std() > 0.3


def test_it_is_the_published_recipe(tmp_path):
    cfg = epoch.configuration({**SETTINGS, "form": "ours", "opts": []}, tmp_path)
    values = dict(flatten(cfg))
    assert values["OPTIM.NAME"] == "sgd"
    assert values["OPTIM.LR"] == 4e-4
    assert values["DATASET.HIERARCHY"] == "intentonomy"
