"""``train.py --dry-run``: a full report, no file, no change of a weight or of an earlier run."""

import re
import sys

import pytest
import torch

import train
from core.cli import key_flags, parse_args
from core.config_merge import setup_cfg
from core.errors import UserError
from engine.base_choice import TRAINER_REGISTRY, build_trainer
from engine.dry_run import measure, trial_config
from engine.dry_run.text import format_pairs, format_seconds, format_size, format_table
from tests.conftest import NO_EXTRAS
from tests.engine.mean_colour import MeanColour
from tests.launch import ROOT, torchrun

SMALL = ["OPTIM.MAX_EPOCH", "2", "INPUT.SIZE", "(64, 64)", "DATALOADER.TRAIN_X.BATCH_SIZE", "20"]
TRAINERS = ("IntCLIP", "DualCoOp", "FineTune", "LinearProbe", "ZeroshotCLIP")


@pytest.fixture
def arguments(scenes_root, tmp_path):
    """Return a function from trainer and overrides to the arguments of a run in tmp_path/out."""

    def make(trainer, *opts, flags=()):
        args = ["--root", str(scenes_root), "--seed", "1", "--trainer", trainer]
        args += ["--dataset-config-file", "configs/datasets/scenes.yaml"]
        args += ["--config-file", f"configs/trainers/{trainer}/scenes.yaml"]
        args += ["--output-dir", str(tmp_path / "out"), *flags]
        return [*args, *SMALL, *NO_EXTRAS, *map(str, opts)]

    return make


@pytest.fixture
def dry_run(arguments, capsys):
    """Return a function from trainer and overrides to the report of a dry run."""

    def go(trainer, *opts, flags=()):
        train.main(arguments(trainer, *opts, flags=["--dry-run", *flags]))
        return capsys.readouterr().out

    return go


