"""The annotation parser: labels, order, and a named error for every fault."""

import copy
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.config_merge import setup_cfg
from core.errors import UserError
from datasets import build_dataset
from datasets.intentonomy import read_annotations
from datasets.label_policy import apply_policy

FOLDER = os.environ.get("INTENTONOMY_ANNOTATIONS", "")
official = pytest.mark.skipif(
    not FOLDER, reason="INTENTONOMY_ANNOTATIONS does not name the official files' folder"
)

GOOD = {
    "categories": [{"id": 1, "name": "B"}, {"id": 0, "name": "A"}],
    "images": [{"id": "x", "filename": "low/x.jpg"}, {"id": "y", "filename": "low/y.jpg"}],
    "annotations": [
        {"id": 0, "image_id": "y", "category_ids": [1]},
        {"id": 1, "image_id": "x", "category_ids": []},
    ],
}


def parse(tmp_path: Path, content: Any) -> Any:
    path = tmp_path / "intentonomy_val2020.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_annotations(path)


def changed(*keys: Any, value: Any) -> dict:
    content = copy.deepcopy(GOOD)
    node = content
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = value
    return content


def test_order_is_that_of_annotations_and_category_ids(tmp_path: Path) -> None:
    file = parse(tmp_path, GOOD)
    assert file.classnames == ["A", "B"]
    assert file.filenames == ["low/y.jpg", "low/x.jpg"]
    np.testing.assert_array_equal(file.targets, [[0, 1], [0, 0]])


def test_policies() -> None:
    shares = np.array([[0, 1 / 3, 2 / 3, 1]], dtype=np.float32)
    np.testing.assert_array_equal(apply_policy(shares, "any"), [[0, 1, 1, 1]])
    np.testing.assert_array_equal(apply_policy(shares, "majority"), [[0, 0, 1, 1]])
    np.testing.assert_array_equal(apply_policy(shares, "soft"), shares)


def soft(shares: list) -> dict:
    return changed(
        "annotations", value=[{"id": 0, "image_id": "x", "category_ids_softprob": shares}]
    )


FAULTS = [
    ("{", "not valid JSON"),
    ([], "list under the key 'categories'"),
    (changed("images", value=None), "list under the key 'images'"),
    (
        changed("annotations", 1, value=7),
        r"annotations\[1\]: expected an object with the key 'image_id'",
    ),
    (
        changed("annotations", 1, "image_id", value="z"),
        r"annotations\[1\]: image_id 'z' is not in 'images'",
    ),
    (
        changed("annotations", 1, "image_id", value=["x"]),
        r"annotations\[1\]: 'image_id' is \['x'\]; expected str",
    ),
    (
        changed("annotations", 1, "image_id", value="y"),
        r"annotations\[1\]: image_id 'y' is annotated twice",
    ),
    (changed("annotations", 1, "id", value=0), r"annotations\[1\]: id 0 is given twice"),
    (
        changed("annotations", 0, "category_ids", value=[2]),
        r"annotations\[0\]: category_ids holds 2; expected 0 to 1",
    ),
    (changed("annotations", 0, "category_ids", value=[-1]), "holds -1"),
    (changed("annotations", 0, "category_ids", value=[True]), "holds True"),
    (
        changed("annotations", 1, value={"id": 1, "image_id": "x"}),
        r"annotations\[1\].*'category_ids'",
    ),
    (changed("images", 1, "id", value="x"), r"images\[1\]: id 'x' is given twice"),
    (changed("images", 1, value={"id": "y"}), r"images\[1\].*'filename'"),
    (changed("categories", 1, "id", value=1), r"categories\[1\]: id 1 is given twice"),
    (changed("categories", 0, "id", value=5), r"ids are \[0, 5\]; expected 0 to C-1"),
    (changed("categories", 0, "name", value="A"), "name is given twice"),
    (soft([0.5]), r"annotations\[0\]: category_ids_softprob has 1 values; expected 2"),
    (soft([float("nan"), 0]), "holds nan; expected numbers from 0 to 1"),
    (soft([1.5, 0]), "holds 1.5"),
    (soft(["1", 0]), "holds '1'"),
]


