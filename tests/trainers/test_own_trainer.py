"""Mistakes in a trainer of a user's own end in one line; the keys PREC and LOSS are explained."""

import sys

import pytest

import core.config
import train
import trainers.base
from core.errors import UserError
from engine.base_choice import TRAINER_REGISTRY
from tests.conftest import NO_EXTRAS

TRAINER = """
from models import LinearProbeNetwork
from trainers import TRAINER_REGISTRY, ClipTrainer


@TRAINER_REGISTRY.register()
class OwnTrainer(ClipTrainer):
    takes_pairs = False

    def build_network(self):
        return LinearProbeNetwork(self.load_clip(), self.num_classes)
"""
LOSS_KEYS = """
from core.config import declare
from trainers import loss_keys

declare("TRAINER.OWNTRAINER", *loss_keys("BinarySigmoidLoss", takes_pairs=False))
"""


@pytest.fixture
def run(scenes_root, tmp_path, monkeypatch):
    """Return a function: source of a trainer to the folder of its run of one epoch."""
    monkeypatch.setattr(core.config, "_declared", dict(core.config.declared_keys()))
    monkeypatch.setattr(TRAINER_REGISTRY, "_obj_map", dict(TRAINER_REGISTRY._obj_map))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "own_trainer", raising=False)

    def go(source):
        file = tmp_path / "own_trainer.py"
        file.write_text(source)
        out = tmp_path / "out"
        train.main(
            [
                *("--root", str(scenes_root), "--seed", "1", "--trainer", "OwnTrainer"),
                *("--dataset-config-file", "configs/datasets/scenes.yaml"),
                *("--config-file", "configs/trainers/LinearProbe/scenes.yaml"),
                *("--output-dir", str(out), "--max-epochs", "1", "--input-size", "64"),
                *("IMPORTS", str(file), *NO_EXTRAS),
            ]
        )
        return out

    yield go
    sys.modules.pop("own_trainer", None)


def error_of(run, source):
    with pytest.raises(UserError) as caught:
        run(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_trainer_without_a_key_of_the_precision_runs_in_its_own(run):
    folder = run(LOSS_KEYS + TRAINER)
    assert (folder / "metrics.json").is_file()


def test_a_trainer_without_a_key_of_the_loss_is_told_how_to_declare_one(run):
    error = error_of(run, TRAINER)
    assert "OwnTrainer has no key TRAINER.OWNTRAINER.LOSS" in error
    assert "trainers.loss_keys" in error


def test_a_trainer_with_a_loss_of_its_own_needs_no_key_of_the_loss(run):
    own_loss = """
    def build_loss(self):
        from losses import build_loss

        return build_loss("BinarySigmoidLoss")
"""
    assert (run(TRAINER + own_loss) / "metrics.json").is_file()


def test_a_layer_that_no_group_names_is_an_error_before_training(run):
    forgotten = TRAINER.replace(
        "        return LinearProbeNetwork(self.load_clip(), self.num_classes)",
        """        from torch import nn

        network = LinearProbeNetwork(self.load_clip(), self.num_classes)
        network.forgotten = nn.Linear(2, 2)
        return network""",
    )
    error = error_of(run, LOSS_KEYS + forgotten)
    assert "missing: forgotten.weight, forgotten.bias" in error


OWN_BACKBONE = """
        from models import load_clip

        backbone = self.cfg.MODEL.BACKBONE
        clip = load_clip(backbone.NAME, path=backbone.PATH, arch=backbone.ARCH)
        return LinearProbeNetwork(clip, self.num_classes)
"""


def test_a_trainer_that_loads_its_backbone_itself_runs_and_resumes(run):
    own = TRAINER.split("        return")[0] + OWN_BACKBONE
    run(LOSS_KEYS + own)
    assert (run(LOSS_KEYS + own) / "metrics.json").is_file()


def test_the_digest_is_that_of_all_backbones_that_were_loaded(monkeypatch):
    digests = iter(["first", "teacher", "changed", "teacher"])
    monkeypatch.setattr(trainers.base, "load_clip", lambda name, **options: None)
    monkeypatch.setattr(trainers.base, "frozen_digest", lambda clip: next(digests))
    seen = []
    for _ in range(2):
        method = trainers.base.ClipMethod()
        method.cfg = core.config.get_cfg_default()
        method.load_clip(), method.load_clip()
        seen.append(method.digest_weights())
    assert seen == ["first+teacher", "changed+teacher"]


def test_a_trainer_that_forgot_build_network_is_told_so(run):
    error = error_of(run, LOSS_KEYS + TRAINER.replace("build_network", "build_networks"))
    assert (
        error
        == "the trainer OwnTrainer (own_trainer) does not define build_network; add it to the class"
    )
