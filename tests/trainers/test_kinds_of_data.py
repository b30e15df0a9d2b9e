"""Each method on each kind of data, from the command line; other classes than in training."""

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import train
from core.errors import UserError
from datasets.sealed import SealBroken
from engine.trainer import MultiLabelTrainer
from tests.conftest import NO_EXTRAS

METHODS = ("IntCLIP", "DualCoOp", "LinearProbe", "FineTune", "ZeroshotCLIP")
COLOURS = {
    "anger": (200, 30, 30),
    "calm": (40, 90, 200),
    "envy": (20, 160, 60),
    "joy": (240, 220, 40),
}
SMALL = (
    *("DATALOADER.TRAIN_X.BATCH_SIZE", "8", "DATALOADER.NUM_WORKERS", "0", *NO_EXTRAS),
    *("DATASET.VAL_PERCENT", "0.3"),
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Write 12 + 4 pictures of each of four colours in the layout split/class."""
    root = tmp_path_factory.mktemp("folders")
    random = np.random.default_rng(0)
    for split, count in (("train", 12), ("test", 4)):
        for name, colour in COLOURS.items():
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                noise = random.integers(-30, 30, (64, 64, 3))
                pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "single.yaml"
    path.write_text("_BASE_: configs/base/single_label.yaml\nDATASET: {NAME: Folder}\n")
    return str(path)


def run(method, root, config, out, *opts, flags=(), epochs="1"):
    train.main(
        [
            *("--root", str(root), "--seed", "1", "--trainer", method),
            *("--dataset-config-file", config),
            *("--config-file", f"configs/trainers/{method}/scenes.yaml"),
            *("--output-dir", str(out), "--max-epochs", epochs, "--input-size", "64"),
            *flags,
            *SMALL,
            *opts,
        ]
    )
    return json.loads((out / "metrics.json").read_text())


@pytest.mark.parametrize("method", METHODS)
def test_one_class_per_image(method, folders, single, tmp_path):
    # the demo's recipe names a loss of its own, which takes each class on its own
    opts = ("TRAINER.INTCLIP.LOSS", "SoftmaxPairLoss")
    metrics = run(method, folders, single, tmp_path, *opts)["test"]
    assert next(iter(metrics)) == "accuracy"
    assert metrics["accuracy"] == pytest.approx(metrics["micro_f1"])
    scores = np.load(tmp_path / "scores_test.npz")["scores"]
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)
    log = (tmp_path / "log.txt").read_text()
    assert f"* accuracy: {metrics['accuracy']:.2f}%" in log
    assert "training images were drawn as val" in log.replace("\n", " ")
    assert (tmp_path / "val_images.txt").is_file()


def test_a_loss_that_takes_each_class_on_its_own_is_a_warning(folders, single, tmp_path):
    run("IntCLIP", folders, single, tmp_path)
    log = " ".join((tmp_path / "log.txt").read_text().split())
    assert "the loss BinaryPairLoss takes each class on its own" in log


def test_a_linear_probe_learns_colours(folders, single, tmp_path):
    opts = ("OPTIM.LR", "0.5")
    metrics = run("LinearProbe", folders, single, tmp_path, *opts, epochs="8")
    assert metrics["test"]["accuracy"] > 60  # chance is 25


@pytest.mark.parametrize("method", ["IntCLIP", "LinearProbe"])
def test_few_shots_and_partial_labels(method, folders, single, tmp_path):
    opts = ("DATASET.SUBSAMPLE_CLASSES", "base")
    flags = ("--num-shots", "2", "-pp", "0.8")
    metrics = run(method, folders, single, tmp_path, *opts, flags=flags)
    assert metrics["test"]["accuracy"] >= 0
    kept = json.loads((tmp_path / "few_shots.json").read_text())
    assert 3 <= len(kept["train"]) <= 4
    assert (tmp_path / "partial_label_0.80.pt").is_file()


@pytest.mark.parametrize("method", ["IntCLIP", "DualCoOp"])
def test_shared_prompts_score_new_classes(method, folders, single, tmp_path):
    section = f"TRAINER.{method.upper()}"
    shared = (f"{section}.CSC", "False", "DATASET.SUBSAMPLE_CLASSES")
    run(method, folders, single, tmp_path / "base", *shared, "base")
    flags = ("--eval-only", "--model-dir", str(tmp_path / "base"))
    metrics = run(method, folders, single, tmp_path / "new", *shared, "new", flags=flags)
    assert metrics["model"] == "epoch 1"
    names = np.load(tmp_path / "new" / "scores_test.npz")["scores"].shape
    assert names == (8, 2)
    assert "trained on other classes" in (tmp_path / "new" / "log.txt").read_text()


@pytest.mark.parametrize(
    ("method", "reason"), [("DualCoOp", "CSC is True"), ("LinearProbe", "a linear classifier")]
)
def test_closed_methods_say_why_they_cannot(method, reason, folders, single, tmp_path):
    opts = ("DATASET.SUBSAMPLE_CLASSES",)
    run(method, folders, single, tmp_path / "base", *opts, "base")
    flags = ("--eval-only", "--model-dir", str(tmp_path / "base"))
    with pytest.raises(UserError, match=reason) as caught:
        run(method, folders, single, tmp_path / "new", *opts, "new", flags=flags)
    assert "\n" not in str(caught.value)


ZERO_SHOT = """
import numpy as np

from datasets import DATASET_REGISTRY, IntentDataset, Record


@DATASET_REGISTRY.register()
class Unseen(IntentDataset):
    def __init__(self, cfg):
        names = ["anger", "calm", "envy", "joy"]
        splits = {"train": [], "test": []}
        for split in splits:
            for c, name in enumerate(names):
                if split == "train" and name == "joy":
                    continue
                label = np.eye(4, dtype=np.float32)[c]
                if split == "train":
                    label[3] = -1
                for i in range(4):
                    path = f"{cfg.DATASET.ROOT}/{split}/{name}/{i}.png"
                    splits[split].append(Record(path, label.copy()))
        super().__init__(
            cfg, classnames=names, train_x=splits["train"], test=splits["test"], unseen=[3]
        )
"""


@pytest.fixture
def unseen(tmp_path, monkeypatch):
    """Return the options of a data set whose last class training does not know."""
    from datasets import DATASET_REGISTRY

    monkeypatch.setattr(DATASET_REGISTRY, "_obj_map", dict(DATASET_REGISTRY._obj_map))
    monkeypatch.setattr("sys.path", [str(tmp_path), *sys.path])
    file = tmp_path / "unseen_classes.py"
    file.write_text(ZERO_SHOT)
    config = tmp_path / "unseen.yaml"
    config.write_text(f"IMPORTS: [{file}]\nDATASET: {{NAME: Unseen}}\n")
    yield str(config)
    sys.modules.pop("unseen_classes", None)


def test_zero_shot_trains_on_seen_classes_and_scores_all(unseen, folders, tmp_path, monkeypatch):
    steps = []
    original = MultiLabelTrainer.step_classes

    def recorded(self):
        classes = original(self)
        steps.append(classes.tolist())
        return classes

    monkeypatch.setattr(MultiLabelTrainer, "step_classes", recorded)
    opts = ("TRAINER.INTCLIP.CSC", "False")
    flags = ("--num-train-cls", "2")
    metrics = run("IntCLIP", folders, unseen, tmp_path / "out", *opts, flags=flags, epochs="3")
    assert {"zsl_mAP", "gzsl_f1_top3"} <= metrics["test"].keys()
    assert not [name for name in metrics["val"] if "zsl" in name]
    assert metrics["test"]["zsl_images"] == 4 and metrics["test"]["gzsl_images"] == 16
    assert all(len(step) == 2 and 3 not in step for step in steps)
    assert len({tuple(step) for step in steps}) > 1


def test_zero_shot_runs_repeat(unseen, folders, tmp_path):
    opts = ("TRAINER.DUALCOOP.CSC", "False")
    flags = ("--num-train-cls", "2")
    weights = []
    for name in ("one", "two"):
        run("DualCoOp", folders, unseen, tmp_path / name, *opts, flags=flags)
        path = tmp_path / name / "dualcoop" / "model-best.pth.tar"
        weights.append(torch.load(path, weights_only=True)["state_dict"])
    for key, value in weights[0].items():
        assert torch.equal(value, weights[1][key])


@pytest.mark.parametrize("method", ["DualCoOp", "LinearProbe", "FineTune"])
def test_methods_that_cannot_name_an_unseen_class_end_in_one_line(
    method, unseen, folders, tmp_path
):
    with pytest.raises(UserError, match="cannot be evaluated on classes without") as caught:
        run(method, folders, unseen, tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_a_trainer_that_reads_test_labels_early_is_stopped(unseen, folders, tmp_path, monkeypatch):
    def peek(self):
        return [record.label for record in self.dm.dataset.test]

    monkeypatch.setattr(MultiLabelTrainer, "before_epoch", peek)
    with pytest.raises(SealBroken):
        run("IntCLIP", folders, unseen, tmp_path / "out", "TRAINER.INTCLIP.CSC", "False")
