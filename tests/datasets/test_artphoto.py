"""Artphoto: the prefix of a file name is the class; folds; faults."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import train
from tests.conftest import NO_EXTRAS
from tests.datasets.emotion_files import build, classes, fault, touch

PREFIXES = ("amusement", "anger", "awe", "contentment", "disgust", "excitement", "fear", "sad")


@pytest.mark.parametrize("folder", ["testImages_artphoto/", ""])
def test_the_prefix_is_the_class(cfg, tmp_path: Path, folder: str) -> None:
    names = {}
    for prefix in PREFIXES:
        for i in range(3):
            emotion = "sadness" if prefix == "sad" else prefix
            names[f"{folder}{prefix}_{i:04d}.jpg"] = emotion
    touch(tmp_path, [*names, f"{folder}ReadMe.rtf", f"{folder}.DS_Store", f"{folder}._fear_1.jpg"])
    dataset = build(cfg, tmp_path, "Artphoto")
    assert classes(dataset) == names
    assert {len(split) for split in (dataset.val, dataset.test)} <= {4, 5}
    assert dataset.classnames[-1] == "sadness"


def test_the_split_does_not_depend_on_the_order_of_the_disk(cfg, tmp_path: Path) -> None:
    names = [f"{prefix}_{i}.jpg" for prefix in PREFIXES for i in range(3)]
    tests = []
    for folder, order in (("a", names), ("b", names[::-1])):
        touch(tmp_path / folder, order)
        tests.append([record.name for record in build(cfg, tmp_path / folder, "Artphoto").test])
    assert tests[0] == tests[1]


def test_soft_targets_need_votes(cfg, tmp_path: Path, caplog) -> None:
    touch(tmp_path, [f"fear_{i}.jpg" for i in range(6)])
    build(cfg, tmp_path, "Artphoto", TARGETS="soft")
    assert "training images have no votes" in caplog.text


def test_faults(cfg, tmp_path: Path) -> None:
    assert "has no images <emotion>_<n>.jpg" in fault(cfg, tmp_path, "Artphoto")
    assert "gone does not exist; expected the folder" in fault(cfg, tmp_path / "gone", "Artphoto")
    touch(tmp_path, [f"fear_{i}.jpg" for i in range(6)])
    message = fault(cfg, tmp_path, "Artphoto", FOLD=5)
    assert message == "DATASET.FOLD is 5; accepted: 0 to 4 (DATASET.NUM_FOLDS is 5)"
    touch(tmp_path, ["awful_1.jpg"])
    message = fault(cfg, tmp_path, "Artphoto")
    assert "awful_1.jpg: emotion is 'awful'; accepted: amusement" in message


def test_a_run_trains_and_is_evaluated_on_the_test_fold(cfg, tmp_path: Path) -> None:
    for c, prefix in enumerate(PREFIXES):
        for i in range(3):
            color = (30 * c, 80 * i, 255 - 30 * c)
            Image.new("RGB", (64, 64), color).save(tmp_path / f"{prefix}_{i:04d}.jpg")
    out = tmp_path / "out"
    train.main([
        "--root", str(tmp_path), "--seed", "1", "--output-dir", str(out),
        "--dataset-config-file", "configs/datasets/artphoto.yaml",
        "--config-file", "configs/trainers/LinearProbe/scenes.yaml",
        "DATASET.FOLD", "2", "OPTIM.MAX_EPOCH", "1", "INPUT.SIZE", "(64, 64)",
        "DATALOADER.NUM_WORKERS", "0", "USE_CUDA", "False", *NO_EXTRAS,
    ])  # fmt: skip
    assert 0 <= json.loads((out / "metrics.json").read_text())["test"]["accuracy"] <= 100
    dataset = build(cfg, tmp_path, "Artphoto", FOLD=2)
    scores = np.load(out / "scores_test.npz")
    assert scores["labels"].tolist() == [record.label.tolist() for record in dataset.test]