@pytest.mark.parametrize(("content", "message"), FAULTS)
def test_faults_name_file_and_entry(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        parse(tmp_path, content)
    assert "intentonomy_val2020.json" in str(caught.value)


scalars = st.none() | st.booleans() | st.integers(-2, 3) | st.floats() | st.text(max_size=2)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner)
)
places = st.sampled_from(
    [(part,) for part in GOOD]
    + [(part, i) for part in GOOD for i in (0, 1)]
    + [(part, i, key) for part in GOOD for i in (0, 1) for key in GOOD[part][i]]
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=places, value=values)
def test_any_damage_is_parsed_or_a_user_error(tmp_path: Path, place: tuple, value: Any) -> None:
    try:
        file = parse(tmp_path, changed(*place, value=value))
    except UserError:
        return
    assert file.targets.shape == (len(file.filenames), len(file.classnames))
    assert np.isin(file.targets, (0, 1)).all() or file.is_soft


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=1, max_size=5))
def test_soft_targets_round_trip(tmp_path: Path, rows: list[list[int]]) -> None:
    content = {
        "categories": [{"id": c, "name": str(c)} for c in range(4)],
        "images": [{"id": str(i), "filename": f"{i}.jpg"} for i in range(len(rows))],
        "annotations": [
            {"id": i, "image_id": str(i), "category_ids_softprob": [v / 3 for v in row]}
            for i, row in enumerate(rows)
        ],
    }
    np.testing.assert_allclose(parse(tmp_path, content).targets * 3, rows, atol=1e-6)


def test_scenes_are_an_intentonomy(cfg, scenes_root: Path) -> None:
    dataset = build_dataset(cfg)
    assert [len(split) for split in (dataset.train_x, dataset.val, dataset.test)] == [22, 6, 7]
    assert dataset.num_classes == 20
    assert dataset.lab2cname[0] == "EnjoyNature"
    assert dataset.train_u is None
    record = dataset.train_x[0]
    assert record.impath.startswith(str(scenes_root))
    assert record.label.dtype == np.float32
    assert record.label.shape == (20,)


@pytest.mark.parametrize("policy", ["any", "majority", "soft"])
def test_policy_concerns_train_alone(cfg, policy: str) -> None:
    cfg.DATASET.LABEL_POLICY = policy
    dataset = build_dataset(cfg)
    train = np.stack([record.label for record in dataset.train_x])
    assert np.isin(train, (0, 1)).all() == (policy != "soft")
    assert all(np.isin(record.label, (0, 1)).all() for record in dataset.val + dataset.test)


def copy_annotations(source: Path, target: Path) -> Path:
    (target / "annotations").mkdir()
    for path in (source / "annotations").iterdir():
        (target / "annotations" / path.name).write_bytes(path.read_bytes())
    return target


def test_missing_images_come_in_one_error(cfg, scenes_root: Path, tmp_path: Path) -> None:
    cfg.DATASET.ROOT = str(copy_annotations(scenes_root, tmp_path))
    with pytest.raises(
        UserError, match=r"^35 images are missing below .*and 30 more.*tools.download intentonomy"
    ) as caught:
        build_dataset(cfg)
    assert str(caught.value).count(".jpg") == 5


def test_the_configuration_knows_the_published_numbers(scenes_root: Path, caplog) -> None:
    opts = ("DATASET.ROOT", str(scenes_root), "DATASET.HIERARCHY", "scenes")
    build_dataset(setup_cfg(["configs/datasets/intentonomy.yaml"], opts=opts))
    assert "22 images in split train; the published one has 12740" in caplog.text
    assert "7 images in split test; the published one has 1217" in caplog.text


def test_dead_images_are_left_out_by_choice(cfg, scenes_root: Path, tmp_path: Path) -> None:
    full = build_dataset(cfg)
    root = copy_annotations(scenes_root, tmp_path)
    dead = {full.train_x[3].name, full.test[0].name}
    (root / "low").mkdir()
    for record in (*full.train_x, *full.val, *full.test):
        if record.name not in dead:
            (root / record.name).symlink_to(record.impath)
    cfg.DATASET.ROOT = str(root)
    with pytest.raises(UserError, match=r"2 images are missing .*DATASET.MISSING_IMAGES skip"):
        build_dataset(cfg)
    cfg.DATASET.MISSING_IMAGES = "skip"
    dataset = build_dataset(cfg)
    for records, every in ((dataset.train_x, full.train_x), (dataset.test, full.test)):
        whole = {record.name: record.label for record in every}
        assert {record.name for record in records} == whole.keys() - dead
        for record in records:
            np.testing.assert_array_equal(record.label, whole[record.name])
    assert len(dataset.val) == len(full.val)
    train, test = dataset.notes
    assert train.startswith("1 of 22 images of split train are missing and are left out")
    assert "split test" in test


