"""The launcher of folds: what it runs, skips, averages and refuses; one real run."""

import json
import math
import statistics
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from core.cli import parse_args
from core.config_merge import setup_from_args
from core.files import PROJECT
from tests.conftest import NO_EXTRAS
from tools import run_folds

ARGUMENTS = ["--root", "data", "--seed", "3", "DATASET.NAME", "Artphoto", "DATASET.NUM_FOLDS", "3"]


class FakeTraining:
    """Stands for ``subprocess.run``: writes results, or ends with the given exit status."""

    def __init__(self, statuses=(0, 0, 0), *, same_images=False, values=(60.0, 70.0, 95.0)):
        self.statuses, self.same_images, self.values = (
            dict(enumerate(statuses)),
            same_images,
            values,
        )
        self.started = []

    def __call__(self, words):
        args = parse_args(words[2:])
        cfg = setup_from_args(args)
        fold = cfg.DATASET.FOLD
        self.started.append(fold)
        status = self.statuses[fold]
        if not status:
            folder = Path(cfg.OUTPUT_DIR)
            folder.mkdir(parents=True, exist_ok=True)
            test = {"accuracy": self.values[fold], "undefined": None}
            content = {"model": "best", "val": {"accuracy": 50.0}, "test": test}
            (folder / "metrics.json").write_text(json.dumps(content))
            card = dict.fromkeys(("command", "config", "code", "versions", "hardware", "start"), "")
            card["data"] = {"test": {"names": "" if self.same_images else str(fold)}}
            (folder / "run.json").write_text(json.dumps(card))
        return subprocess.CompletedProcess(words, status)


@pytest.fixture
def launch(monkeypatch, tmp_path):
    """Return a function: fake training and arguments to the exit status."""

    def start(training, *arguments):
        monkeypatch.setattr(run_folds.subprocess, "run", training)
        return run_folds.main(["--output-dir", str(tmp_path / "out"), *ARGUMENTS, *arguments])

    return start


def test_every_fold_runs_once_and_the_average_is_of_all(launch, tmp_path, capsys):
    training = FakeTraining()
    assert launch(training) == 0
    assert training.started == [0, 1, 2]
    out = tmp_path / "out"
    folders = sorted(path.parent.relative_to(out).as_posix() for path in out.rglob("metrics.json"))
    assert folders == ["fold1/seed3", "fold2/seed3", "fold3/seed3"]
    summary = json.loads((out / "folds.json").read_text())["seed3"]
    assert summary["average"]["test"]["accuracy"] == {
        "mean": 75.0, "std": pytest.approx(statistics.stdev([60, 70, 95]))
    }  # fmt: skip
    assert summary["average"]["test"]["undefined"] == {"mean": None, "std": None}
    assert [fold["test"]["accuracy"] for fold in summary["folds"]] == [60.0, 70.0, 95.0]
    printed = capsys.readouterr().out
    assert "75.00" in printed and "18.03" in printed
    assert "share training images" in printed.splitlines()[-1]


def test_finished_folds_are_skipped_and_another_seed_is_added(launch, tmp_path, capsys):
    launch(FakeTraining())
    (tmp_path / "out/fold2/seed3/metrics.json").unlink()
    training = FakeTraining()
    assert launch(training) == 0 and training.started == [1]
    skipped = f"The results exist at {tmp_path / 'out/fold1/seed3'} (so skip this job)"
    assert skipped in capsys.readouterr().out
    training = FakeTraining(values=(1.0, 2.0, 3.0))
    assert launch(training, "SEED", "4") == 0 and training.started == [0, 1, 2]
    summary = json.loads((tmp_path / "out/folds.json").read_text())
    means = {seed: summary[seed]["average"]["test"]["accuracy"]["mean"] for seed in summary}
    assert means == {"seed3": 75.0, "seed4": 2.0}


def test_a_failed_fold_is_status_1_and_no_average(launch, tmp_path, capsys):
    training = FakeTraining((0, 1, 0))
    assert launch(training) == 1
    assert training.started == [0, 1, 2]
    error = capsys.readouterr().err
    assert "1 folds failed" in error and "fold 2 (" in error and "exit status 1" in error
    assert not (tmp_path / "out/folds.json").exists()


