"""Labels of unseen classes cannot be read before the final evaluation."""

import pickle

import numpy as np
import pytest

from core.errors import UserError
from core.labels import UNKNOWN
from datasets import IntentDataset, Record
from datasets.sealed import SealBroken

NAMES = ["a", "b", "c"]


def record(name: str, *values: float) -> Record:
    return Record(name, np.array(values, dtype=np.float32))


def build(cfg, **options) -> IntentDataset:
    cfg.DATASET.HIERARCHY, cfg.DATASET.NAME = "", "Photos"
    train = [record(f"{i}.jpg", i % 2, 1 - i % 2, UNKNOWN) for i in range(40)]
    test = [record("t.jpg", 1, 0, 1), record("u.jpg", 0, 1, 0)]
    return IntentDataset(cfg, classnames=NAMES, train_x=train, test=test, unseen=[2], **options)


def test_a_reader_before_the_final_evaluation_raises(cfg) -> None:
    dataset = build(cfg)
    assert len(dataset.test) == 2 and dataset.test[0].impath == "t.jpg"
    for sealed in (dataset.test[0], next(iter(dataset.test)), dataset.test[:1][0]):
        with pytest.raises(SealBroken, match=r"t\.jpg was read before the final"):
            _ = sealed.label
        with pytest.raises(SealBroken):
            _ = sealed.votes
    dataset.open_test()
    np.testing.assert_array_equal(dataset.test[0].label, [1, 0, 1])


def test_the_seal_travels_to_workers(cfg) -> None:
    dataset = build(cfg)
    with pytest.raises(SealBroken):
        _ = pickle.loads(pickle.dumps(dataset.test))[0].label
    dataset.open_test()
    assert pickle.loads(pickle.dumps(dataset.test))[0].label[2] == 1


def test_val_has_no_label_of_an_unseen_class(cfg) -> None:
    dataset = build(cfg)
    assert dataset.val and all(item.label[2] == UNKNOWN for item in dataset.val)
    assert dataset.hierarchy.subsets == {"seen": [0, 1], "unseen": [2]}


def test_a_loader_that_leaks_is_a_fault_of_the_program(cfg) -> None:
    cfg.DATASET.HIERARCHY, cfg.DATASET.NAME = "", "Photos"
    known = [record("a.jpg", 1, 0, 0)]
    with pytest.raises(AssertionError, match="unseen classes in train"):
        IntentDataset(cfg, classnames=NAMES, train_x=known, val=known, test=known, unseen=[2])


def test_unseen_classes_and_a_subsample_do_not_fit(cfg) -> None:
    cfg.DATASET.SUBSAMPLE_CLASSES = "base"
    with pytest.raises(UserError, match="accepted with a zero-shot split of the classes: all"):
        build(cfg)
