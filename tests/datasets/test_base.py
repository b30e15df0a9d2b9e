"""A data set of one's own: the shortest form, its faults, and training without a val split."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from yacs.config import CfgNode

import train
from core.errors import UserError
from datasets import DATASET_REGISTRY, IntentDataset, Record, build_dataset, multi_hot
from tools.scenes import get_world

CLASSES = ["RedCar", "GreenTree", "BlueSky"]


@pytest.fixture
def photos(tmp_path: Path, cfg, monkeypatch) -> type[IntentDataset]:
    """Write a CSV file of six images, register a class that reads it and point ``cfg`` to both."""
    monkeypatch.setattr(DATASET_REGISTRY, "_obj_map", dict(DATASET_REGISTRY._obj_map))
    rows = []
    for i, split in enumerate(["train"] * 4 + ["test"] * 2):
        Image.new("RGB", (40, 40), (40 * i, 90, 20)).save(tmp_path / f"{i}.jpg")
        rows.append([f"{i}.jpg", split, ";".join(CLASSES[i % 3 :])])
    with open(tmp_path / "photos.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["file", "split", "classes"], *rows])
    cfg.DATASET.ROOT, cfg.DATASET.NAME, cfg.DATASET.HIERARCHY = str(tmp_path), "Photos", ""

    @DATASET_REGISTRY.register()
    class Photos(IntentDataset):
        def __init__(self, cfg: CfgNode) -> None:
            root = Path(cfg.DATASET.ROOT)
            splits = {"train": [], "val": [], "test": []}
            with open(root / "photos.csv", newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    label = multi_hot(row["classes"].split(";"), CLASSES)
                    splits[row["split"]].append(Record(str(root / row["file"]), label))
            super().__init__(
                cfg,
                classnames=CLASSES,
                train_x=splits["train"],
                val=splits["val"],
                test=splits["test"],
            )

    return Photos


def test_labels_from_class_names() -> None:
    label = multi_hot(["c", "a"], ["a", "b", "c"])
    assert label.tolist() == [1.0, 0.0, 1.0]
    assert label.dtype == np.float32
    with pytest.raises(
        UserError, match=r"class is 'joi'; accepted: calm, joy\. Did you mean 'joy'"
    ):
        multi_hot(["joi"], ["calm", "joy"])


def test_without_val_the_error_gives_advice(cfg, photos) -> None:
    with pytest.raises(UserError, match="no images in split val") as caught:
        build_dataset(cfg)
    assert "TEST.NO_TEST True TEST.FINAL_MODEL last_step" in str(caught.value)


def arguments(photos_root: str, out: Path, *opts: str) -> list[str]:
    return [
        "--root", photos_root, "--seed", "1", "--trainer", "DualCoOp", "--output-dir", str(out),
        "--config-file", "configs/trainers/DualCoOp/scenes.yaml",
        "DATASET.NAME", "Photos", "INPUT.SIZE", "(32, 32)", "OPTIM.MAX_EPOCH", "1",
        "DATALOADER.TRAIN_X.BATCH_SIZE", "2", "DATALOADER.NUM_WORKERS", "0", "USE_CUDA", "False",
        *opts,
    ]  # fmt: skip


def test_the_advice_trains_without_val_and_never_reads_test(cfg, photos, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UserError, match="no images in split val") as caught:
        train.main(arguments(cfg.DATASET.ROOT, out))
    advice = str(caught.value).rpartition(": ")[2].split()
    (tmp_path / "4.jpg").unlink()  # of split test: reading it would be an error
    train.main(arguments(cfg.DATASET.ROOT, out, *advice))
    checkpoints = sorted(path.name for path in out.rglob("model*.pth.tar*"))
    assert checkpoints == ["model.pth.tar-1"]
    assert not (out / "metrics.json").exists()


@pytest.mark.parametrize("empty", ["train_x", "test"])
def test_other_empty_splits_are_named(cfg, empty: str) -> None:
    record = Record("a.jpg", multi_hot(["a"], ["a", "b"]))
    splits = {"train_x": [record], "val": [record], "test": [record]}
    splits[empty] = []
    with pytest.raises(UserError, match=f"no images in split {empty.removesuffix('_x')}"):
        IntentDataset(cfg, classnames=["a", "b"], **splits)


def test_without_evaluation_train_alone_is_enough(cfg) -> None:
    cfg.TEST.NO_TEST, cfg.DATASET.HIERARCHY, cfg.DATASET.NAME = True, "", "Mine"
    record = Record("a.jpg", multi_hot(["a"], ["a", "b"]))
    dataset = IntentDataset(cfg, classnames=["a", "b"], train_x=[record])
    assert dataset.val == dataset.test == []
    with pytest.raises(UserError, match="no images in split train"):
        IntentDataset(cfg, classnames=["a", "b"], train_x=[])


@pytest.mark.parametrize(
    ("label", "found"),
    [
        (np.zeros(3, dtype=np.float32), r"float32 of shape \(3,\)"),
        (np.zeros(2), r"float64 of shape \(2,\)"),
        ([0, 1], r"int64 of shape \(2,\)"),
    ],
)
def test_a_label_that_does_not_fit_is_named(cfg, label, found: str) -> None:
    cfg.TEST.NO_TEST = True
    with pytest.raises(UserError, match=rf"label of b\.jpg is {found}; expected float32"):
        IntentDataset(cfg, classnames=["a", "b"], train_x=[Record("b.jpg", label)])


def test_the_hierarchy_is_flat_unless_a_file_has_the_name(cfg) -> None:
    cfg.DATASET.HIERARCHY, cfg.DATASET.NAME = "", "Mine"
    record = Record("a.jpg", np.ones(1, dtype=np.float32))
    splits = {split: [record] for split in ("train_x", "val", "test")}
    assert IntentDataset(cfg, classnames=["RedCar"], **splits).hierarchy.sentences == ["red car"]
    cfg.DATASET.NAME = "Scenes"
    keys = get_world("rich").annotators.keys
    record = Record("a.jpg", np.ones(len(keys), dtype=np.float32))
    splits = {split: [record] for split in ("train_x", "val", "test")}
    assert IntentDataset(cfg, classnames=keys, **splits).hierarchy.levels["super"]