def test_a_mistake_of_the_user_ends_the_loop(launch):
    training = FakeTraining((2, 0, 0))
    assert launch(training) == 1 and training.started == [0]


def test_an_interruption_ends_the_loop(launch, capsys):
    training = FakeTraining((0, 130, 0))
    assert launch(training) == 130 and training.started == [0, 1]
    assert "run the same command again" in capsys.readouterr().err


def test_a_data_set_with_a_split_of_its_own_is_refused(launch, capsys):
    training = FakeTraining(same_images=True)
    assert launch(training) == 2 and training.started == [0, 1]
    assert "folds 1 and 2 have the same test images" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["DATASET.FOLD", "1"], "DATASET.FOLD is set for each fold"),
        (["SEED", "-1"], "SEED is -1; give --seed N"),
        (["RESUME", "elsewhere"], "each fold resumes in its own folder"),
        (["TEST.NO_TEST", "True"], "nothing to average"),
        (["DATASET.NUM_FOLD", "3"], "Did you mean 'DATASET.NUM_FOLDS'"),
    ],
)
def test_mistakes_are_one_line_before_any_fold_starts(launch, capsys, arguments, expected):
    training = FakeTraining()
    assert launch(training, *arguments) == 2 and not training.started
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line


def test_flags_of_other_modes_and_unknown_flags_are_refused(tmp_path, capsys):
    for flag, expected in (
        ("--eval-only", "do not go with folds"),
        ("--dry-run", "do not go with folds; use train.py, with DATASET.FOLD 0"),
        ("--print-config", "do not go with folds"),
        ("--sed", "'--seed'"),
    ):
        assert run_folds.main(["--output-dir", str(tmp_path), flag]) == 2
        assert expected in capsys.readouterr().err


def test_a_metric_of_some_folds_is_left_out():
    results = [{"test": {"a": 1.0, "b": math.nan}}, {"test": {"b": 2.0}}]
    average = run_folds.average(results)
    assert list(average["test"]) == ["b"] and math.isnan(average["test"]["b"]["mean"])


def write_photos(root: Path) -> None:
    for c, prefix in enumerate(("amusement", "anger", "awe", "fear", "sad")):
        for i in range(3):
            color = (50 * c, 80 * i, 200 - 40 * c)
            Image.new("RGB", (64, 64), color).save(root / f"{prefix}_{i:04d}.jpg")


@pytest.mark.slow
def test_folds_of_artphoto_train_and_resume(tmp_path, capfd):
    write_photos(tmp_path)
    out = tmp_path / "out"
    arguments = [
        "--output-dir", str(out), "--root", str(tmp_path), "--seed", "1",
        "--dataset-config-file", "configs/datasets/artphoto.yaml",
        "--config-file", "configs/trainers/LinearProbe/scenes.yaml",
        "DATASET.NUM_FOLDS", "3", "OPTIM.MAX_EPOCH", "1", "INPUT.SIZE", "(64, 64)",
        "DATALOADER.NUM_WORKERS", "0", "USE_CUDA", "False", *NO_EXTRAS,
    ]  # fmt: skip
    assert run_folds.main(arguments) == 0, capfd.readouterr().err
    summary = json.loads((out / "folds.json").read_text())["seed1"]
    assert len(summary["folds"]) == 3
    before = capfd.readouterr().out
    assert "share training images" in before
    (out / "fold3/seed1/metrics.json").unlink()
    assert run_folds.main(arguments) == 0
    assert capfd.readouterr().out.count("so skip this job") == 2
    assert json.loads((out / "folds.json").read_text())["seed1"] == summary


def test_the_script_is_that_of_the_project():
    words = run_folds.fold_command(["--seed", "1"], Path("out/fold1/seed1"), 0)
    assert words[1] == str(PROJECT / "train.py")
    assert words[-4:] == ["OUTPUT_DIR", "out/fold1/seed1", "DATASET.FOLD", "0"]
