"""The command line on drawn scenes: training, evaluation, resuming, determinism, errors."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import train
from core.errors import UserError

ROOT = Path(__file__).parents[2]
# A backbone with random weights.
OTHER = ["MODEL.BACKBONE.PATH", "", "MODEL.BACKBONE.ARCH", "configs/backbones/scenes_rn.json"]


def metrics(folder):
    return json.loads((Path(folder) / "metrics.json").read_text())


def checkpoint(folder, name="model.pth.tar-2"):
    return torch.load(Path(folder) / "intclip" / name, weights_only=True)


@pytest.fixture(scope="module")
def finished(scenes_root, tmp_path_factory):
    """Return the output folder of one finished run and its arguments."""
    from tests.conftest import FAST

    out = tmp_path_factory.mktemp("out") / "seed1"
    args = ["--root", str(scenes_root), "--seed", "1", "--trainer", "IntCLIP"]
    args += ["--dataset-config-file", "configs/datasets/scenes.yaml"]
    args += ["--config-file", "configs/trainers/IntCLIP/scenes.yaml"]
    train.main([*args, "--output-dir", str(out), *FAST])
    return out, args, FAST


def test_output_folder_and_log(finished):
    out, _, _ = finished
    for name in (
        "log.txt",
        "metrics.json",
        "per_class.csv",
        "tensorboard",
        "intclip/model-best.pth.tar",
    ):
        assert (out / name).exists(), name
    lines = (out / "log.txt").read_text().splitlines()
    assert {"Finish training", "Finished training", "=> result", "Setting fixed seed: 1"} <= set(
        lines
    )
    pattern = r"epoch \[1/2\] batch \[\d+/3\] time .* data .* loss [\d.]+ \([\d.]+\) "
    pattern += r"lr [\d.e+-]+ eta [\d:]+"
    assert any(re.fullmatch(pattern, line) for line in lines)
    after = lines[lines.index("Finish training") :]
    reported = [
        float(m[1]) for m in (re.search(r"\* mAP: ([\.\deE+-]+)%", line) for line in after) if m
    ][-1]
    assert reported == pytest.approx(metrics(out)["test"]["mAP"], abs=0.005)
    assert metrics(out)["test"]["threshold"] == metrics(out)["val"]["threshold"]


def test_same_command_twice_gives_the_same_numbers(finished, tmp_path):
    out, args, fast = finished
    train.main([*args, "--output-dir", str(tmp_path), *fast])
    assert (tmp_path / "metrics.json").read_bytes() == (out / "metrics.json").read_bytes()


def test_only_learnable_parameters_are_saved_and_optimised(finished):
    state = checkpoint(finished[0])
    assert all(
        key.startswith(("text.prompts.", "encoder.semantic.", "aggregation."))
        for key in state["state_dict"]
    )
    assert len(state["optimizer"]["state"]) == len(state["state_dict"])
    assert [group["name"] for group in state["optimizer"]["param_groups"]] == [
        "prompts",
        "semantic",
        "aggregation",
    ]


def test_resume_gives_the_numbers_of_an_uninterrupted_run(finished, tmp_path, monkeypatch):
    out, args, fast = finished
    from engine.trainer import MultiLabelTrainer

    after_epoch = MultiLabelTrainer.after_epoch

    def stop(self):
        after_epoch(self)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(MultiLabelTrainer, "after_epoch", stop)
        train.main([*args, "--output-dir", str(tmp_path), *fast])
    assert not (tmp_path / "metrics.json").exists()
    train.main([*args, "--output-dir", str(tmp_path), *fast])
    assert metrics(tmp_path) == metrics(out)
    for key, value in checkpoint(out)["state_dict"].items():
        assert torch.equal(value, checkpoint(tmp_path)["state_dict"][key]), key


def test_eval_only_reproduces_the_result(finished, tmp_path):
    out, args, fast = finished
    command = [*args, "--output-dir", str(tmp_path), "--eval-only", "--model-dir", str(out)]
    train.main([*command, *fast])
    assert metrics(tmp_path) == metrics(out)
    train.main([*command, "--load-epoch", "2", *fast])
    assert metrics(tmp_path)["model"] == "epoch 2"


def test_another_setting_in_the_same_folder_is_refused(finished):
    out, args, fast = finished
    with pytest.raises(UserError, match=r"OPTIM\.LR was 0\.003, is 0\.5"):
        train.main([*args, "--output-dir", str(out), *fast, "OPTIM.LR", "0.5"])


def test_a_checkpoint_without_all_that_resuming_needs_is_refused(finished, tmp_path):
    out, args, fast = finished
    (tmp_path / "intclip").mkdir()
    state = {key: value for key, value in checkpoint(out).items() if key != "random_states"}
    torch.save(state, tmp_path / "intclip" / "model.pth.tar-2")
    (tmp_path / "intclip" / "checkpoint").write_text("model.pth.tar-2\n")
    with pytest.raises(UserError, match="not resumed: it lacks random_states"):
        train.main([*args, "--output-dir", str(tmp_path), *fast])
    evaluate = ["--eval-only", "--model-dir", str(tmp_path), "--load-epoch", "2"]
    del state["source_digest"]  # an earlier version had another one, of another name
    torch.save({**state, "frozen_digest": "other"}, tmp_path / "intclip" / "model.pth.tar-2")
    train.main([*args, "--output-dir", str(tmp_path / "evaluated"), *evaluate, *fast])
    assert metrics(tmp_path / "evaluated")["test"].keys() == metrics(out)["test"].keys()


def test_resuming_into_another_folder_copies_the_best_epoch(finished, tmp_path):
    out, args, fast = finished
    train.main([*args, "--output-dir", str(tmp_path / "done"), "--resume", str(out), *fast])
    assert metrics(tmp_path / "done") == metrics(out)
    half = tmp_path / "half"
    shutil.copytree(out / "intclip", half / "intclip")
    state = checkpoint(out)
    torch.save({**state, "epoch": 1, "best_result": 1e9}, half / "intclip" / "model.pth.tar-2")
    train.main([*args, "--output-dir", str(tmp_path / "more"), "--resume", str(half), *fast])
    assert metrics(tmp_path / "more") == metrics(out)  # no later epoch was better
    (half / "intclip" / "model-best.pth.tar").unlink()
    with pytest.raises(UserError, match=r"has no model-best\.pth\.tar"):
        train.main([*args, "--output-dir", str(tmp_path / "lost"), "--resume", str(half), *fast])


def test_another_backbone_is_refused(finished, tmp_path):
    out, args, fast = finished
    command = [*args, "--output-dir", str(tmp_path), "--eval-only", "--model-dir", str(out)]
    with pytest.raises(UserError, match="other frozen weights"):
        train.main([*command, *fast, *OTHER])


def test_other_words_of_the_classes_are_refused(finished, tmp_path):
    _, args, fast = finished
    tree = tmp_path / "tree.yaml"
    tree.write_text((ROOT / "datasets/hierarchies/scenes.yaml").read_text())
    command = [*args, "--output-dir", str(tmp_path / "out"), *fast, "DATASET.HIERARCHY", str(tree)]
    train.main([*command, "OPTIM.MAX_EPOCH", "1"])
    words = tree.read_text()
    assert "peace" in words
    tree.write_text(words.replace("peace", "calm"))
    with pytest.raises(UserError, match="other frozen weights or classes"):
        train.main([*command, "OPTIM.MAX_EPOCH", "1"])


@pytest.mark.parametrize(
    "opts",
    [
        ("TRAINER.INTCLIP.AGGREGATION", "mean"),
        ("TRAINER.INTCLIP.AGGREGATION", "sight"),
        ("TRAINER.INTCLIP.AGGREGATION", "semantic"),
        ("TRAINER.INTCLIP.ATTENTION_FROM", "cross", "TRAINER.INTCLIP.CSC", "False"),
        ("TRAINER.INTCLIP.CLASS_TEXT", "path", "TRAINER.INTCLIP.PREC", "bf16"),
        (
            "TRAINER.INTCLIP.CLASS_TEXT",
            "name",
            "TRAINER.INTCLIP.POSITIVE_PROMPT_INIT",
            "a photo of",
        ),
        (
            "DATASET.LABEL_POLICY",
            "soft",
            "OPTIM.CLIP_GRAD_NORM",
            "1.0",
            "TRAINER.INTCLIP.LOSS",
            "BinaryPairLoss",
        ),
        ("TEST.FINAL_MODEL", "last_step", "OPTIM.NAME", "sgd", "DATASET.LABEL_POLICY", "majority"),
        (
            "INPUT.SIZE",
            "(96, 64)",
            "INPUT.TRANSFORMS",
            "('randaugment', 'cutout', 'random_flip', 'normalize')",
        ),
    ],
)
def test_every_switch_trains(train_args, tmp_path, opts):
    train.main(train_args(tmp_path, "OPTIM.MAX_EPOCH", "1", *opts))
    assert 0 < metrics(tmp_path)["test"]["mAP"] <= 100


def _run(args, env=None):
    command = [sys.executable, "train.py", *args]
    return subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, **(env or {})},
        timeout=120,
    )


def _broken_image(root, tmp_path):
    copy = tmp_path / "broken"
    shutil.copytree(root, copy)
    victim = sorted((copy / "low").iterdir())[0]
    victim.write_bytes(victim.read_bytes()[:200])
    return copy, victim


def test_mistakes_end_in_one_line_and_status_2(
    train_args, scenes_root, tmp_path, monkeypatch, capsys
):
    broken, victim = _broken_image(scenes_root, tmp_path)
    missing = tmp_path / "missing"
    (missing / "annotations").mkdir(parents=True)
    garbage = tmp_path / "clip.pt"
    garbage.write_bytes(b"garbage")
    cases = {
        "OPTIM.LR": ["OPTIM.LRR", "1"],
        "Did you mean 'IntCLIP'": ["TRAINER.NAME", "IntCLlP"],
        "intentonomy_train2020.json": ["DATASET.ROOT", missing],
        victim.name: ["DATASET.ROOT", broken],
        "clip.pt": ["MODEL.BACKBONE.PATH", garbage],
        "at least 1": ["OPTIM.MAX_EPOCH", "-3"],
        "INPUT.SIZE": ["INPUT.SIZE", "(1, 1)"],
    }
    for expected, opts in cases.items():
        monkeypatch.setattr(sys, "argv", ["train.py", *train_args(tmp_path / "out", *opts)])
        assert train.run() == 2, expected
        said = capsys.readouterr().err.splitlines()
        assert said[-1].startswith("error: ") or said[0].startswith("error: "), said
        assert any(expected in line for line in said), (expected, said)


def test_a_forced_base_that_is_not_there_is_one_line(train_args, tmp_path):
    result = _run(["--base", "neither", *train_args(tmp_path)])
    assert result.returncode == 2
    assert "builtin" in result.stderr


def test_dassl_as_base_gives_the_same_numbers(finished, tmp_path):
    pytest.importorskip("dassl.engine", reason="Dassl is not installed")
    out, args, fast = finished
    result = _run(["--base", "dassl", *args, "--output-dir", str(tmp_path), *fast])
    assert result.returncode == 0, result.stderr[-800:]
    assert "Trainer base: Dassl" in result.stdout
    assert metrics(tmp_path) == metrics(out)
