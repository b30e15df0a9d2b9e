"""COCO 2014: order and labels of the images, layouts, the zero-shot split, and faults."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.config import get_cfg_default
from core.errors import UserError
from core.labels import UNKNOWN
from datasets import build_annotations, build_dataset
from datasets.coco_json import coco_categories, make_labels, read_instances
from datasets.reading import LISTS

PERSON, DOG, TRAFFIC_LIGHT = 1, 18, 10
# Seen, unseen, and in neither of the zero-shot sets.


def instances(images, pairs, categories=None):
    """Return the content of an annotation file; ``pairs`` are (image id, category id)."""
    if categories is None:
        categories = [{"id": i, "name": name} for i, name in coco_categories().items()]
    annotations = []
    for i, (image, category) in enumerate(pairs):
        outline = [[1.5, 2.0, 3.25, -4e1]]
        annotations.append(
            {"id": i, "image_id": image, "category_id": category, "segmentation": outline}
        )
    listed = [{"id": i, "file_name": file_name(i)} for i in images]
    return {"images": listed, "annotations": annotations, "categories": categories}


def file_name(number):
    return f"COCO_x2014_{number:012d}.jpg"


def write(root: Path, name: str, content) -> None:
    path = root / "annotations" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


TRAIN = instances([7, 5, 9, 3, 4], [(9, DOG), (7, PERSON), (9, PERSON), (3, DOG), (4, PERSON)])
TEST = instances([8, 6], [(6, PERSON), (8, DOG)])


@pytest.fixture
def cfg(tmp_path):
    write(tmp_path, "instances_train2014.json", TRAIN)
    write(tmp_path, "instances_val2014.json", TEST)
    for folder, numbers in (("train2014", (7, 5, 9, 3, 4)), ("val2014", (8, 6))):
        (tmp_path / folder).mkdir()
        for number in numbers:
            Image.new("RGB", (8, 8)).save(tmp_path / folder / file_name(number))
    cfg = get_cfg_default()
    cfg.DATASET.NAME = "Coco2014"
    cfg.DATASET.ROOT = str(tmp_path)
    cfg.DATASET.VAL_PERCENT = 0.0
    cfg.TEST.NO_TEST = True
    return cfg


def numbers(records):
    return [int(Path(record.name).stem.split("_")[-1]) for record in records]


def test_annotated_images_come_in_the_order_of_their_first_annotation(cfg) -> None:
    dataset = build_dataset(cfg)
    assert numbers(dataset.train_x) == [9, 7, 3, 4]
    assert numbers(dataset.test) == [6, 8]
    dog = dataset.classnames.index("dog")
    assert [record.label[dog] for record in dataset.train_x] == [1, 0, 1, 0]
    assert [record.label[0] for record in dataset.train_x] == [1, 1, 0, 1]


@pytest.mark.parametrize("folder", ["images/{}2014", "trainval2014"])
def test_places_of_a_check_are_those_of_training(cfg, tmp_path, folder) -> None:
    (tmp_path / "images").mkdir()
    for split in ("train", "val"):
        target = tmp_path / folder.format(split)
        target.mkdir(exist_ok=True)
        for path in (tmp_path / f"{split}2014").iterdir():
            path.rename(target / path.name)
        (tmp_path / f"{split}2014").rmdir()
    dataset, checked = build_dataset(cfg), build_annotations(cfg)
    for split in ("train_x", "test"):
        expected = [record.impath for record in getattr(dataset, split)]
        assert [record.impath for record in getattr(checked, split)] == expected


@pytest.mark.parametrize("images", ["annotated", "all"])
def test_hcps_mask_needs_all_images(cfg, caplog, images) -> None:
    cfg.DATASET.COCO_IMAGES = images
    build_dataset(cfg)
    cfg.DATASET.PORTION_KNOWN = 0.5
    build_dataset(cfg)
    assert "not HCP's" not in caplog.text
    cfg.DATASET.MASK_LAYOUT = "hcp"
    build_dataset(cfg)
    assert ("not HCP's: that one needs DATASET.COCO_IMAGES all" in caplog.text) == (images != "all")


def test_a_mask_for_dualcoop_has_three_rows(cfg, tmp_path) -> None:
    cfg.DATASET.PORTION_KNOWN = 0.5
    first = build_dataset(cfg)
    (drawn,) = first.drawn
    drawn.write(tmp_path / "annotations" / drawn.file)
    mask = torch.load(tmp_path / "annotations" / drawn.file, weights_only=True)
    assert mask.shape == (4, 3, 80) and mask.dtype == torch.int64
    assert (mask == mask[:, :1]).all()
    cfg.DATASET.PORTION_KNOWN, cfg.DATASET.MASK_FILE = 1.0, drawn.file
    for old, new in zip(first.train_x, build_dataset(cfg).train_x, strict=True):
        np.testing.assert_array_equal(old.label, new.label)


def test_all_images_come_in_the_order_of_the_file(cfg) -> None:
    cfg.DATASET.COCO_IMAGES = "all"
    dataset = build_dataset(cfg)
    assert numbers(dataset.train_x) == [7, 5, 9, 3, 4]
    assert dataset.train_x[1].label.sum() == 0


def test_classes_ascend_by_category_id_whatever_the_file_says(cfg, tmp_path) -> None:
    shuffled = [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}]
    for name in ("train", "val"):
        content = instances([1, 2], [(1, DOG), (2, PERSON)], shuffled)
        write(tmp_path, f"instances_{name}2014.json", content)
    dataset = build_annotations(cfg)
    assert dataset.classnames == ["person", "dog"]
    assert dataset.test[0].label.tolist() == [0, 1]


def test_crowds_count_and_outlines_are_not_needed(tmp_path) -> None:
    content = instances([1, 2], [(1, PERSON), (2, DOG)])
    crowd = {"counts": [1, 2, 3], "size": [2, 3]}
    content["annotations"][0] |= {"iscrowd": 1, "segmentation": crowd}
    content["images"][0]["note"] = 'a "segmentation": [1, 2] in text stays'
    write(tmp_path, "a.json", content)
    file = read_instances(tmp_path / "annotations" / "a.json")
    labels = make_labels(file, {PERSON: 0, DOG: 1}, 2, [2, 1])
    np.testing.assert_array_equal(labels, [[0, 1], [1, 0]])


@pytest.mark.parametrize("layout", ["images", "trainval2014"])
def test_images_are_found_in_other_layouts(cfg, tmp_path, layout) -> None:
    target = tmp_path / layout
    target.mkdir()
    for split in ("train2014", "val2014"):
        if layout == "images":
            (tmp_path / split).rename(target / split)
            continue
        for path in list((tmp_path / split).iterdir()):
            path.rename(target / path.name)
        (tmp_path / split).rmdir()
    for record in (*build_dataset(cfg).train_x, *build_dataset(cfg).test):
        assert Path(record.impath).is_file()


def test_missing_images_are_named(cfg, tmp_path) -> None:
    (tmp_path / "val2014" / file_name(6)).unlink()
    with pytest.raises(UserError, match=rf"1 image is missing .*val2014/{file_name(6)}"):
        build_dataset(cfg)


def test_given_predictions_need_no_images_and_no_train(cfg, tmp_path) -> None:
    (tmp_path / "annotations" / "instances_train2014.json").unlink()
    dataset = build_annotations(cfg, splits=("test",))
    assert dataset.train_x == [] and len(dataset.test) == 2
    cfg.TEST.NO_TEST = False
    with pytest.raises(UserError, match=r"cannot read .*instances_train2014\.json"):
        build_annotations(cfg, splits=("val", "test"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"is not valid JSON"),
        ("", r"is not valid JSON"),
        ("[]", r"expected an object"),
        ({"images": []}, r"expected a list under the key 'annotations'|categories"),
        (instances([1], [(2, PERSON)]), r"annotations\[0\] has image_id 2, which is not among"),
        (instances([1], [(1, 12)]), r"annotations\[0\] has category_id 12, which is not among"),
        (instances([1], [("1", DOG)]), r"annotations\[0\] has no 'image_id' that is a number"),
        (instances([1], [(1, [1])]), r"annotations\[0\] has no 'category_id' that is a number"),
        ({**TRAIN, "images": [{"id": 1}]}, r"images\[0\] is \{'id': 1\}; expected 'id'"),
        (instances([10**30], [(10**30, DOG)]), r"images\[0\] is .*; expected 'id' \(an integer"),
        ({**TRAIN, "categories": [3]}, r"categories\[0\] is 3; expected 'id'"),
    ],
)
def test_faults_are_named_in_one_line(cfg, tmp_path, content, message) -> None:
    write(tmp_path, "instances_train2014.json", content)
    with pytest.raises(UserError, match=message) as caught:
        build_dataset(cfg)
    assert "\n" not in str(caught.value) and "instances_train2014.json" in str(caught.value)


# Zero-shot --------------------------------------------------------------------------------------


@pytest.fixture
def zero_shot(cfg, tmp_path):
    cfg.DATASET.CLASS_SPLIT = "48_17"
    pairs = [(3, DOG), (7, DOG), (7, PERSON), (9, TRAFFIC_LIGHT), (4, PERSON)]
    write(tmp_path, "instances_train2014.json", instances([3, 4, 7, 9], pairs))
    return cfg


def write_test(tmp_path):
    ids = json.loads((LISTS / "coco_zsl_48_17_val2014_ids.json").read_text())
    first, second = ids["unseen"][0], next(i for i in ids["gzsl"] if i not in set(ids["unseen"]))
    other = next(i for i in range(1, 10**6) if i not in set(ids["gzsl"]))
    pairs = [(other, DOG), (second, PERSON), (first, DOG), (first, TRAFFIC_LIGHT)]
    write(tmp_path, "instances_val2014.json", instances([first, second, other], pairs))
    return first, second


def test_the_65_classes_ascend_and_17_are_unseen(zero_shot, tmp_path) -> None:
    write_test(tmp_path)
    dataset = build_annotations(zero_shot)
    order = [name for name in coco_categories().values() if name in dataset.classnames]
    assert dataset.classnames == order and len(order) == 65
    assert len(dataset.unseen) == 17
    assert "dog" in [dataset.classnames[i] for i in dataset.unseen]
    assert "traffic light" not in dataset.classnames


def test_train_has_images_with_a_seen_class_and_no_unseen_label(zero_shot, tmp_path) -> None:
    write_test(tmp_path)
    dataset = build_annotations(zero_shot)
    assert numbers(dataset.train_x) == [7, 4]
    for record in dataset.train_x:
        assert (record.label[list(dataset.unseen)] == UNKNOWN).all()
        assert record.label[0] == 1


def test_the_test_split_has_the_listed_images_with_all_labels(zero_shot, tmp_path, caplog) -> None:
    first, second = write_test(tmp_path)
    with caplog.at_level("INFO"):
        dataset = build_annotations(zero_shot)
    assert numbers(dataset.test) == [second, first]
    assert "lacks 6390 of the 6392 images" in caplog.text
    assert "1 test images have an unseen class; in the published split 2729 have one" in caplog.text
    dataset.open_test()
    dog = dataset.classnames.index("dog")
    assert [record.label[dog] for record in dataset.test] == [0, 1]


def test_files_of_other_projects_are_mapped_by_name(zero_shot, tmp_path, caplog) -> None:
    """Their ids are numbered from 1, so that a mapping by id or by position would be wrong."""
    write_test(tmp_path)
    names = [{"id": 1, "name": "dog"}, {"id": 2, "name": "traffic light"}, {"id": 3, "name": "cat"}]
    gzsl = instances([1, 2, 3], [(2, 3), (1, 1), (3, 2)], names)
    write(tmp_path, "ZSIS/gzsi.json", gzsl)
    write(tmp_path, "unseen.json", instances([1], [(1, 1)], names))
    seen = {"classes": ["person"], "images": [["train2014/a.jpg", ["person"]], ["b.jpg", []]]}
    write(tmp_path, "train_48_filtered.json", seen)
    zero_shot.DATASET.ZS_TEST = "gzsi.json"
    zero_shot.DATASET.ZS_TEST_UNSEEN = "unseen.json"
    zero_shot.DATASET.ZS_TRAIN = "train_48_filtered.json"
    with caplog.at_level("INFO"):
        dataset = build_annotations(zero_shot)
    dataset.open_test()
    found = []
    for record in dataset.test:
        found.append([dataset.classnames[c] for c in np.flatnonzero(record.label)])
    assert found == [["cat"], ["dog"]]
    assert [record.name for record in dataset.train_x] == ["a.jpg"]
    assert "has 1 images; the 2 test images with an unseen label" in caplog.text


def test_files_of_zsi_are_enough(zero_shot, tmp_path) -> None:
    for path in (tmp_path / "annotations").iterdir():
        path.unlink()
    write(tmp_path, "ZSIS/instances_train2014_seen_48_17.json", instances([1], [(1, PERSON)]))
    write(tmp_path, "instances_val2014_gzsi_48_17.json", instances([2, 3], [(3, DOG), (2, DOG)]))
    dataset = build_annotations(zero_shot)
    assert numbers(dataset.train_x) == [1] and numbers(dataset.test) == [3, 2]


def test_faults_of_the_zero_shot_keys_are_named(zero_shot, tmp_path) -> None:
    write_test(tmp_path)
    zero_shot.DATASET.ZS_TRAIN = "nothing.json"
    with pytest.raises(UserError, match=r"DATASET\.ZS_TRAIN 'nothing\.json': not found"):
        build_annotations(zero_shot)
    names = [{"id": 1, "name": "pearson"}]
    write(tmp_path, "seen.json", instances([1], [(1, 1)], names))
    zero_shot.DATASET.ZS_TRAIN = "seen.json"
    with pytest.raises(UserError, match=r"'pearson' is none of .* Did you mean 'person'"):
        build_annotations(zero_shot)
    zero_shot.DATASET.CLASS_SPLIT = "925_81"
    with pytest.raises(UserError, match=r"'925_81' is of the data set NusWide"):
        build_annotations(zero_shot)
