"""The log names classes that val or test have and train has not, unless this is meant."""

import numpy as np
import pytest
from PIL import Image

import train
from core.config import get_cfg_default
from datasets import IntentDataset, Record
from engine.untrained import untrained_classes, warn_of_untrained
from tests.conftest import NO_EXTRAS


def build(train_x, val, test, **settings):
    """Return a data set of four classes with these labels, and its configuration."""
    cfg = get_cfg_default()
    cfg.DATASET.NAME = "Mine"
    splits = {}
    for name, labels in (("train_x", train_x), ("val", val), ("test", test)):
        rows = np.array(labels, dtype=np.float32)
        splits[name] = [Record(f"{name}{i}.jpg", row) for i, row in enumerate(rows)]
    dataset = IntentDataset(cfg, classnames=["a", "b", "c", "d"], **splits, **settings)
    return cfg, dataset


def test_classes_of_val_and_test_are_looked_for_in_train():
    _, dataset = build(
        train_x=[[1, 0, 0, 0], [1, -1, 0, 0.2]],
        val=[[1, 0, 1, 1]],
        test=[[0, 1, -1, 0]],
    )
    assert untrained_classes(dataset) == ["b", "c"]


def test_a_class_without_any_image_is_none_of_them(caplog):
    cfg, dataset = build(train_x=[[1, 1, 0, 0]], val=[[1, 0, 0, 0]], test=[[0, 1, 0, 0]])
    assert untrained_classes(dataset) == []
    warn_of_untrained(cfg, dataset)
    assert not caplog.records


def test_nothing_is_said_where_it_is_meant(caplog):
    labels = {"train_x": [[1, 1, 1, -1]], "val": [[1, 1, 1, -1]], "test": [[0, 0, 0, 1]]}
    cfg, dataset = build(**labels, unseen=[3])
    warn_of_untrained(cfg, dataset)  # reading the sealed labels of test would raise
    labels["train_x"] = [[1, 1, 1, 0]]
    cfg, dataset = build(**labels)
    cfg.DATASET.SUBSAMPLE_CLASSES = "new"
    caplog.clear()
    warn_of_untrained(cfg, dataset)
    assert not caplog.records
    cfg.DATASET.SUBSAMPLE_CLASSES = "all"
    warn_of_untrained(cfg, dataset)
    (record,) = caplog.records
    assert record.levelname == "WARNING" and ": d; " in record.getMessage()


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_the_log_of_a_training_names_the_class(tmp_path, capsys, more):
    for i, place in enumerate(
        ("train/calm", "train/joy", "val/calm", "val/joy", "test/calm", "test/joy", "test/rage")
    ):
        (tmp_path / place).mkdir(parents=True)
        for j in range(2):
            Image.new("RGB", (64, 64), (30 * i, 90, 20 * j)).save(tmp_path / place / f"{j}.png")
    train.main(
        [
            *("--root", str(tmp_path), "--seed", "1", "--trainer", "LinearProbe", *more),
            *("--config-file", "configs/trainers/LinearProbe/scenes.yaml"),
            *("--output-dir", str(tmp_path / "out"), "--max-epochs", "1", "--input-size", "64"),
            *("DATASET.NAME", "Folder", "DATALOADER.NUM_WORKERS", "0", *NO_EXTRAS),
        ]
    )
    said = [line for line in capsys.readouterr().out.splitlines() if "No training image" in line]
    assert said == [
        "No training image has this class, which images of val or test have: rage; training shows "
        "no example, but the metrics count it"
    ]
