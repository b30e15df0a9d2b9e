"""The run card: command, source code, data, backbone, and the training of evaluated weights."""

import json
import shlex
import sys

import numpy as np
import pytest
import torch

import engine.environment as environment
import engine.run_card as run_card
from core.config_merge import setup_cfg
from core.errors import UserError
from datasets import IntentDataset, Record, build_annotations
from engine.environment import command_line, describe_code, describe_command, digest_sources
from engine.run_card import (
    describe_data,
    finish_card,
    finish_predictions_card,
    read_card,
    start_card,
)
from evaluation import write_metrics

CPU = torch.device("cpu")


@pytest.fixture
def cfg(scenes_root):
    """Return the configuration of the scenes."""
    opts = ["DATASET.ROOT", str(scenes_root), "SEED", "3"]
    return setup_cfg(["configs/datasets/scenes.yaml"], opts=opts)


def finish(card, *, argv=None, costs=None, trained_in=""):
    return finish_card(
        card,
        argv=argv,
        weights="epoch 2",
        metrics={"test": {"mean": 2.0, "mAP": 1.5, "another": 3.0}},
        data={},
        backbone={},
        costs=costs or {},
        trained_in=trained_in,
    )


# Command


def test_the_command_line_starts_the_same_words_in_a_shell():
    words = [
        "python",
        "train.py",
        "--root",
        "my data",
        "KEY",
        "('layer4',)",
        "X",
        "a'b\"c",
        "$HOME",
    ]
    line = command_line(words, {"OMP_NUM_THREADS": "2"}, {})
    assert shlex.split(line) == ["OMP_NUM_THREADS=2", *words]


def test_several_processes_are_started_with_torchrun_again():
    place = {"RANK": "3", "WORLD_SIZE": "8", "LOCAL_RANK": "3", "LOCAL_WORLD_SIZE": "4"}
    environ = {**place, "MASTER_ADDR": "a", "MASTER_PORT": "1"}
    line = command_line(["python", "train.py", "--seed", "1"], {}, environ)
    assert line == "torchrun --nproc-per-node 4 --nnodes 2 train.py --seed 1"


def test_the_command_is_that_of_the_process_unless_arguments_are_given(monkeypatch):
    started = ["/usr/bin/python3", "-u", "-m", "tools.evaluate_predictions", "scores.csv"]
    monkeypatch.setattr(sys, "orig_argv", started)
    of_process = describe_command()["argv"]
    assert of_process == ["python", "-m", "tools.evaluate_predictions", "scores.csv"]
    assert describe_command(["--seed", "1"])["argv"] == ["python", "train.py", "--seed", "1"]


def test_the_working_folder_is_relative_to_the_project(monkeypatch, tmp_path):
    monkeypatch.chdir(environment.PROJECT)
    assert describe_command()["folder"] == "."
    monkeypatch.chdir(tmp_path)
    folder = describe_command()["folder"]
    assert (environment.PROJECT / folder).resolve() == tmp_path.resolve()


# Source code


def test_the_digest_of_the_source_follows_its_content_and_not_other_files(tmp_path):
    (tmp_path / "core").mkdir()
    file = tmp_path / "core" / "a.py"
    file.write_bytes(b"x = 1\n")
    before = digest_sources(tmp_path)
    (tmp_path / "core" / "a.pyc").write_bytes(b"compiled")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_bytes(b"")
    file.write_bytes(b"x = 1\r\n")
    assert digest_sources(tmp_path) == before
    file.write_bytes(b"x = 2\n")
    assert digest_sources(tmp_path) != before


def test_a_copy_without_git_has_a_digest_and_no_commit(monkeypatch):
    monkeypatch.setattr(environment, "_git", lambda *arguments: "")
    code = describe_code()
    assert code["commit"] is None and code["dirty"] is None
    assert len(code["digest"]) == 64


def test_a_changed_file_makes_the_state_dirty(monkeypatch):
    answers = {"ls-files": "core/files.py\n", "rev-parse": "abc\n", "status": " M core/cli.py\n"}
    monkeypatch.setattr(environment, "_git", lambda *arguments: answers[arguments[0]])
    code = describe_code()
    assert (code["commit"], code["dirty"], code["changed"]) == ("abc", True, ["core/cli.py"])


def test_a_module_of_the_users_own_has_a_digest(tmp_path, monkeypatch):
    file = tmp_path / "own_module_of_card.py"
    file.write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("own_module_of_card")
    digests = describe_code(["own_module_of_card.py", "never_imported"])["imports"]
    assert list(digests) == ["own_module_of_card.py"]
    del sys.modules["own_module_of_card"]


# Card


def test_a_card_is_json_and_comes_back_the_same(cfg, tmp_path):
    card = finish(start_card(cfg))
    write_metrics(tmp_path / "run.json", card)
    assert read_card(tmp_path) == card
    assert card["seed"] == 3
    assert card["config"]["DATASET"]["NAME"] == cfg.DATASET.NAME
    assert card["end"] >= card["start"] and card["seconds"] >= 0
    assert card["result"] == {"model": "epoch 2", "test": {"mean": 2.0, "mAP": 1.5}}


