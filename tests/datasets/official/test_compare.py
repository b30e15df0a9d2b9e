"""The comparison accepts a correct data set and names the fault of a wrong one."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from datasets import Record
from tests.datasets.official import emotic, ldl
from tests.datasets.official.compare import (
    check_boxes,
    check_labels,
    check_order,
    check_shares,
)
from tests.datasets.official.expected import Expected


def read(expected: Expected, root: Path) -> SimpleNamespace:
    """Return the data set that a correct loader reads; ``all`` is divided into three splits."""
    dataset = SimpleNamespace(classnames=expected.classnames, kind="multi_label", unseen=())
    dataset.train_x, dataset.val, dataset.test = [], [], []
    parts = {"train": dataset.train_x, "val": dataset.val, "test": dataset.test}
    for split, images in expected.splits.items():
        for i, (name, labels) in enumerate(images.items()):
            label = np.array([key in labels for key in expected.classnames], dtype=np.float32)
            votes = np.array([expected.shares[name][key] for key in expected.classnames])
            path = root / name.split("#")[0]
            record = Record(str(path), label, votes=votes, box=expected.boxes.get(name))
            parts[("train", "val", "test")[i % 3] if split == "all" else split].append(record)
    return dataset


def test_a_correct_data_set_is_accepted(tmp_path: Path) -> None:
    expected = emotic.write_emotic(tmp_path / "emotic")
    dataset = read(expected, tmp_path / "emotic")
    check_labels(dataset, expected, tmp_path / "emotic")
    check_boxes(dataset, expected, tmp_path / "emotic")
    check_shares(dataset, expected, tmp_path / "emotic", splits=["val", "test"])
    expected = ldl.write_flickr_ldl(tmp_path / "ldl")
    dataset = read(expected, tmp_path / "ldl")
    check_labels(dataset, expected, tmp_path / "ldl")
    check_shares(dataset, expected, tmp_path / "ldl", splits=["all"])


def test_a_wrong_label_is_named(tmp_path: Path) -> None:
    expected = emotic.write_emotic(tmp_path)
    dataset = read(expected, tmp_path)
    label = dataset.test[2].label.copy()
    label[0] = 1
    dataset.test[2] = replace(dataset.test[2], label=label)
    with pytest.raises(AssertionError, match=r"test: .*000000391553\.jpg#1 is \['affection"):
        check_labels(dataset, expected, tmp_path)


def test_a_lost_and_a_moved_image_are_named(tmp_path: Path) -> None:
    expected = emotic.write_emotic(tmp_path)
    dataset = read(expected, tmp_path)
    lost = dataset.val.pop()
    with pytest.raises(AssertionError, match="val: images missing"):
        check_labels(dataset, expected, tmp_path)
    dataset.train_x.append(lost)
    with pytest.raises(AssertionError, match=r"train: images missing .* not expected"):
        check_labels(dataset, expected, tmp_path)


def test_shifted_votes_are_an_error(tmp_path: Path) -> None:
    expected = ldl.write_twitter_ldl(tmp_path)
    dataset = read(expected, tmp_path)
    votes = np.roll(dataset.train_x[0].votes, 1)
    dataset.train_x[0] = replace(dataset.train_x[0], votes=votes)
    with pytest.raises(AssertionError, match=r"images/1\.jpg"):
        check_shares(dataset, expected, tmp_path, splits=["train"])


def test_another_order_is_an_error(tmp_path: Path) -> None:
    expected = ldl.write_twitter_ldl(tmp_path)
    records = read(expected, tmp_path).train_x
    names = list(expected.splits["all"])
    check_order(records, [names], tmp_path)
    with pytest.raises(AssertionError, match="none of the documented orders"):
        check_order(records, [names[::-1]], tmp_path)
