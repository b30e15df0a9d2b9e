"""Data sets for given predictions: labels without images, train optional; names and votes."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from core.errors import UserError
from datasets import DATASET_REGISTRY, Record, build_annotations, build_dataset, image_names


@pytest.fixture
def annotations(cfg, scenes_root: Path, tmp_path: Path) -> Path:
    """Return a root that has the annotation files and no image."""
    shutil.copytree(scenes_root / "annotations", tmp_path / "annotations")
    cfg.DATASET.ROOT = str(tmp_path)
    return tmp_path / "annotations"


def test_annotations_are_enough_to_evaluate_predictions(cfg, annotations) -> None:
    with pytest.raises(UserError, match="images are missing"):
        build_dataset(cfg)
    dataset = build_annotations(cfg)
    assert [len(split) for split in (dataset.train_x, dataset.val, dataset.test)] == [22, 6, 7]
    assert dataset.hierarchy.levels["super"]


def test_neither_train_nor_val_is_needed_for_test(cfg, annotations) -> None:
    (annotations / "intentonomy_train2020.json").unlink()
    assert build_annotations(cfg).train_x == []
    (annotations / "intentonomy_val2020.json").unlink()
    dataset = build_annotations(cfg, splits=("test",))
    assert dataset.val == [] and len(dataset.test) == 7
    with pytest.raises(UserError, match=r"intentonomy_val2020\.json is missing"):
        build_annotations(cfg)


def test_a_class_that_knows_no_splits_is_built_as_for_training(cfg, monkeypatch) -> None:
    seen = []
    monkeypatch.setitem(DATASET_REGISTRY._obj_map, "Plain", lambda cfg: seen.append(cfg))
    cfg.DATASET.NAME = "Plain"
    build_annotations(cfg)
    assert seen == [cfg]


def test_names_are_those_of_the_annotation_file(cfg, scenes_root: Path) -> None:
    dataset = build_dataset(cfg)
    names = image_names(dataset.test, scenes_root)
    assert names == [record.name for record in dataset.test]
    assert all((scenes_root / name).is_file() for name in names)
    label = np.zeros(1, dtype=np.float32)
    inside, outside = Record(str(scenes_root / "a" / "b.jpg"), label), Record("/else/c.jpg", label)
    assert image_names([inside, outside], scenes_root) == ["a/b.jpg", "/else/c.jpg"]


def test_votes_are_kept_under_every_label_policy(cfg) -> None:
    votes = [record.votes for record in build_dataset(cfg).train_x]
    cfg.DATASET.LABEL_POLICY = "majority"
    dataset = build_dataset(cfg)
    for record, shares in zip(dataset.train_x, votes, strict=True):
        np.testing.assert_array_equal(record.votes, shares)
        np.testing.assert_array_equal(record.label, shares > 0.5)
    assert dataset.test[0].votes is None
