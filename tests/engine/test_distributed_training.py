"""``torchrun train.py`` on two processes gives the results of ``python train.py``.

The run on two processes is interrupted by a broken image of rank 1 and then resumed.
"""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch

import train
from tests.conftest import FAST
from tests.launch import ROOT, torchrun
from tools.scenes.make import make_scenes

pytestmark = pytest.mark.slow

BATCH = 16
SETTINGS = [
    "OPTIM.NAME", "sgd", "OPTIM.LR", "1e-2", "TRAIN.PRINT_FREQ", "1", "TRAIN.CHECKPOINT_FREQ", "1",
    "TRAIN.TIMEOUT", "30", "DATALOADER.TEST.BATCH_SIZE", "5",
]  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Return drawn scenes of 40 / 13 / 8 images, numbers that two processes share unevenly."""
    folder = tmp_path_factory.mktemp("data")
    make_scenes(folder, seed=0, size=64, num_train=40, num_val=13, num_test=8)
    return folder


# The other process waits for rank 0, which computes these alone.
EXTRAS = ["TEST.BOOTSTRAP", "20", "TEST.COSTS", "True", "TEST.REPORT", "True"]


def _args(root, out, *opts):
    args = ["--root", str(root), "--seed", "1", "--trainer", "IntCLIP"]
    args += ["--dataset-config-file", "configs/datasets/scenes.yaml"]
    args += ["--config-file", "configs/trainers/IntCLIP/scenes.yaml"]
    return [*args, "--output-dir", str(out), *FAST, *SETTINGS, *EXTRAS, *opts]


def _torchrun(args):
    return torchrun("train.py", *args, cwd=ROOT)


def _images_of_rank_1(root, epoch):
    """Return the images of rank 1 in ``epoch`` that no process sees in the epochs before."""
    from core.config_merge import setup_cfg
    from datasets import DataManager

    opts = ["DATASET.ROOT", str(root), "SEED", "1"]
    opts += ["DATALOADER.TRAIN_X.BATCH_SIZE", str(BATCH), "DATALOADER.NUM_WORKERS", "0"]
    cfg = setup_cfg(["configs/datasets/scenes.yaml"], opts=opts)
    manager = DataManager(cfg, mean=(0.5,) * 3, std=(0.5,) * 3)
    seen = set()
    for number in range(epoch + 1):
        manager.set_epoch(number)
        order = list(manager.train_loader_x.sampler)
        if number == epoch:
            images = []
            for start in range(0, len(order), BATCH):
                for i in order[start + BATCH // 2 : start + BATCH]:
                    if i not in seen:
                        images.append(Path(manager.dataset.train_x[i].impath))
            return images
        seen.update(order)


@pytest.fixture(scope="module")
def runs(root, tmp_path_factory):
    """Return the folders of the runs on one and two processes, the failed result, the bad image."""
    out = tmp_path_factory.mktemp("out")
    train.main(_args(root, out / "one"))
    victim = _images_of_rank_1(root, epoch=1)[0]
    image = victim.read_bytes()
    victim.write_bytes(image[:100])
    failed = _torchrun(_args(root, out / "two"))
    victim.write_bytes(image)
    (out / "two" / "log.txt").rename(out / "two" / "first.txt")
    finished = _torchrun(_args(root, out / "two"))
    assert finished.returncode == 0, finished.stderr[-3000:]
    return out / "one", out / "two", failed, victim


def _losses(*logs):
    """Return loss and running mean by epoch and step; repeated steps must have equal values."""
    pattern = re.compile(
        r"^epoch \[(\d)/2\] batch \[(\d)/2\] .* loss ([\d.]+) \(([\d.]+)\)", re.MULTILINE
    )
    found = {}
    for log in logs:
        for epoch, batch, *texts in pattern.findall(log.read_text()):
            values = list(map(float, texts))
            before = found.setdefault((epoch, batch), values)
            assert before == pytest.approx(values, rel=1e-5, abs=1.01e-4)
    return found


def test_an_error_on_one_rank_ends_all_with_its_line(runs):
    *_, failed, victim = runs
    assert failed.returncode != 0
    ours = failed.stderr.split("torch.distributed.elastic")[0]  # what follows is the launcher's
    assert ours.count("error: ") == 1 and f"error: cannot read image {victim}" in ours, (
        failed.stderr[-3000:]
    )
    assert "Traceback" not in ours.partition("error: ")[0]


def test_losses_are_those_of_one_process(runs):
    one, two, *_ = runs
    expected, values = _losses(one / "log.txt"), _losses(two / "first.txt", two / "log.txt")
    assert values.keys() == expected.keys() and len(expected) == 4  # two epochs of two batches
    for step, value in expected.items():
        # The log has four decimals.
        assert values[step] == pytest.approx(value, rel=1e-5, abs=1.01e-4)


def test_weights_are_those_of_one_process(runs):
    one, two, *_ = runs
    for name in ("model.pth.tar-2", "model-best.pth.tar"):
        expected, state = (
            torch.load(out / "intclip" / name, weights_only=True) for out in (one, two)
        )
        assert state["epoch"] == expected["epoch"]
        assert state["state_dict"].keys() == expected["state_dict"].keys()
        for key, value in expected["state_dict"].items():
            assert torch.allclose(state["state_dict"][key], value, rtol=1e-5, atol=1e-5), key
    assert [len(s["random_states"]) for s in (expected, state)] == [1, 2]


def test_metrics_are_those_of_one_process(runs):
    one, two, *_ = runs
    expected, metrics = (json.loads((out / "metrics.json").read_text()) for out in (one, two))
    assert metrics["model"] == expected["model"]
    for split in ("val", "test"):
        # Percent. Calibration follows every rounding of a score, unlike metrics of the ranking.
        assert metrics[split] == pytest.approx(expected[split], abs=1e-3)
    assert "* total: 13" in (two / "log.txt").read_text().splitlines()


def _files(folder):
    """Return the paths of all files but TensorBoard's, whose names contain the time."""
    paths = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    return {path for path in paths if "tensorboard" not in path}


def test_rank_0_alone_writes(runs):
    one, two, *_ = runs
    assert _files(two) == _files(one) | {"first.txt"}
    assert len(list((two / "tensorboard").iterdir())) == 2  # one of each start
    lines = (two / "log.txt").read_text().splitlines()
    assert sum(line.startswith("Resume from") for line in lines) == 1
    assert lines.count("Finish training") == 1
    assert sum(line.startswith("Report: ") for line in lines) == 1
    assert any(line.endswith("processes 2") for line in lines)


def test_one_process_resumes_a_run_of_two(runs, root, tmp_path):
    one, two, *_ = runs
    shutil.copytree(two / "intclip", tmp_path / "intclip")
    (tmp_path / "intclip" / "checkpoint").write_text("model.pth.tar-1\n")
    train.main(_args(root, tmp_path))
    expected, state = (
        torch.load(out / "intclip" / "model.pth.tar-2", weights_only=True)
        for out in (one, tmp_path)
    )
    for key, value in expected["state_dict"].items():
        assert torch.allclose(state["state_dict"][key], value, rtol=1e-5, atol=1e-5), key
