"""A resumed run keeps its settings, also those of a trainer that shares a section with another."""

import pytest
import torch

import core.config
import train
from core.config_merge import setup_cfg
from core.errors import UserError
from engine.base_choice import TRAINER_REGISTRY
from engine.run import ignored_settings
from engine.run_settings import check_same_run, run_settings, sections_in_use
from trainers.intclip import IntCLIP
from trainers.zeroshotclip import ZeroshotCLIP

SHARED = "TRAINER.INTCLIP"


@pytest.fixture(scope="module")
def renamed():
    """Register a subclass of IntCLIP, without a section of its own, and return its class."""

    class RenamedIntCLIP(IntCLIP):
        pass

    TRAINER_REGISTRY.register(force=True)(RenamedIntCLIP)
    yield RenamedIntCLIP
    del TRAINER_REGISTRY._obj_map["RenamedIntCLIP"]


@pytest.fixture(scope="module")
def finished(renamed, scenes_root, tmp_path_factory):
    """Return the folder of a finished run of the subclass and its arguments."""
    from tests.conftest import FAST

    out = tmp_path_factory.mktemp("renamed")
    args = ["--root", str(scenes_root), "--seed", "1", "--trainer", "RenamedIntCLIP"]
    args += ["--dataset-config-file", "configs/datasets/scenes.yaml"]
    args += ["--config-file", "configs/trainers/IntCLIP/scenes.yaml"]
    args += ["--output-dir", str(out), *FAST, "OPTIM.MAX_EPOCH", "1"]
    args += [f"{SHARED}.LOSS", "AsymmetricPairLoss"]
    train.main(args)
    return out, args


@pytest.mark.parametrize(
    ("opts", "message"),
    [
        ((f"{SHARED}.LOGIT_SCALE", "7"), r"TRAINER\.INTCLIP\.LOGIT_SCALE was 20\.0, is 7\.0"),
        (("LOSS.ASYMMETRICPAIRLOSS.WEIGHT", "2"), r"ASYMMETRICPAIRLOSS\.WEIGHT was .*, is 2\.0"),
        ((f"{SHARED}.LOSS_WEIGHT", "2"), r"ASYMMETRICPAIRLOSS\.WEIGHT was .*, is 2\.0"),
    ],
)
def test_a_trainer_with_the_section_of_another_refuses_changed_options(finished, opts, message):
    _, args = finished
    with pytest.raises(UserError, match=message) as caught:
        train.main([*args, *opts])
    assert "\n" not in str(caught.value)


def test_the_options_of_other_trainers_and_losses_may_change(finished):
    out, args = finished
    changed = ["TRAINER.DUALCOOP.LOGIT_SCALE", "7", "LOSS.BINARYPAIRLOSS.WEIGHT", "2"]
    train.main([*args, *changed])
    logs = sorted(out.glob("log.txt*"), key=lambda path: path.stat().st_mtime)
    assert any("(epoch 1 is done)" in log.read_text() for log in logs)


def test_the_sections_in_use_are_those_of_the_class_and_of_its_loss(renamed):
    cfg = setup_cfg([], opts=["TRAINER.NAME", "RenamedIntCLIP", f"{SHARED}.LOSS", "BinaryPairLoss"])
    assert sections_in_use(cfg, renamed) == {SHARED, "LOSS.BINARYPAIRLOSS"}


def test_a_trainer_that_builds_its_loss_may_read_the_options_of_any_loss():
    class OwnLoss(IntCLIP):
        def build_loss(self):
            raise AssertionError("not called")

    cfg = setup_cfg([], opts=["LOSS.BINARYPAIRLOSS.WEIGHT", "2", "LOSS.SOFTMAXLOSS.WEIGHT", "3"])
    settings = run_settings(cfg, OwnLoss)
    assert settings["LOSS.BINARYPAIRLOSS.WEIGHT"] == 2.0
    assert settings["LOSS.SOFTMAXLOSS.WEIGHT"] == 3.0
    assert ignored_settings(cfg, OwnLoss) == []
    assert len(ignored_settings(cfg, IntCLIP)) == 2


def test_a_section_below_the_one_of_the_trainer_is_in_use(renamed, monkeypatch):
    monkeypatch.setattr(core.config, "_declared", dict(core.config.declared_keys()))
    core.config.declare(f"{SHARED}.PART", core.config.Key("SIZE", 1, "a nested option"))
    core.config.declare(f"{SHARED}2", core.config.Key("SIZE", 1, "an option of another trainer"))
    cfg = setup_cfg([], opts=[f"{SHARED}.PART.SIZE", "2", f"{SHARED}2.SIZE", "2"])
    assert run_settings(cfg, renamed)[f"{SHARED}.PART.SIZE"] == 2
    assert ignored_settings(cfg, renamed) == [f"{SHARED}2.SIZE"]


def test_a_method_without_training_reads_no_loss():
    cfg = setup_cfg([], opts=["LOSS.BINARYPAIRLOSS.WEIGHT", "2"])
    assert ignored_settings(cfg, ZeroshotCLIP) == ["LOSS.BINARYPAIRLOSS.WEIGHT"]


def test_a_checkpoint_holds_the_settings_of_its_run(finished, renamed):
    out, _ = finished
    saved = torch.load(out / "intclip" / "model.pth.tar-1", weights_only=True)["settings"]
    assert saved["TRAINER.NAME"] == "RenamedIntCLIP"
    assert saved[f"{SHARED}.LOGIT_SCALE"] == 20.0
    assert "TRAINER.DUALCOOP.LOGIT_SCALE" not in saved
    assert "OUTPUT_DIR" not in saved


def test_settings_under_earlier_names_are_compared_with_the_present_ones(renamed, tmp_path):
    now = run_settings(setup_cfg([], opts=["TRAINER.NAME", "RenamedIntCLIP"]), renamed)
    check_same_run({f"{SHARED}.ASL_GAMMA_NEG": 2.0}, now, tmp_path)
    with pytest.raises(UserError, match=r"GAMMA_NEG was 3\.0, is 2\.0"):
        check_same_run({f"{SHARED}.ASL_GAMMA_NEG": 3.0}, now, tmp_path)


def test_an_error_names_five_settings_and_counts_the_others(tmp_path):
    saved = {f"KEY{i}": 0 for i in range(7)}
    now = dict.fromkeys(saved, 1)
    with pytest.raises(UserError, match=r"KEY4 was 0, is 1 and 2 more; set another OUTPUT_DIR"):
        check_same_run(saved, now, tmp_path)
