"""Start of a run: trainers that lack a method, log lines, files of several processes."""

import json
import sys

import pytest

import train
from core.errors import UserError
from engine.base_choice import TRAINER_REGISTRY
from engine.runner import MultiLabelRunner
from engine.trainer import MultiLabelTrainer
from tests.conftest import NO_EXTRAS
from tests.launch import ROOT, torchrun

INCOMPLETE = """
from engine.base_choice import TRAINER_REGISTRY
from engine.runner import MultiLabelRunner
from engine.trainer import MultiLabelTrainer
from trainers.base import ClipTrainer


@TRAINER_REGISTRY.register()
class NoNetwork(ClipTrainer):
    section = "TRAINER.INTCLIP"


@TRAINER_REGISTRY.register()
class NoLoss(MultiLabelTrainer):
    section = "TRAINER.INTCLIP"

    def build_network(self):
        raise AssertionError("never reached")

    def image_statistics(self):
        raise AssertionError("never reached")


@TRAINER_REGISTRY.register()
class Nothing(MultiLabelRunner):
    section = "TRAINER.INTCLIP"
"""
NAMES = ("NoNetwork", "NoLoss", "Nothing")


@pytest.fixture
def incomplete(tmp_path):
    """Return the path of a module with trainers that lack a method."""
    path = tmp_path / "incomplete_trainers.py"
    path.write_text(INCOMPLETE)
    yield str(path)
    # The registry is global, and other tests list its names.
    for name in NAMES:
        TRAINER_REGISTRY._obj_map.pop(name, None)


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("NoNetwork", "build_network"),
        ("NoLoss", "build_loss"),
        ("Nothing", "build_network, image_statistics"),
    ],
)
def test_a_trainer_that_lacks_a_method_ends_in_one_line(
    incomplete, train_args, tmp_path, monkeypatch, name, missing
):
    monkeypatch.delitem(sys.modules, "incomplete_trainers", raising=False)
    args = train_args(tmp_path / "out", "TRAINER.NAME", name, "IMPORTS", f"('{incomplete}',)")
    message = rf"the trainer {name} \(incomplete_trainers\) does not define {missing};"
    with pytest.raises(UserError, match=message) as caught:
        train.main(args)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_class_that_lacks_a_method_cannot_be_built():
    assert MultiLabelRunner.__abstractmethods__ == {"build_network", "image_statistics"}
    expected = {"build_network", "image_statistics", "build_loss"}
    assert MultiLabelTrainer.__abstractmethods__ == expected
    with pytest.raises(TypeError, match="abstract"):
        MultiLabelTrainer(None)


@pytest.mark.parametrize("verbose", [True, False])
def test_verbose_false_leaves_out_arguments_and_configuration(train_args, tmp_path, verbose):
    # Flags come before KEY VALUE pairs, which train_args ends with.
    train.main(["--no-train", *train_args(tmp_path, "VERBOSE", verbose)])
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert ("** Arguments **" in lines) == verbose
    assert ("** Config **" in lines) == verbose
    assert "** System info **" in lines
    assert "Setting fixed seed: 1" in lines


def test_the_fitted_decision_rule_is_logged(scenes_root, tmp_path):
    train.main(_zero_shot(scenes_root, tmp_path))
    log = (tmp_path / "log.txt").read_text()
    threshold = json.loads((tmp_path / "metrics.json").read_text())["val"]["threshold"]
    # Once: it is fitted on val and only applied to test.
    assert log.count(f"Decision rule: score > {threshold:g} for all classes") == 1
    assert log.count("Decision rule: ") == 1


@pytest.mark.slow
def test_a_method_without_training_writes_its_files_once_on_two_processes(scenes_root, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    train.main(_zero_shot(scenes_root, one))
    result = torchrun("train.py", *_zero_shot(scenes_root, two), cwd=ROOT)
    assert result.returncode == 0, result.stderr[-3000:]
    assert len(list((two / "tensorboard").iterdir())) == 1
    names = {path.name for path in two.iterdir()}
    assert names == {path.name for path in one.iterdir()}
    assert (two / "log.txt").read_text().count("Finished training") == 1
    expected, metrics = (json.loads((out / "metrics.json").read_text()) for out in (one, two))
    assert metrics["test"] == pytest.approx(expected["test"], abs=1e-3)


def _zero_shot(root, out):
    args = ["--root", str(root), "--seed", "1", "--trainer", "ZeroshotCLIP"]
    args += ["--dataset-config-file", "configs/datasets/scenes.yaml"]
    args += ["--config-file", "configs/trainers/ZeroshotCLIP/scenes.yaml"]
    return [
        *args,
        "--output-dir",
        str(out),
        "INPUT.SIZE",
        "(64, 64)",
        "TRAIN.TIMEOUT",
        "30",
        *NO_EXTRAS,
    ]