def test_given_arguments_replace_the_command_of_the_process(cfg):
    card = finish(start_card(cfg), argv=["--seed", "3"])
    assert card["command"].endswith("python train.py --seed 3")


def test_finishing_does_not_change_the_started_card(cfg):
    started = start_card(cfg)
    before = json.dumps(started)
    finish(started, argv=["--seed", "3"])
    assert json.dumps(started) == before


def test_an_evaluation_keeps_time_and_command_of_the_training(cfg, tmp_path):
    trained = finish(
        start_card(cfg),
        argv=["--seed", "3"],
        costs={"training_seconds": 7.0, "training_epochs": 2, "latency_ms": 1.0},
    )
    write_metrics(tmp_path / "run.json", trained)
    for _ in range(2):  # the second one evaluates in the folder where the first one has written
        card = finish(start_card(cfg), trained_in=tmp_path, costs={"latency_ms": 2.0})
        assert card["costs"] == {"latency_ms": 2.0, "training_seconds": 7.0, "training_epochs": 2}
        assert card["trained_by"]["command"] == trained["command"]
        assert card["command"] != trained["command"]
        write_metrics(tmp_path / "run.json", card)


def test_weights_of_a_folder_without_a_card_have_no_training_time(cfg, tmp_path):
    card = finish(start_card(cfg), trained_in=tmp_path)
    assert card["costs"] == {}
    assert "trained_by" not in card


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "has no run.json; expected the output folder of a finished run"),
        ("{", "is not valid JSON"),
        ("[]", "holds no JSON object"),
        ("[" * 100_000, "is nested too deeply"),
        ('{"command": "python"}', "is not a run card"),
    ],
)
def test_a_folder_without_a_card_is_one_line(tmp_path, content, message):
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(UserError, match=message) as caught:
        read_card(tmp_path)
    assert "\n" not in str(caught.value)


def test_predictions_have_a_card_with_their_file(cfg, tmp_path):
    file = tmp_path / "scores.csv"
    file.write_text("image,calm\n")
    dataset = build_annotations(cfg, ("test",))
    metrics = {"test": {"mAP": 40.0}}
    card = finish_predictions_card(
        start_card(cfg, kind="predictions"),
        dataset,
        root=cfg.DATASET.ROOT,
        files={"test": file},
        metrics=metrics,
        title="a model",
    )
    assert card["kind"] == "predictions"
    assert card["predictions"]["test"]["bytes"] == 11
    assert len(card["predictions"]["test"]["sha256"]) == 64
    assert card["data"]["test"]["images"] == 24
    assert "file_sizes" not in card["data"]["test"]
    assert card["seconds"] >= 0 and card["end"] >= card["start"]
    assert card["result"]["model"] == "a model"
    json.dumps(card, allow_nan=False)


# Data


def dataset_of(cfg, root, label=1.0, names=("a.jpg", "b.jpg")):
    records = []
    for name in names:
        records.append(Record(str(root / name), np.array([label, 0], dtype=np.float32)))
    splits = {"train_x": records, "val": records, "test": records}
    return IntentDataset(cfg, classnames=["calm", "joy"], **splits)


def test_the_fingerprint_of_data_follows_labels_names_and_file_sizes(tmp_path):
    cfg = setup_cfg([], opts=["DATASET.NAME", "Own"])
    (tmp_path / "a.jpg").write_bytes(b"12")
    before = describe_data(dataset_of(cfg, tmp_path), tmp_path)
    assert describe_data(dataset_of(cfg, tmp_path), tmp_path) == before
    changed = describe_data(dataset_of(cfg, tmp_path, label=0.0), tmp_path)
    assert changed["test"]["labels"] != before["test"]["labels"]
    assert changed["test"]["names"] == before["test"]["names"]
    changed = describe_data(dataset_of(cfg, tmp_path, names=("b.jpg", "a.jpg")), tmp_path)
    assert changed["test"]["names"] != before["test"]["names"]
    (tmp_path / "a.jpg").write_bytes(b"123")
    changed = describe_data(dataset_of(cfg, tmp_path), tmp_path)
    assert changed["test"]["file_sizes"] != before["test"]["file_sizes"]
    assert changed["test"]["labels"] == before["test"]["labels"]


def test_the_fingerprint_does_not_depend_on_the_place_of_the_data(tmp_path):
    cfg = setup_cfg([], opts=["DATASET.NAME", "Own"])
    here, there = tmp_path / "here", tmp_path / "there"
    prints = [describe_data(dataset_of(cfg, root), root) for root in (here, there)]
    assert prints[0] == prints[1]


def test_the_backbone_names_its_file_and_digest(tmp_path):
    weights = tmp_path / "clip.pt"
    weights.write_bytes(b"weights")
    cfg = setup_cfg([], opts=["MODEL.BACKBONE.PATH", str(weights)])
    backbone = run_card.describe_backbone(cfg, "abc")
    assert backbone["frozen"] == "abc"
    assert backbone["path"]["bytes"] == 7
    weights.unlink()
    assert run_card.describe_backbone(cfg, "abc")["path"] == {"file": str(weights)}
