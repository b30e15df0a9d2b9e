"""EMOTIC: persons, annotators and images, single entries in MATLAB's structs, and faults."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from core.config import get_cfg_default
from core.errors import UserError
from datasets import build_annotations, build_dataset
from datasets.images import open_image


def struct(entries):
    """Return a struct array of dictionaries with equal keys."""
    names = list(entries[0]) if entries else ["categories"]
    array = np.empty((1, len(entries)), dtype=[(name, object) for name in names])
    for i, entry in enumerate(entries):
        for name in names:
            array[0, i][name] = entry[name]
    return array


def cells(texts):
    array = np.empty((1, len(texts)), dtype=object)
    array[0] = texts
    return array


def person(box, *annotators, combined=None):
    entry = {
        "body_bbox": np.array(box, dtype=np.float64),
        "annotations_categories": struct([{"categories": cells(names)} for names in annotators]),
    }
    if combined is not None:
        entry["combined_categories"] = cells(combined)
    return entry


def image(name, *persons, folder="mscoco/images"):
    size = struct([{"n_col": 20, "n_row": 10}])
    return {"filename": name, "folder": folder, "image_size": size, "person": struct(persons)}


BOX = [0.4, 1, 7.6, 9]
TRAIN = [
    image("a.jpg", person(BOX, ["Peace"]), person([8, 0, 19, 10], ["Anger", "Doubt/Confusion"])),
    image("b.jpg", person(BOX, [])),
]
VAL = [image("c.jpg", person(BOX, ["Peace"], ["Peace", "Fear"], combined=["Peace", "Fear"]))]
TEST = [
    image(
        "d.jpg",
        person(BOX, ["Pain"], ["Fear"], combined=["Pain"]),
        person([8, 0, 19, 10], ["Peace"], combined=["Peace"]),
        folder="ade20k",
    )
]


def write(root: Path, **splits) -> None:
    folder = root / "Annotations"
    folder.mkdir(exist_ok=True)
    content = {"train": TRAIN, "val": VAL, "test": TEST, **splits}
    savemat(folder / "Annotations.mat", {key: struct(value) for key, value in content.items()})


@pytest.fixture
def cfg(tmp_path):
    write(tmp_path)
    for name in ("mscoco/images/a.jpg", "mscoco/images/b.jpg", "mscoco/images/c.jpg"):
        path = tmp_path / "emotic" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 10)).save(path)
    (tmp_path / "emotic/ade20k/images").mkdir(parents=True)
    Image.new("RGB", (20, 10)).save(tmp_path / "emotic/ade20k/images/d.jpg")
    cfg = get_cfg_default()
    cfg.DATASET.NAME = "Emotic"
    cfg.DATASET.ROOT = str(tmp_path)
    return cfg


def positives(dataset, record):
    return [dataset.classnames[c] for c in np.flatnonzero(record.label)]


def test_one_record_per_person_with_its_box(cfg) -> None:
    dataset = build_dataset(cfg)
    names = [record.name for record in dataset.train_x]
    assert names == ["mscoco/images/a.jpg#0", "mscoco/images/a.jpg#1", "mscoco/images/b.jpg#0"]
    labels = [positives(dataset, record) for record in dataset.train_x]
    assert labels == [["Peace"], ["Anger", "Doubt/Confusion"], []]
    assert dataset.train_x[0].box == (0, 1, 8, 9)
    with open_image(dataset.train_x[0].impath, dataset.train_x[0].box) as crop:
        assert crop.size == (8, 8)


def test_held_out_labels_are_the_combined_ones_and_votes_are_shares(cfg, caplog) -> None:
    cfg.DATASET.LABEL_POLICY = "majority"
    with caplog.at_level("INFO"):
        dataset = build_dataset(cfg)
    assert "LABEL_POLICY majority has no effect" in caplog.text
    index = dataset.classnames.index
    assert positives(dataset, dataset.val[0]) == ["Fear", "Peace"]
    assert dataset.val[0].votes[[index("Peace"), index("Fear")]].tolist() == [1, 0.5]
    assert positives(dataset, dataset.test[0]) == ["Pain"]
    assert dataset.test[0].votes[[index("Pain"), index("Fear")]].tolist() == [0.5, 0.5]
    assert dataset.train_x[0].votes is None


def test_one_record_per_image_with_the_union_of_its_persons(cfg) -> None:
    cfg.DATASET.EMOTIC_VIEW = "image"
    dataset = build_dataset(cfg)
    assert [record.name for record in dataset.test] == ["ade20k/images/d.jpg"]
    assert positives(dataset, dataset.test[0]) == ["Pain", "Peace"]
    assert dataset.test[0].votes.sum() == 2 and dataset.test[0].box is None
    assert len(dataset.train_x) == 2


def test_several_annotators_of_train_follow_the_policy(cfg, tmp_path) -> None:
    write(tmp_path, train=[image("a.jpg", person(BOX, ["Peace"], ["Peace", "Fear"]))])
    cfg.DATASET.LABEL_POLICY = "majority"
    dataset = build_dataset(cfg)
    assert positives(dataset, dataset.train_x[0]) == ["Peace"]


def test_without_combined_categories_any_annotator_counts(cfg, tmp_path) -> None:
    write(tmp_path, test=[image("a.jpg", person(BOX, ["Pain"], ["Fear"]))])
    dataset = build_dataset(cfg)
    assert positives(dataset, dataset.test[0]) == ["Fear", "Pain"]


def test_plain_texts_and_cell_arrays_of_structs_are_read_too(cfg, tmp_path) -> None:
    """A single struct or text is no array of one in every program that writes such files."""
    annotator = {"categories": "Peace"}
    entry = {"body_bbox": BOX, "annotations_categories": annotator}
    entry["combined_categories"] = ["Peace", "Doubt/Confusion"]  # rows of characters, padded
    content = {"filename": "a.jpg", "folder": "mscoco", "person": entry}
    path = tmp_path / "Annotations" / "Annotations.mat"
    savemat(path, {"train": content, "val": [content], "test": content})
    dataset = build_dataset(cfg)
    for records in (dataset.train_x, dataset.val, dataset.test):
        assert [record.name for record in records] == ["mscoco/images/a.jpg#0"]
        assert "Peace" in positives(dataset, records[0])
    assert positives(dataset, dataset.val[0]) == ["Doubt/Confusion", "Peace"]


@pytest.mark.parametrize("box", [[5, 5, 5, 9], [8, 2, 3, 9], [20, 0, 30, 5], [-9, 0, -1, 5]])
def test_persons_without_a_box_area_are_left_out(cfg, tmp_path, caplog, box) -> None:
    write(tmp_path, train=[image("a.jpg", person(box, ["Pain"]), person(BOX, ["Fear"]))])
    with caplog.at_level("INFO"):
        dataset = build_dataset(cfg)
    assert [record.name for record in dataset.train_x] == ["mscoco/images/a.jpg#1"]
    assert "1 of 2 persons in train have a box without area" in caplog.text


def test_crops_are_read_from_the_original(cfg, tmp_path) -> None:
    """A resized copy has other pixels than those that a box counts."""
    copy = tmp_path / "prepared-32" / "emotic/mscoco/images/a.jpg"
    copy.parent.mkdir(parents=True)
    Image.new("RGB", (40, 32)).save(copy)
    size = (tmp_path / "emotic/mscoco/images/a.jpg").stat().st_size
    line = (
        f'{{"name": "emotic/mscoco/images/a.jpg", "source_bytes": {size}, '
        f'"source_mtime_ns": 0, "copy_bytes": 1}}\n'
    )
    (tmp_path / "prepared-32" / "manifest.jsonl").write_text(line)
    cfg.DATASET.PREPARED = "32"
    assert "prepared" not in build_dataset(cfg).train_x[0].impath
    cfg.DATASET.EMOTIC_VIEW = "image"
    assert build_dataset(cfg).train_x[0].impath == str(copy)


def test_given_predictions_need_no_images(cfg, tmp_path) -> None:
    (tmp_path / "emotic/ade20k/images/d.jpg").unlink()
    with pytest.raises(UserError, match=r"1 image is missing .*emotic/ade20k/images/d\.jpg"):
        build_dataset(cfg)
    assert len(build_annotations(cfg).test) == 2


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (person(BOX, ["Piece"]), r"train\(1\)\.person\(1\): category is 'Piece'; .* 'Peace'"),
        (person([1, 2, 3], ["Peace"]), "'body_bbox' is .*expected x1, y1, x2, y2"),
        (person(BOX), "has no annotator"),
        ({"body_bbox": np.array(BOX)}, "has no field 'annotations_categories'"),
    ],
)
def test_faults_are_named(cfg, tmp_path, entry, message) -> None:
    write(tmp_path, train=[image("a.jpg", entry)])
    with pytest.raises(UserError, match=message):
        build_dataset(cfg)


def test_faults_of_the_file_are_named(cfg, tmp_path) -> None:
    path = tmp_path / "Annotations" / "Annotations.mat"
    savemat(path, {"train": struct(TRAIN)})
    with pytest.raises(UserError, match="has no struct 'val'"):
        build_dataset(cfg)
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match="cannot be read as a MATLAB file"):
        build_dataset(cfg)
    path.unlink()
    with pytest.raises(
        UserError, match=r"EMOTIC's annotations: not found below .*Annotations\.mat"
    ):
        build_dataset(cfg)