def test_missing_val_file_is_no_test_split(cfg, scenes_root: Path, tmp_path: Path) -> None:
    cfg.DATASET.ROOT = str(copy_annotations(scenes_root, tmp_path))
    (tmp_path / "annotations" / "intentonomy_val2020.json").unlink()
    with pytest.raises(UserError, match=r"intentonomy_val2020\.json is missing"):
        build_dataset(cfg)


@pytest.mark.parametrize("broken", ["rename", "fewer", "empty"])
def test_files_must_agree_and_hold_images(
    cfg, scenes_root: Path, tmp_path: Path, broken: str
) -> None:
    root = copy_annotations(scenes_root, tmp_path)
    (root / "low").symlink_to(scenes_root / "low")
    path = root / "annotations" / "intentonomy_test2020.json"
    content = json.loads(path.read_text())
    if broken == "rename":
        content["categories"][2]["name"] = "Other"
    elif broken == "fewer":
        content["categories"].pop()
        content["annotations"] = [{**content["annotations"][0], "category_ids": [0]}]
    else:
        content["annotations"] = []
    path.write_text(json.dumps(content))
    cfg.DATASET.ROOT = str(root)
    expected = {
        "rename": "id 2 is 'Other', not",
        "fewer": "19 against 20",
        "empty": "no images in split test",
    }[broken]
    with pytest.raises(UserError, match=expected):
        build_dataset(cfg)


def test_a_wrong_name_gets_a_hint(cfg) -> None:
    cfg.DATASET.NAME = "Intentonomi"
    with pytest.raises(UserError, match="Did you mean 'Intentonomy'"):
        build_dataset(cfg)


def official_root(root: Path) -> dict[str, np.ndarray]:
    """Lay out the official files, a train file made from the label matrix and empty images."""
    folder = Path(FOLDER)
    (root / "annotations").mkdir()
    (root / "low").mkdir()
    matrices = {
        s: np.load(folder / f"{s}_label_vectors_intentonomy2020.npy")
        for s in ("train", "val", "test")
    }
    for split in ("val", "test"):
        source = folder / f"intentonomy_{split}2020.json"
        (root / "annotations" / source.name).write_bytes(source.read_bytes())
    categories = json.loads((folder / "intentonomy_val2020.json").read_bytes())["categories"]
    ids = [f"{i:032x}" for i in range(len(matrices["train"]))]
    train = {
        "categories": categories,
        "images": [
            {"id": i, "filename": f"low/{i}.jpg", "original_id": i, "unsplash_url": ""} for i in ids
        ],
        "annotations": [
            {"id": n, "image_id": i, "category_ids_softprob": row}
            for n, (i, row) in enumerate(zip(ids, matrices["train"].tolist(), strict=True))
        ],
    }
    (root / "annotations" / "intentonomy_train2020.json").write_text(json.dumps(train))
    for path in (root / "annotations").iterdir():
        for image in json.loads(path.read_bytes())["images"]:
            (root / image["filename"]).touch()
    return matrices


@official
def test_official_labels_equal_the_matrices(cfg, tmp_path: Path) -> None:
    matrices = official_root(tmp_path)
    cfg.DATASET.ROOT, cfg.DATASET.HIERARCHY = str(tmp_path), ""
    dataset = build_dataset(cfg)
    assert dataset.hierarchy.names[7] == "fine design: architecture"
    splits = {"train": dataset.train_x, "val": dataset.val, "test": dataset.test}
    for split, records in splits.items():
        labels = np.stack([record.label for record in records])
        np.testing.assert_array_equal(labels, (matrices[split] > 0).astype(np.float32))
