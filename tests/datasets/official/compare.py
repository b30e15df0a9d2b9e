"""Compare a data set that the project has read with the expected content of its files."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from core.labels import UNKNOWN
from datasets import IntentDataset, Record
from tests.datasets.official.expected import Expected

Labels = dict[str, set[str]]


def check_classes(dataset: IntentDataset, expected: Expected, *, ordered: bool) -> None:
    """Check the class names; differences of case, spaces and punctuation are allowed."""
    found = list(map(plain, dataset.classnames))
    wanted = list(map(plain, expected.classnames))
    if not ordered:
        found.sort()
        wanted.sort()
    assert found == wanted


def check_labels(
    dataset: IntentDataset,
    expected: Expected,
    root: Path,
    *,
    readings: Sequence[str] = ("",),
    single: bool = False,
) -> None:
    """Check the images and positive classes of all splits.

    Where the files have no val split, the records of train and val together must be those of
    train. Without any split the records of all three together must be those of ``all``.

    Args:
        root: folder that the generator wrote to.
        readings: accepted variants of ``expected``; empty is ``expected.splits`` itself. One of
            them must fit all images.
        single: one positive class per image; of several expected ones any.
    """
    by_name = {"": expected.splits, **expected.variants}
    faults = []
    for reading in readings:
        fault = _compare(dataset, by_name[reading], root, single)
        if not fault:
            return
        faults.append(f"{reading or 'splits'}: {fault}")
    raise AssertionError("\n".join(faults))


def check_unseen(dataset: IntentDataset, expected: Expected) -> None:
    """Check that labels of unseen classes, and no others, are unknown in train and val."""
    unseen = set(map(plain, expected.unseen))
    columns = [plain(name) in unseen for name in dataset.classnames]
    assert sorted(dataset.unseen) == np.flatnonzero(columns).tolist()
    for record in (*dataset.train_x, *dataset.val):
        assert ((record.label == UNKNOWN) == columns).all(), record.impath


def check_shares(
    dataset: IntentDataset, expected: Expected, root: Path, *, splits: Iterable[str]
) -> None:
    """Check the votes of all records; over fewer classes the shares are scaled to the sum 1."""
    for split in splits:
        for name, record in named(records_of(dataset, split), root):
            wanted = _aligned(expected.shares[name], dataset.classnames)
            if dataset.kind == "single_label":
                wanted /= wanted.sum()
            assert record.votes is not None, name
            np.testing.assert_allclose(record.votes, wanted, atol=1e-5, err_msg=name)


def check_soft_targets(dataset: IntentDataset) -> None:
    """Check that train labels are the votes, and labels of val and test are 0 or 1."""
    for record in dataset.train_x:
        np.testing.assert_allclose(record.label, record.votes, atol=1e-6)
    for record in (*dataset.val, *dataset.test):
        assert set(record.label.tolist()) == {0.0, 1.0}


def check_boxes(dataset: IntentDataset, expected: Expected, root: Path) -> None:
    """Check the boxes inside the image, to one pixel."""
    for split in ("train", "val", "test"):
        for name, record in named(records_of(dataset, split), root):
            width, height = Image.open(record.impath).size
            limits = np.array([width, height, width, height])
            wanted = np.clip(expected.boxes[name], 0, limits)
            assert record.box is not None, name
            assert np.abs(np.clip(record.box, 0, limits) - wanted).max() <= 1, name


def check_order(records: Sequence[Record], orders: Iterable[Sequence[str]], root: Path) -> None:
    """Check that the records follow one of the orders; records may be missing (drawn for val)."""
    found = [path_below(record, root) for record in records]
    for order in orders:
        if [name for name in order if name in found] == found:
            return
    raise AssertionError(f"records are in none of the documented orders: {found}")


def plain(name: str) -> str:
    """Return a class name in lower case, with letters and digits only."""
    return "".join(char for char in name.lower() if char.isalnum())


def records_of(dataset: IntentDataset, split: str) -> list[Record]:
    """Return the records of a split; ``all`` is the three together."""
    splits = {"train": dataset.train_x, "val": dataset.val, "test": dataset.test}
    if split == "all":
        return [*dataset.train_x, *dataset.val, *dataset.test]
    return list(splits[split])


def named(records: Sequence[Record], root: Path) -> list[tuple[str, Record]]:
    """Return (name, record); names of records with a box end with #0, #1, ... in order.

    Such records may share a file, as persons do.
    """
    seen: Counter[str] = Counter()
    pairs = []
    for record in records:
        name = path_below(record, root)
        if record.box is not None:
            seen[name] += 1
            name += f"#{seen[name] - 1}"
        pairs.append((name, record))
    return pairs


def path_below(record: Record, root: Path) -> str:
    """Return the path of the record's file below ``root``; the file must exist."""
    path = Path(record.impath)
    assert path.is_file(), path
    return path.resolve().relative_to(root.resolve()).as_posix()


def _aligned(shares: dict[str, float], classnames: Sequence[str]) -> np.ndarray:
    """Return the shares (C,) of the data set's classes."""
    names = list(map(plain, shares))
    values = list(shares.values())
    return np.array([values[names.index(plain(name))] for name in classnames])


def _compare(dataset: IntentDataset, wanted: dict[str, Labels], root: Path, single: bool) -> str:
    """Return the first difference, empty without one."""
    for split in ("all", "train", "val", "test"):
        if split not in wanted:
            continue
        records = records_of(dataset, split)
        if split == "train" and "val" not in wanted:
            records += dataset.val
        found: Labels = {}
        for name, record in named(records, root):
            if name in found:
                return f"{name} is read twice"
            found[name] = _positives(record, dataset.classnames)
        fault = _difference(found, wanted[split], single)
        if fault:
            return f"{split}: {fault}"
    return ""


def _positives(record: Record, classnames: Sequence[str]) -> set[str]:
    assert record.label.dtype == np.float32
    assert set(record.label.tolist()) <= {0.0, 1.0, float(UNKNOWN)}, record.impath
    return {plain(classnames[i]) for i in np.flatnonzero(record.label == 1)}


def _difference(found: Labels, wanted: Labels, single: bool) -> str:
    missing, extra = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    if missing or extra:
        return f"images missing {missing}, not expected {extra}"
    for name, labels in wanted.items():
        names = set(map(plain, labels))
        is_right = found[name] == names
        if single:
            is_right = len(found[name]) == 1 and found[name] <= names
        if not is_right:
            return f"{name} is {sorted(found[name])}, expected {sorted(names)}"
    return ""
