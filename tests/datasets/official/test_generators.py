"""The generators write what they promise, as parsers of other projects read it."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat

from tests.datasets.official import (
    abstract,
    artphoto,
    coco,
    coco_zsl,
    emoset,
    emotic,
    emotion6,
    folders,
    ldl,
    nus_wide,
    own,
    own_tools,
    twitter1,
    voc,
)
from tests.datasets.official.expected import Expected

WRITERS = [
    abstract.write_abstract,
    artphoto.write_artphoto,
    coco.write_coco,
    coco_zsl.write_coco_zsl,
    emoset.write_emoset,
    emotic.write_emotic,
    emotion6.write_emotion6,
    folders.write_emotion_6,
    folders.write_emotionroi,
    folders.write_fi,
    folders.write_unbiasedemo,
    folders.write_wscnet_emotion6,
    folders.write_wscnet_fi,
    folders.write_wscnet_fi_2,
    folders.write_wscnet_twitter1,
    folders.write_wscnet_twitter2,
    ldl.write_flickr_ldl,
    ldl.write_twitter_ldl,
    nus_wide.write_nus_wide,
    nus_wide.write_nus_wide_csv,
    nus_wide.write_nus_wide_npy,
    nus_wide.write_nus_wide_zsl,
    own.write_fastai,
    own.write_hashnet,
    own.write_imagefolder_classes,
    own.write_imagefolder_csv,
    own.write_imagefolder_jsonl,
    own.write_keras_columns,
    own.write_keras_list,
    own.write_ml_gcn,
    own.write_planet,
    own.write_posi_labels,
    own.write_roboflow,
    own.write_vertex,
    own_tools.write_coco_export,
    own_tools.write_cvat,
    own_tools.write_fiftyone,
    own_tools.write_label_studio_csv,
    own_tools.write_label_studio_json,
    twitter1.write_twitter1,
    voc.write_voc,
]


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_images_exist_and_differ_and_classes_are_listed(
    tmp_path: Path, write: Callable[..., Expected]
) -> None:
    expected = write(tmp_path)
    assert len(set(expected.classnames)) == len(expected.classnames)
    for splits in (expected.splits, *expected.variants.values()):
        for images in splits.values():
            assert images
            assert set().union(*images.values()) <= {*expected.classnames, *_own_classes(expected)}
    files = {name.split("#")[0] for images in expected.splits.values() for name in images}
    pixels = {Image.open(tmp_path / file).convert("RGB").tobytes() for file in files}
    assert len(pixels) == len(files)
    for image, shares in expected.shares.items():
        assert list(shares) == expected.classnames, image


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_the_seed_decides_the_files(tmp_path: Path, write: Callable[..., Expected]) -> None:
    contents = []
    for folder, seed in (("first", 1), ("same", 1), ("other", 2)):
        write(tmp_path / folder, seed=seed)
        files = sorted(path for path in (tmp_path / folder).rglob("*") if path.is_file())
        contents.append([path.read_bytes() for path in files])
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]


def test_pycocotools_reads_the_coco_files(tmp_path: Path) -> None:
    tools = pytest.importorskip("pycocotools.coco")
    expected = coco.write_coco(tmp_path)
    for split, year in (("train", "train2014"), ("test", "val2014")):
        api = tools.COCO(str(tmp_path / "annotations" / f"instances_{year}.json"))
        names = {entry["id"]: entry["name"] for entry in api.loadCats(api.getCatIds())}
        assert [names[number] for number in sorted(names)] == expected.classnames
        labels = {}
        for number in api.getImgIds():
            path = f"{year}/{api.loadImgs(number)[0]['file_name']}"
            annotations = api.loadAnns(api.getAnnIds(imgIds=number))
            labels[path] = {names[entry["category_id"]] for entry in annotations}
            for entry in annotations:
                assert api.annToMask(entry).any()
        assert labels == expected.variants["all_images"][split]
        first = [f"{year}/{api.imgs[number]['file_name']}" for number in api.imgToAnns]
        assert first == expected.orders[f"{split}_first_annotation"]
        assert first != expected.orders[f"{split}_json"] != expected.orders[f"{split}_id"]


@pytest.mark.parametrize("listed", ["own", "all"])
def test_zero_shot_files_label_their_own_classes_only(tmp_path: Path, listed: str) -> None:
    expected = coco_zsl.write_coco_zsl(tmp_path, listed=listed)
    sizes = {"train": 48, "test": 65, "test_unseen": 17}
    for split, file in coco_zsl.FILES.items():
        content = json.loads((tmp_path / "annotations" / file).read_text())
        names = {entry["id"]: entry["name"] for entry in content["categories"]}
        assert len(names) == (sizes[split] if listed == "own" else 80)
        paths = {entry["id"]: entry["file_name"] for entry in content["images"]}
        labels: dict[str, set[str]] = {}
        for entry in content["annotations"]:
            image = paths[entry["image_id"]]
            labels.setdefault(f"{image.split('_')[1]}/{image}", set()).add(
                names[entry["category_id"]]
            )
        assert labels == expected.splits[split]


def test_voc_lists_agree_with_the_objects_of_the_xml_files(tmp_path: Path) -> None:
    expected = voc.write_voc(tmp_path)
    for split in ("train", "val", "test"):
        for name in expected.classnames:
            lines = (tmp_path / "ImageSets" / "Main" / f"{name}_{split}.txt").read_text()
            for line in lines.splitlines():
                number, value = line.split()
                tree = ElementTree.parse(tmp_path / "Annotations" / f"{number}.xml")
                marks = []
                for entry in tree.findall(f"object[name='{name}']"):
                    marks.append(entry.findtext("difficult"))
                image = f"JPEGImages/{number}.jpg"
                assert (value == "1") == (name in expected.splits[split][image]) == ("0" in marks)
                assert (value == "0") == (bool(marks) and "0" not in marks)


def test_nus_wide_matrices_are_aligned_with_their_lists(tmp_path: Path) -> None:
    expected = nus_wide.write_nus_wide(tmp_path)
    lists = {}
    for part in ("", "Train", "Test"):
        text = (tmp_path / "ImageList" / f"{part}Imagelist.txt").read_text().replace("\\", "/")
        lists[part] = text.splitlines()
    assert sorted(lists["Train"] + lists["Test"]) == sorted(lists[""]) != lists[""]
    labels = {}
    for image, positive in (*expected.splits["train"].items(), *expected.splits["test"].items()):
        labels[image.removeprefix("Flickr/")] = positive
    for concept in ("water", "animal", "map"):
        folder = tmp_path / "Groundtruth"
        column = np.loadtxt(folder / "AllLabels" / f"Labels_{concept}.txt", dtype=int)
        assert column.tolist() == [int(concept in labels[image]) for image in lists[""]]
        column = np.loadtxt(folder / "TrainTestLabels" / f"Labels_{concept}_Test.txt", dtype=int)
        assert column.tolist() == [int(concept in labels[image]) for image in lists["Test"]]
    matrix = np.loadtxt(tmp_path / "NUS_WID_Tags" / "Train_Tags1k.dat", dtype=int)
    assert matrix.shape == (len(lists["Train"]), 1000)
    words = nus_wide.TRAIN["actor/0001_2124494179.jpg"][0]
    assert {nus_wide.tags()[i] for i in np.flatnonzero(matrix[0])} == set(words)


def test_zero_shot_nus_wide_has_925_seen_and_81_unseen_classes(tmp_path: Path) -> None:
    expected = nus_wide.write_nus_wide_zsl(tmp_path)
    assert (len(expected.classnames), len(expected.unseen)) == (1006, 81)
    assert not expected.unseen & set().union(*expected.splits["train"].values())
    image = "Flickr/dog/0002_33334444.jpg"
    assert expected.splits["test"][image] == {"dogs", "dog", "animal"}  # the tag cat is no label


def test_scipy_reads_the_persons_of_emotic(tmp_path: Path) -> None:
    expected = emotic.write_emotic(tmp_path)
    path = tmp_path / "Annotations" / "Annotations.mat"
    content = loadmat(path, squeeze_me=True, struct_as_record=False)
    for split, images in expected.splits.items():
        found = {}
        for entry in content[split]:
            # squeeze_me turns arrays of one element into the element itself.
            for i, person in enumerate(np.atleast_1d(entry.person)):
                if split == "train":
                    categories = person.annotations_categories.categories
                else:
                    categories = person.combined_categories
                key = f"emotic/{entry.folder}/{entry.filename}#{i}"
                found[key] = {str(name) for name in np.atleast_1d(categories)}
                assert tuple(person.body_bbox) == expected.boxes[key]
        assert found == images
    first, second, third = content["val"][0].person.annotations_categories
    assert (first.categories, third.categories) == ("Anger", "Annoyance")
    assert list(second.categories) == ["Anger", "Disapproval"]


def test_emoset_rows_have_three_or_four_fields(tmp_path: Path) -> None:
    for fields in (3, 4):
        expected = emoset.write_emoset(tmp_path, fields=fields)
        info = json.loads((tmp_path / "info.json").read_text())
        assert list(info["emotion"]["label2idx"]) == expected.classnames
        for row in json.loads((tmp_path / "train.json").read_text()):
            assert len(row) == fields
            assert {row[0]} == expected.splits["train"][row[-2]]
            annotation = json.loads((tmp_path / row[-1]).read_text())
            assert annotation["emotion"] == row[0]


def test_tables_of_emotion_sets_hold_the_expected_shares(tmp_path: Path) -> None:
    expected = abstract.write_abstract(tmp_path)
    folder = tmp_path / "testImages_abstract"
    with open(folder / "ABSTRACT_groundTruth.csv", newline="") as file:
        rows = list(csv.reader(file, quotechar="'"))
    assert rows[0][1:] == abstract.COLUMNS
    _compare_shares(expected, "testImages_abstract/", rows[1:])

    expected = ldl.write_flickr_ldl(tmp_path / "ldl")
    lines = (tmp_path / "ldl" / "ground_truth.txt").read_text().splitlines()
    _compare_shares(expected, "images/", [line.split(" ") for line in lines[1:]])

    expected = emotion6.write_emotion6(tmp_path / "emotion6")
    with open(tmp_path / "emotion6" / "ground_truth.txt", newline="") as file:
        table = list(csv.DictReader(file, delimiter="\t"))
    for row in table:
        shares = expected.shares[f"images/{row['[image_filename]']}"]
        assert float(row["[prob. neutral]"]) == shares["neutral"]
        assert float(row["[prob. anger]"]) == shares["anger"]


def test_own_tables_are_readable_with_the_csv_module(tmp_path: Path) -> None:
    expected = own.write_roboflow(tmp_path)
    with open(tmp_path / "valid" / "_classes.csv", newline="") as file:
        rows = list(csv.DictReader(file, skipinitialspace=True))
    for row in rows:
        labels = {name for name in expected.classnames if row[name] == "1"}
        assert labels == expected.splits["val"][f"valid/{row['filename']}"]

    expected = own.write_vertex(tmp_path / "vertex")
    with open(tmp_path / "vertex" / "import.csv", newline="") as file:
        ragged = list(csv.reader(file))
    assert len({len(row) for row in ragged}) > 2
    for row in ragged:
        if row[0] == "TEST":
            image = row[1].removeprefix("gs://bucket-1/photos/")
            assert set(row[2:]) == expected.splits["test"][image]


def test_exports_of_tools_hold_the_expected_labels(tmp_path: Path) -> None:
    expected = own_tools.write_cvat(tmp_path / "cvat")
    tree = ElementTree.parse(tmp_path / "cvat" / "annotations.xml")
    for image in tree.iter("image"):
        labels = {tag.get("label") for kind in ("tag", "box") for tag in image.findall(kind)}
        assert labels == expected.splits["all"][f"images/{image.get('name')}"]

    expected = own_tools.write_label_studio_json(tmp_path / "studio")
    tasks = json.loads((tmp_path / "studio" / "project-1.json").read_text())
    first, cancelled, last = tasks[4]["annotations"]
    assert cancelled["was_cancelled"] and not first["was_cancelled"]
    assert last["result"][0]["value"]["choices"] == [own.COMPETE, "calm"]
    shares = expected.shares["images/5e6f7081-cancelled.jpg"]
    assert (shares["calm"], shares[own.COMPETE], shares["joy"]) == (1, 0.5, 0)


def _compare_shares(expected: Expected, prefix: str, rows: list[list[str]]) -> None:
    """Check rows of a name and C counts against the shares."""
    assert len(rows) == len(expected.shares)
    for name, *cells in rows:
        counts = np.array(cells, dtype=float)
        shares = list(expected.shares[prefix + name].values())
        np.testing.assert_allclose(shares, counts / counts.sum(), rtol=1e-12)


def _own_classes(expected: Expected) -> set[str]:
    """Return classes that only a variant with classes of its own has."""
    level = expected.variants.get("level_2", {})
    return set().union(*(labels for images in level.values() for labels in images.values()))
