"""Few shots, base and new classes, and a portion of the images."""

import numpy as np
import pytest

from core.errors import UserError
from datasets import IntentDataset, Record, multi_hot
from datasets.folds import draw_folds, split_folds
from datasets.selection.classes import chosen_classes, keep_classes
from datasets.selection.shots import draw_shots, val_shots

NAMES = ["a", "b", "c", "d", "e"]


def photos(count: int, prefix: str = "", classes: int = 5) -> list[Record]:
    made = []
    for i in range(count):
        first, second = NAMES[i % classes], NAMES[(i + 1) % classes]
        names = [first, second] if i % 4 == 0 else [first]
        made.append(Record(f"{prefix}{i}.jpg", multi_hot(names, NAMES)))
    return made


@pytest.fixture
def plain(cfg):
    cfg.DATASET.HIERARCHY, cfg.DATASET.NAME = "", "Photos"
    return cfg


def build(cfg) -> IntentDataset:
    splits = {"train_x": photos(60), "val": photos(40, "v"), "test": photos(40, "t")}
    return IntentDataset(cfg, classnames=NAMES, **splits)


def test_each_class_has_at_least_its_shots(plain) -> None:
    plain.DATASET.NUM_SHOTS = 3
    dataset = build(plain)
    counts = np.stack([record.label for record in dataset.train_x]).sum(axis=0)
    assert (counts >= 3).all() and len(dataset.train_x) <= 15
    assert len(dataset.val) <= 15 and len(dataset.test) == 40
    (drawn,) = dataset.drawn
    assert (
        "3 shots per class" in drawn.message and f"{len(dataset.train_x)} images" in drawn.message
    )


def test_shots_follow_the_seed_of_the_run(plain) -> None:
    plain.DATASET.NUM_SHOTS = 2
    draws = []
    for plain.SEED in (1, 1, 2):
        draws.append([record.impath for record in build(plain).train_x])
    assert draws[0] == draws[1] != draws[2]


def test_shots_of_val_are_at_most_four_unless_set() -> None:
    assert val_shots(16, -1) == 4 and val_shots(2, -1) == 2
    assert val_shots(16, 8) == 8 and val_shots(16, 0) == 0


def test_a_class_with_few_images_gives_all_of_them() -> None:
    labels = np.repeat(np.eye(2, dtype=np.float32), [2, 30], axis=0)
    drawn = draw_shots(labels, shots=5, generator=np.random.default_rng(0))
    assert labels[drawn].sum(axis=0).tolist() == [2, 5]
    assert drawn.tolist() == sorted(set(drawn.tolist()))


@pytest.mark.parametrize("kind", ["single_label", "multi_label"])
def test_an_image_with_soft_targets_counts_for_its_strongest_class(plain, kind) -> None:
    plain.DATASET.NUM_SHOTS = 2
    made = []
    for i in range(40):
        label = np.full(5, 0.15, dtype=np.float32)
        label[i % 5] = 0.4
        made.append(Record(f"{i}.jpg", label, votes=label))
    splits = {"train_x": made, "val": made[:20], "test": made[20:]}
    dataset = IntentDataset(plain, classnames=NAMES, kind=kind, **splits)
    strongest = [int(record.label.argmax()) for record in dataset.train_x]
    assert sorted(strongest) == sorted([*range(5), *range(5)])
    assert "10 images, 2 to 2 of a class" in dataset.drawn[0].message


@pytest.mark.parametrize(("which", "names"), [("base", ["a", "b", "c"]), ("new", ["d", "e"])])
def test_base_is_the_first_half_and_new_the_rest(plain, which, names) -> None:
    plain.DATASET.SUBSAMPLE_CLASSES = which
    dataset = build(plain)
    assert dataset.classnames == names and dataset.num_classes == len(names)
    assert dataset.hierarchy.names == names
    for record in (*dataset.train_x, *dataset.val, *dataset.test):
        assert record.label.shape == (len(names),) and record.label.max() == 1
    assert [len(s) for s in (dataset.train_x, dataset.test)] != [60, 40]
    assert which in dataset.drawn[0].message


def test_base_has_one_more_class_of_an_odd_number() -> None:
    assert chosen_classes(5, "base") == [0, 1, 2] and chosen_classes(4, "new") == [2, 3]


def test_a_soft_target_counts_for_its_largest_class() -> None:
    label = np.array([0.6, 0.3, 0.1], dtype=np.float32)
    record = Record("a.jpg", label, votes=label)
    assert keep_classes([record], [1, 2]) == []
    (kept,) = keep_classes([record], [0, 1])
    np.testing.assert_array_equal(kept.votes, label[:2])


def test_the_first_images_are_the_portion(plain) -> None:
    plain.DATASET.PORTION = 0.25
    dataset = build(plain)
    assert [record.impath for record in dataset.train_x] == [f"{i}.jpg" for i in range(15)]
    assert len(dataset.test) == 40


def test_folds_partition_the_images_and_every_image_is_test_once(plain) -> None:
    everything = photos(43)
    seen = []
    for plain.DATASET.FOLD in range(5):
        train, val, test = split_folds(everything, plain)
        assert len(train) + len(val) + len(test) == 43
        seen += [record.impath for record in test]
    assert sorted(seen) == sorted(record.impath for record in everything)


def test_folds_are_stratified() -> None:
    labels = np.repeat(np.eye(3), [50, 25, 10], axis=0)
    folds = draw_folds(labels, count=5, seed=0)
    for fold in range(5):
        assert labels[folds == fold].sum(axis=0).tolist() == [10, 5, 2]


def test_a_fold_that_does_not_exist_is_named(plain) -> None:
    plain.DATASET.FOLD = 5
    with pytest.raises(UserError, match=r"DATASET.FOLD is 5; accepted: 0 to 4"):
        split_folds(photos(20), plain)
