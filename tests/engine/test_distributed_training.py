"""``torchrun train.py`` on two processes against ``python train.py``: an image of rank 1 breaks, is mended, resumed."""

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
    """Return drawn scenes, 40 / 13 / 8 images: training drops some each epoch, val is shared unevenly."""
    folder = tmp_path_factory.mktemp("data")
    make_scenes(folder, seed=0, size=64, num_train=40, num_val=13, num_test=8)
    return folder


def _args(root, out, *opts):
    args = ["--root", str(root), "--seed", "1", "--trainer", "IntCLIP"]
    args += ["--dataset-config-file", "configs/datasets/scenes.yaml"]
    args += ["--config-file", "configs/trainers/IntCLIP/scenes.yaml"]
    return [*args, "--output-dir", str(out), *FAST, *SETTINGS, *opts]


def _torchrun(args):
    return torchrun("train.py", *args, cwd=ROOT)


def _images_of_rank_1(root, epoch):
    """Return the images of rank 1 in ``epoch`` that no process sees in the epochs before."""
    from core.config_merge import setup_cfg
    from datasets import DataManager

    opts = [
        "DATASET.ROOT",
        str(root),
        "DATALOADER.TRAIN_X.BATCH_SIZE",
        str(BATCH),
        "DATALOADER.NUM_WORKERS",
        "0",
    ]
    opts += ["SEED", "1"]
    manager = DataManager(
        setup_cfg(["configs/datasets/scenes.yaml"], opts=opts), mean=(0.5,) * 3, std=(0.5,) * 3
    )
    seen = set()
    for number in range(epoch + 1):
        manager.set_epoch(number)
        order = list(manager.train_loader_x.sampler)
        if number == epoch:
            theirs = [
                i
                for start in range(0, len(order), BATCH)
                for i in order[start + BATCH // 2 : start + BATCH]
            ]
            return [Path(manager.dataset.train_x[i].impath) for i in theirs if i not in seen]
        seen.update(order)


@pytest.fixture(scope="module")
def runs(root, tmp_path_factory):
    """Return the folders of a run on one process and on two, and how the first half of the latter ended."""
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
    """Return loss and running mean by epoch and step; a step that is taken again must give the same again."""
    pattern = re.compile(
        r"^epoch \[(\d)/2\] batch \[(\d)/2\] .* loss ([\d.]+) \(([\d.]+)\)", re.MULTILINE
    )
    found = {}
    for epoch, batch, *values in (
        match for log in logs for match in pattern.findall(log.read_text())
    ):
        values = [float(value) for value in values]
        assert found.setdefault((epoch, batch), values) == pytest.approx(
            values, rel=1e-5, abs=1.01e-4
        )
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
        assert values[step] == pytest.approx(
            value, rel=1e-5, abs=1.01e-4
        )  # four decimals are logged


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
        assert metrics[split] == pytest.approx(expected[split], abs=1e-5)
    assert "* total: 13" in (two / "log.txt").read_text().splitlines()


def test_rank_0_alone_writes(runs):
    one, two, *_ = runs
    files = {
        path.relative_to(one).as_posix()
        for path in one.rglob("*")
        if "tensorboard" not in str(path)
    }
    theirs = {
        path.relative_to(two).as_posix()
        for path in two.rglob("*")
        if "tensorboard" not in str(path)
    }
    assert theirs == files | {"first.txt"}
    assert len(list((two / "tensorboard").iterdir())) == 2  # one of each start
    lines = (two / "log.txt").read_text().splitlines()
    assert (
        sum(line.startswith("Resume from") for line in lines) == lines.count("Finish training") == 1
    )
    assert any(line.endswith("processes 2") for line in lines)


def test_one_process_goes_on_where_two_stopped(runs, root, tmp_path):
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
