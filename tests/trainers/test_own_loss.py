"""A loss of a user's own: its state in checkpoints, changes of its code, mistakes in one line."""

import sys

import pytest
import torch

import core.config
import train
from core.errors import UserError
from core.logging import close_logging, get_logger
from engine.checkpoint import load_checkpoint
from engine.first_loss import first_loss
from engine.loop import TrainingStep
from engine.loss_state import load_loss, loss_state
from inference.open_run import open_run
from losses import LOSS_REGISTRY
from tests.conftest import NO_EXTRAS
from tests.trainers.one_line import error_of

# The number of steps so far is a factor of the loss: state that changes the weights.
LOSS = """
import torch
from torch import nn

from losses import LOSS_REGISTRY


@LOSS_REGISTRY.register()
class OwnLoss(nn.Module):
    takes_pairs = False
    reduction = "mean"

    def __init__(self):
        super().__init__()
        self.register_buffer("num_steps", torch.zeros(()))

    def forward(self, logits, target):
        self.num_steps += 1
        loss = nn.functional.binary_cross_entropy_with_logits(logits, target)
        return loss * self.num_steps
"""


@pytest.fixture
def run(scenes_root, tmp_path, monkeypatch):
    """Return a function: source of a loss, output folder and options to the folder of its run."""
    monkeypatch.setattr(core.config, "_declared", dict(core.config.declared_keys()))
    monkeypatch.setattr(LOSS_REGISTRY, "_obj_map", dict(LOSS_REGISTRY._obj_map))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def go(source, name="out", *options, flags=()):
        forget()
        file = tmp_path / "own_loss.py"
        file.write_text(source)
        out = tmp_path / name
        train.main(
            [
                *("--root", str(scenes_root), "--seed", "1", "--trainer", "LinearProbe"),
                *("--dataset-config-file", "configs/datasets/scenes.yaml"),
                *("--config-file", "configs/trainers/LinearProbe/scenes.yaml"),
                *("--output-dir", str(out), "--max-epochs", "2", "--input-size", "64"),
                *flags,
                *("IMPORTS", str(file), "TRAINER.LINEARPROBE.LOSS", "OwnLoss", *NO_EXTRAS),
                *options,
            ]
        )
        return out

    def forget():
        sys.modules.pop("own_loss", None)
        LOSS_REGISTRY._obj_map.pop("OwnLoss", None)

    yield go
    forget()


def last(folder):
    return load_checkpoint(folder / "linearprobe" / "model.pth.tar-2")


def halve(folder):
    """Make the folder that of a run which was interrupted after the first epoch."""
    checkpoints = folder / "linearprobe"
    (checkpoints / "model.pth.tar-2").unlink()
    (checkpoints / "checkpoint").write_text("model.pth.tar-1\n")


def warnings_of(folder):
    """Return the lines about changed code in all logs of a folder."""
    lines = []
    for file in sorted(folder.glob("log.txt*")):
        lines += [line for line in file.read_text().splitlines() if "has changed" in line]
    return lines


def test_a_resumed_run_continues_with_the_buffers_of_the_loss(run):
    whole = run(LOSS, "whole")
    halved = run(LOSS, "halved", "TRAIN.CHECKPOINT_FREQ", "1")
    halve(halved)
    run(LOSS, "halved", "TRAIN.CHECKPOINT_FREQ", "1")
    assert last(whole)["loss"]["num_steps"] == last(halved)["loss"]["num_steps"] > 0
    for name, value in last(whole)["state_dict"].items():
        torch.testing.assert_close(last(halved)["state_dict"][name], value, rtol=0, atol=0)


def test_a_checkpoint_of_an_earlier_version_without_a_state_of_the_loss_resumes(run):
    folder = run(LOSS, "out", "TRAIN.CHECKPOINT_FREQ", "1")
    halve(folder)
    file = folder / "linearprobe" / "model.pth.tar-1"
    state = load_checkpoint(file)
    del state["loss"], state["imports"]
    torch.save(state, file)
    run(LOSS)
    assert last(folder)["epoch"] == 2
    assert warnings_of(folder) == []


def test_a_state_that_does_not_fit_the_loss_is_one_line(run):
    halve(run(LOSS, "out", "TRAIN.CHECKPOINT_FREQ", "1"))
    error = error_of(run, LOSS.replace('"num_steps"', '"steps"').replace(".num_steps", ".steps"))
    assert "has another state of the loss than OwnLoss: num_steps, steps" in error