def snapshot(folder):
    """Return content and time of change of everything below a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        content = path.read_bytes() if path.is_file() else None
        found[path] = (path.stat().st_mtime_ns, content)
    return found


@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_dry_run_reports_and_writes_nothing(dry_run, tmp_path, scenes_root, trainer):
    before = snapshot(scenes_root)
    report = dry_run(trainer)
    assert list(tmp_path.iterdir()) == [] and snapshot(scenes_root) == before
    for split, row in (("train", "48          20        2"), ("val", "24 "), ("test", "24 ")):
        assert re.search(rf"^  {split} +{row}", report, re.MULTILINE), split
    assert re.search(r"^  frozen +\d+ +[\d,]+$", report, re.MULTILINE)
    assert re.search(r"^  images +\(2[04], 3, 64, 64\) uint8, \d+ to \d+$", report, re.MULTILINE)
    assert re.search(r"^  files +low/\w+\.jpg, low/\w+\.jpg, low/\w+\.jpg, ...$", report, re.M)
    assert re.search(r"^  labels +\(2[04], 20\) float32, .* per image$", report, re.MULTILINE)
    assert re.search(r"^Peak memory: [\d,]+ MiB \(the whole process\)$", report, re.MULTILINE)
    assert f"Output folder {tmp_path / 'out'}: new" in report
    trained = trainer != "ZeroshotCLIP"
    assert ("One training step: " in report) == trained
    assert ("  2 epochs " in report) == trained
    assert ("all images but 8; each epoch" in report) == trained
    assert ("has nothing to train: it only evaluates" in report) == (not trained)


def test_groups_have_their_learning_rate_and_weight_decay(dry_run):
    report = dry_run("IntCLIP", "OPTIM.LR", "2e-3", "OPTIM.WEIGHT_DECAY", "1e-4")
    rows = dict(re.findall(r"^  (\w+) +\d+ +[\d,]+  ([\d.e-]+ +[\d.e-]+)$", report, re.MULTILINE))
    assert rows == {
        "prompts": "2.00e-03      1.00e-04",
        "semantic": "2.00e-03      1.00e-04",
        "aggregation": "2.00e-04      1.00e-04",
    }


def test_the_loss_is_that_of_the_first_step_of_training(arguments, dry_run, tmp_path):
    report = dry_run("LinearProbe")
    train.main(arguments("LinearProbe", "TRAIN.PRINT_FREQ", 1))
    log = (tmp_path / "out" / "log.txt").read_text()
    trained = re.search(r"batch \[1/2\] .* loss ([\d.]+) ", log)[1]
    assert f", loss {trained}\n" in report


@pytest.mark.parametrize("trainer", ["IntCLIP", "LinearProbe"])
def test_the_measured_steps_change_no_weight_and_no_rate(arguments, tmp_path, trainer):
    args = parse_args(arguments(trainer))
    files = [args.dataset_config_file, args.config_file]
    cfg = setup_cfg(files, flags=key_flags(args), opts=args.opts)
    built = build_trainer(trial_config(cfg, str(tmp_path / "trial")))
    before = {name: value.clone() for name, value in built.model.state_dict().items()}
    rates = [group["lr"] for group in built.optim.param_groups]
    times = measure(built, cfg)
    assert times.steps.num_runs >= 1 and built.optim.state  # the optimiser did step
    for name, value in built.model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert [group["lr"] for group in built.optim.param_groups] == rates


def test_a_feature_cache_is_described_and_not_written(dry_run, tmp_path):
    report = dry_run("LinearProbe", "TRAIN.FEATURE_CACHE", tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []
    assert re.search(r"^  features +\(20, 128\) float32, .*, from the cache$", report, re.MULTILINE)
    assert f"Feature cache: 96 images, 48.0 KiB in {tmp_path / 'cache'}\n" in report
    assert "  feature cache     " in report
    opts = ["TRAIN.FEATURE_CACHE", tmp_path / "cache"]
    with pytest.raises(UserError, match=r"INPUT\.TRANSFORMS has random_flip"):
        dry_run("LinearProbe", *opts, "INPUT.TRANSFORMS", "('random_flip', 'normalize')")


def test_a_run_without_evaluation_estimates_the_training_alone(dry_run):
    report = dry_run("LinearProbe", "TEST.NO_TEST", True, "TEST.FINAL_MODEL", "last_step")
    assert "  2 epochs " in report
    assert "final evaluation" not in report and "One prediction" not in report


def test_an_earlier_run_is_named_and_stays_as_it_is(arguments, dry_run, tmp_path):
    out = tmp_path / "out"
    train.main(arguments("LinearProbe"))
    before = snapshot(tmp_path)
    report = dry_run("LinearProbe")
    last = out / "linearprobe" / "model.pth.tar-2"
    assert f"would resume {last}, which is complete (2 epochs): it would only evaluate" in report
    assert "  2 epochs " not in report
    size = float(re.search(r"^Checkpoints: ([\d.]+) KiB each", report, re.MULTILINE)[1])
    assert size == pytest.approx(last.stat().st_size / 1024, rel=0.05)
    with pytest.raises(UserError, match=r"OPTIM\.MAX_EPOCH was 2, is 3"):
        dry_run("LinearProbe", "OPTIM.MAX_EPOCH", 3)
    assert snapshot(tmp_path) == before


def test_an_unfinished_run_leaves_the_rest_of_the_epochs(arguments, dry_run, tmp_path, monkeypatch):
    from engine.trainer import MultiLabelTrainer

    after_epoch = MultiLabelTrainer.after_epoch

    def interrupt(self):
        after_epoch(self)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(MultiLabelTrainer, "after_epoch", interrupt)
        with pytest.raises(KeyboardInterrupt):
            train.main(arguments("LinearProbe"))
    before = snapshot(tmp_path)
    report = dry_run("LinearProbe")
    assert "model-last.pth.tar after epoch 1 of 2" in report
    assert "  1 epoch " in report
    other = tmp_path / "other"
    flags = ["--resume", str(tmp_path / "out"), "--output-dir", str(other)]
    assert "after epoch 1 of 2" in dry_run("LinearProbe", flags=flags)
    assert snapshot(tmp_path) == before


def test_a_resume_from_nothing_and_results_without_a_run(dry_run, tmp_path):
    with pytest.raises(UserError, match=r"RESUME is '.*none'.*holds no checkpoint"):
        dry_run("LinearProbe", flags=["--resume", str(tmp_path / "none")])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "metrics.json").write_text("{}")
    assert "holds files, but no run to resume" in dry_run("ZeroshotCLIP")


def test_folders_that_cannot_be_written_are_found_at_once(dry_run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"OUTPUT_DIR '.*' cannot be written: .*file is a file"):
        dry_run("LinearProbe", flags=["--output-dir", str(tmp_path / "file" / "out")])
    with pytest.raises(UserError, match=r"TRAIN\.FEATURE_CACHE '.*' cannot be written"):
        dry_run("LinearProbe", "TRAIN.FEATURE_CACHE", tmp_path / "file")


def test_faults_end_in_one_line_and_status_2(arguments, monkeypatch, capsys):
    for opts, fault in [
        (["DATASET.ROOT", "/no/such/folder"], "/no/such/folder"),
        (["LOSS.*.WEIGHT", "1e39"], "the loss is inf at epoch 1, batch 1"),
        (["OPTIM.LRR", "1"], "Did you mean 'OPTIM.LR'?"),
    ]:
        argv = ["train.py", *arguments("LinearProbe", *opts, flags=["--dry-run"])]
        monkeypatch.setattr(sys, "argv", argv)
        assert train.run() == 2
        error = capsys.readouterr().err
        assert fault in error and error.startswith("error: ") and error.count("\n") == 1


def test_a_step_that_does_not_fit_names_the_settings_that_help(dry_run, monkeypatch):
    from engine.loop import TrainingStep

    def full(self, inputs, label):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB. GPU 0 has ...")

    monkeypatch.setattr(TrainingStep, "__call__", full)
    with pytest.raises(UserError, match=r"\(CUDA out of memory\); lower DATALOADER\.TRAIN_X"):
        dry_run("LinearProbe")


def test_a_trainer_of_dassls_kind(dry_run, tmp_path, monkeypatch):
    known = {**TRAINER_REGISTRY._obj_map, "MeanColour": MeanColour}
    monkeypatch.setattr(TRAINER_REGISTRY, "_obj_map", known)
    report = dry_run("LinearProbe", "TRAINER.NAME", "MeanColour", "DATALOADER.NUM_WORKERS", 0)
    assert list(tmp_path.iterdir()) == []
    assert re.search(r"^  group 1 +2 +80  1\.00e-01      0\.00e\+00$", report, re.MULTILINE)
    assert re.search(r"^Checkpoints: \d\.\d KiB each$", report, re.MULTILINE)
    assert "One training step: " in report and "  2 epochs " in report


def test_workers_load_the_batch_and_end(dry_run):
    report = dry_run("LinearProbe", "DATALOADER.NUM_WORKERS", 1)
    assert "First batch of train" in report
    assert not torch.multiprocessing.active_children()


def test_texts_of_the_report():
    assert [format_seconds(s) for s in (0.0042, 0.42, 4.2, 4200)] == [
        "4.2 ms", "420 ms", "4.2 s", "1:10:00",
    ]  # fmt: skip
    assert [format_size(n) for n in (512, 5 << 20, 5 << 30)] == ["0.5 KiB", "5.0 MiB", "5.0 GiB"]
    assert format_table(("split", "images"), [("train", 1234), ("x", "")]) == [
        "  split  images", "  train   1,234", "  x",
    ]  # fmt: skip
    assert format_pairs([("a", "1"), ("long", "2")]) == ["  a     1", "  long  2"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_the_memory_is_that_of_its_tensors(dry_run):
    report = dry_run("IntCLIP")
    assert re.search(r"^Peak memory: [\d,]+ MiB \(tensors on the GPU\)$", report, re.MULTILINE)
    assert ", on cuda:0\n" in report


@pytest.mark.slow
def test_on_two_processes_the_report_is_printed_once(arguments, tmp_path):
    argv = arguments("IntCLIP", "TRAIN.TIMEOUT", 30, flags=["--dry-run"])
    result = torchrun("train.py", *argv, cwd=ROOT)
    assert result.returncode == 0, result.stderr[-3000:]
    assert result.stdout.count("One training step: ") == 1
    assert result.stdout.count("in all ") == 1
    assert not (tmp_path / "out").exists()
