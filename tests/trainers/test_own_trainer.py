"""Mistakes in a trainer of a user's own end in one line; the keys PREC and LOSS are explained."""

import sys

import pytest

import core.config
import train
import trainers.base
from engine.base_choice import TRAINER_REGISTRY
from evaluation import METRICS
from tests.conftest import NO_EXTRAS
from tests.trainers.one_line import error_of

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

    def go(source, *options, epochs=1):
        file = tmp_path / "own_trainer.py"
        file.write_text(source)
        out = tmp_path / "out"
        train.main(
            [
                *("--root", str(scenes_root), "--seed", "1", "--trainer", "OwnTrainer"),
                *("--dataset-config-file", "configs/datasets/scenes.yaml"),
                *("--config-file", "configs/trainers/LinearProbe/scenes.yaml"),
                *("--output-dir", str(out), "--max-epochs", str(epochs), "--input-size", "64"),
                *("IMPORTS", str(file), *NO_EXTRAS, *options),
            ]
        )
        return out

    yield go
    sys.modules.pop("own_trainer", None)


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


def test_an_option_that_nobody_declared_is_one_line_with_the_nearest_one(run):
    wrong = TRAINER.replace("        return", "        self.method().LOSSS\n        return")
    error = error_of(run, LOSS_KEYS + wrong)
    assert error.startswith("the option TRAINER.OWNTRAINER.LOSSS is read, but not declared; write")
    assert error.endswith("Did you mean 'LOSS'?")


def test_an_option_can_be_asked_for_without_an_error():
    options = core.config.Options(core.config.get_cfg_default(), "TRAINER.LINEARPROBE")
    assert options.PREC == options.get("PREC") == "fp32"
    assert options.get("NOSUCH", 3) == 3
    assert not hasattr(options, "NOSUCH")


@pytest.mark.parametrize(
    ("groups", "kind"), [("[]", "list"), ("{1: []}", "dict"), ("iter(())", "tuple_iterator")]
)
def test_groups_that_are_no_lists_by_name_are_one_line(run, groups, kind):
    own = TRAINER.replace(
        "@TRAINER",
        "class Network(LinearProbeNetwork):\n"
        f"    def parameter_groups(self):\n        return {groups}\n\n\n@TRAINER",
    ).replace("return LinearProbeNetwork", "return Network")
    error = error_of(run, LOSS_KEYS + own)
    assert f"parameter_groups() of Network returned a {kind}; expected lists of parameters" in error


SUBCLASS = """
from losses import build_loss
from trainers import TRAINER_REGISTRY
from trainers.linearprobe import LinearProbe


@TRAINER_REGISTRY.register()
class OwnTrainer(LinearProbe):
    def build_loss(self):
        return build_loss("BinarySigmoidLoss")
"""
UNREAD = "OwnTrainer defines build_loss, so the option TRAINER.LINEARPROBE.LOSS has no effect"


def test_a_subclass_with_a_loss_of_its_own_is_told_that_the_option_has_no_effect(run):
    assert UNREAD in (run(SUBCLASS) / "log.txt").read_text()


def test_a_subclass_without_a_loss_of_its_own_is_told_nothing(run):
    source = SUBCLASS.split("    def")[0] + "    pass\n"
    assert "has no effect" not in (run(source) / "log.txt").read_text()


NOT_A_NUMBER = """
from evaluation import metric


@metric("own_nan")
def own_nan(split):
    return float("nan")
"""


def test_a_selecting_metric_that_is_not_a_number_is_one_warning(run):
    try:
        source = LOSS_KEYS + TRAINER + NOT_A_NUMBER
        folder = run(source, "TEST.SELECT_METRIC", "own_nan", epochs=2)
    finally:
        METRICS.pop("own_nan", None)
    log = (folder / "log.txt").read_text()
    assert log.count("The metric 'own_nan', which selects the best epoch, is NaN on val") == 1
    assert "Best epoch so far: 2 (val own_nan nan)" in log