def test_weights_that_the_loss_shares_with_the_network_are_not_stored_twice():
    network = torch.nn.Linear(2, 2)
    loss = torch.nn.Module()
    loss.network = network
    loss.register_buffer("count", torch.ones(()))
    state = {name: value.clone() for name, value in loss_state(loss, network).items()}
    assert list(state) == ["count"]
    loss.count.zero_()
    load_loss(loss, network, state, "checkpoint")
    assert loss.count == 1


def test_a_learnable_parameter_of_the_loss_that_nothing_trains_is_one_line(run):
    learnable = LOSS.replace(
        "        self.reg", "        self.weight = nn.Parameter(torch.ones(3))\n        self.reg"
    )
    error = error_of(run, learnable)
    assert "the optimiser does not train these parameters of the loss OwnLoss" in error
    assert "weight" in error and "parameter_groups()" in error


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("loss * torch.ones(3)", "the loss OwnLoss returned (3,); expected a scalar tensor"),
        ("loss.item()", "the loss OwnLoss returned float; expected a scalar tensor"),
        ("loss.detach()", "the loss OwnLoss does not depend on the learnable parameters"),
    ],
)
def test_a_loss_that_cannot_train_is_one_line(run, result, message):
    assert message in error_of(run, LOSS.replace("loss * self.num_steps", result))


@pytest.mark.parametrize("takes_pairs", [True, False, None])
def test_an_output_that_the_loss_cannot_take_is_one_line(takes_pairs):
    class Pairs(torch.nn.Module):
        def forward(self, logits, target):
            return (logits[:, 1] - target).sum()

    if takes_pairs is not None:
        Pairs.takes_pairs = takes_pairs
    label = torch.zeros(4, 3)
    with pytest.raises(UserError) as caught:
        first_loss(Pairs(), torch.zeros(4, 5, requires_grad=True), label)
    expected = {True: "(4, 2, 3)", False: "(4, 3)", None: "(4, 3) or (4, 2, 3)"}[takes_pairs]
    assert "fails on the output (4, 5)" in str(caught.value)
    assert f"expected for labels (4, 3): {expected} (" in str(caught.value)
    fitting = torch.zeros(4, 2, 3, requires_grad=True)
    assert first_loss(Pairs(), fitting, label) == 0


def test_an_error_of_the_loss_on_a_fitting_output_keeps_its_traceback():
    class Fails(torch.nn.Module):
        def forward(self, logits, target):
            raise RuntimeError("a mistake in its own code")

    with pytest.raises(RuntimeError, match="a mistake in its own code"):
        first_loss(Fails(), torch.zeros(4, 3, requires_grad=True), torch.zeros(4, 3))


def test_only_the_first_loss_of_a_run_is_checked(monkeypatch):
    calls = []
    monkeypatch.setattr("engine.loop.first_loss", lambda *args: calls.append(args))
    step = TrainingStep(None, None, lambda *args: "loss", None, None)
    assert step.loss_of("logits", "label") is None
    assert step.loss_of("logits", "label") == "loss"
    assert len(calls) == 1


def test_changed_code_of_the_loss_is_one_warning_before_the_results_are_replaced(run):
    folder = run(LOSS)
    assert warnings_of(folder) == []
    trained = last(folder)["imports"]
    before = (folder / "metrics.json").stat().st_mtime_ns
    run(LOSS + "# a comment\n")
    assert before < (folder / "metrics.json").stat().st_mtime_ns
    checkpoint = folder / "linearprobe" / "model.pth.tar-2"
    expected = (
        f"IMPORTS: the code of 'own_loss' has changed since {checkpoint} was trained; "
        "the numbers can differ"
    )
    assert warnings_of(folder) == [expected]
    newest = sorted(folder.glob("log.txt?*"))[-1].read_text()
    assert newest.index(expected) < newest.index("=> result")
    assert last(folder)["imports"] == trained


def test_evaluation_and_prediction_of_a_run_warn_of_changed_code(run, tmp_path, caplog):
    folder = run(LOSS)
    changed = LOSS + "# a comment\n"
    evaluated = run(changed, "evaluated", flags=("--eval-only", "--model-dir", str(folder)))
    assert len(warnings_of(evaluated)) == 1
    close_logging()
    get_logger().propagate = True
    open_run(folder)
    lines = [record.message for record in caplog.records if "has changed" in record.message]
    assert len(lines) == 1 and "'own_loss'" in lines[0]
