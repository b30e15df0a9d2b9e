"""Partial labels: drawn masks, both layouts on disk, and files that do not fit."""

import numpy as np
import pytest
import torch

from core.errors import UserError
from core.labels import UNKNOWN
from datasets import IntentDataset, Record, multi_hot
from datasets.selection.partial_labels import draw_mask, find_mask, read_mask, write_mask

NAMES = ["a", "b", "c"]
LABELS = np.array([[1, 0, 0], [0, 1, 1], [1, 1, 0], [0, 0, 1]], dtype=np.float32)


def build(cfg, count: int = 200, **keys: object) -> IntentDataset:
    cfg.DATASET.HIERARCHY, cfg.DATASET.NAME = "", "Photos"
    for name, value in keys.items():
        cfg.DATASET[name] = value
    records = [Record(f"{i}.jpg", multi_hot([NAMES[i % 3]], NAMES)) for i in range(count)]
    return IntentDataset(cfg, classnames=NAMES, train_x=records, val=records[:9], test=records[:9])


def test_about_the_portion_is_known_and_held_out_labels_all_are(cfg) -> None:
    dataset = build(cfg, PORTION_KNOWN=0.3)
    labels = np.stack([record.label for record in dataset.train_x])
    assert 0.2 < (labels != UNKNOWN).mean() < 0.4
    full = np.stack([multi_hot([NAMES[i % 3]], NAMES) for i in range(200)])
    np.testing.assert_array_equal(np.where(labels == UNKNOWN, full, labels), full)
    for record in (*dataset.val, *dataset.test):
        assert UNKNOWN not in record.label


@pytest.mark.parametrize("layout", ["dualcoop", "hcp"])
def test_a_kept_mask_gives_the_same_labels_again(cfg, layout, tmp_path) -> None:
    first = build(cfg, PORTION_KNOWN=0.5, MASK_LAYOUT=layout)
    (drawn,) = first.drawn
    drawn.write(tmp_path / drawn.file)
    cfg.SEED = 77
    again = build(cfg, PORTION_KNOWN=1.0, MASK_FILE=str(tmp_path / drawn.file))
    for old, new in zip(first.train_x, again.train_x, strict=True):
        np.testing.assert_array_equal(old.label, new.label)


def test_the_mask_of_a_drawn_val_split_keeps_its_rows(cfg) -> None:
    cfg.DATASET.HIERARCHY, cfg.DATASET.NAME, cfg.DATASET.PORTION_KNOWN = "", "Photos", 0.5
    records = [Record(f"{i}.jpg", multi_hot([NAMES[i % 3]], NAMES)) for i in range(60)]
    dataset = IntentDataset(cfg, classnames=NAMES, train_x=records, val=None, test=records[:3])
    labels = np.stack([record.label for record in records])
    known = draw_mask(labels.shape, portion=0.5, seed=cfg.SEED)
    for record in dataset.train_x:
        row = int(record.impath.removesuffix(".jpg"))
        np.testing.assert_array_equal(record.label != UNKNOWN, known[row])
    assert all(UNKNOWN not in record.label for record in dataset.val)


def test_hcps_mask_is_that_of_numpys_seed_0() -> None:
    state = np.random.get_state()
    np.random.seed(0)
    expected = np.random.random((7, 5)) < 0.4
    np.random.set_state(state)
    np.testing.assert_array_equal(draw_mask((7, 5), portion=0.4, layout="hcp", seed=9), expected)


def test_layouts_on_disk(tmp_path) -> None:
    known = np.array([[1, 0, 1], [1, 1, 0], [0, 0, 0], [1, 1, 1]], dtype=bool)
    write_mask(tmp_path / "m.pt", known, LABELS, "dualcoop")
    tensor = torch.load(tmp_path / "m.pt", weights_only=True)
    assert tensor.shape == (4, 1, 3) and tensor.dtype == torch.int64
    write_mask(tmp_path / "m.npy", known, LABELS, "hcp")
    assert np.load(tmp_path / "m.npy").tolist()[0] == [1, 0, -1]
    torch.save(tensor.expand(4, 3, 3).clone(), tmp_path / "coco.pt")
    for name in ("m.pt", "m.npy", "coco.pt"):
        np.testing.assert_array_equal(read_mask(tmp_path / name, LABELS), known)


def test_a_mask_in_the_folder_of_the_annotations_is_found(tmp_path) -> None:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "m.pt").touch()
    assert find_mask("m.pt", tmp_path) == tmp_path / "annotations" / "m.pt"
    for folder in ("VOC2007/Annotations", "VOCdevkit/VOC2007/Annotations"):
        place = tmp_path / folder / f"{folder.count('/')}.pt"
        place.parent.mkdir(parents=True)
        place.touch()
        assert find_mask(place.name, tmp_path) == place
    with pytest.raises(UserError, match=r"MASK_FILE 'other\.pt' does not exist; looked at"):
        find_mask("other.pt", tmp_path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones((3, 3)), r"shape \(3, 3\); expected \(4, 3\)"),
        (np.full((4, 3), 2), "has the values"),
        (np.ones((4, 1, 2)), "shape"),
        (np.ones(4), "holds no mask"),
        (np.ones((4, 0, 3)), "holds no mask"),
        (-LABELS + (LABELS == 0), "in another order"),
    ],
)
def test_a_mask_that_does_not_fit_is_one_line(tmp_path, values, message) -> None:
    np.save(tmp_path / "m.npy", values)
    with pytest.raises(UserError, match=message) as caught:
        read_mask(tmp_path / "m.npy", LABELS)
    assert "\n" not in str(caught.value)


def test_a_mask_of_a_type_that_numpy_lacks_is_read(tmp_path) -> None:
    known = LABELS > 0
    torch.save(torch.from_numpy(known).to(torch.bfloat16).requires_grad_(), tmp_path / "m.pt")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.pt", LABELS), known)


@pytest.mark.parametrize("name", ["m.npy", "m.pt"])
def test_a_broken_mask_file_is_one_line(tmp_path, name) -> None:
    (tmp_path / name).write_bytes(b"no mask")
    with pytest.raises(UserError, match="cannot be read") as caught:
        read_mask(tmp_path / name, LABELS)
    assert "\n" not in str(caught.value)
