"""NUS-WIDE: three sets of files, missing and unlabelled images, the zero-shot split, and faults."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.config import get_cfg_default
from core.config_merge import setup_cfg
from core.errors import UserError
from core.labels import UNKNOWN
from datasets import build_annotations, build_dataset
from datasets.nus_files import read_matrix
from datasets.nus_wide import twins
from datasets.reading import read_list
from datasets.safe_pickle import read_array, read_pickle

CONCEPTS = read_list("nus_wide_81.txt")
TAGS = read_list("nus_wide_tags_1000.txt")
FILES = {
    "train": ["actor/0001_1.jpg", "actor/0002_2.jpg", "zebra/0001_3.jpg"],
    "test": ["actor/0003_4.jpg", "zebra/0002_5.jpg"],
}
HUMAN = {"train": [["sky"], [], ["zebra", "sky"]], "test": [["cars"], []]}
TAGGED = {"train": [["blue", "sky"], [], ["car"]], "test": [["blue", "cars"], ["sky"]]}


def matrix(names, columns):
    return np.array([[int(column in row) for column in columns] for row in names])


def lines(rows, end="\t\n"):
    return "".join(" ".join(map(str, row)) + end for row in rows)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, newline="")


def write_split(root: Path, split: str, folders: dict[str, str]) -> None:
    """Write the official files of a split."""
    part = split.capitalize()
    entries = [name.replace("/", "\\") for name in FILES[split]]
    write(root / folders["ImageList"] / f"{part}Imagelist.txt", "\r\n".join(entries))
    for concept in CONCEPTS:
        column = [f"{int(concept in row)}\n" for row in HUMAN[split]]
        file = root / folders["TrainTestLabels"] / f"Labels_{concept}_{part}.txt"
        write(file, "".join(column))
    tags = root / folders["NUS_WID_Tags"]
    write(tags / f"{part}_Tags1k.dat", lines(matrix(TAGGED[split], TAGS)))
    write(tags / f"{part}_Tags81.txt", lines(matrix(TAGGED[split], CONCEPTS), "\r\n"))
    for name in FILES[split]:
        path = root / "Flickr" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)


FOLDERS = {
    "ImageList": "ImageList",
    "TrainTestLabels": "Groundtruth/TrainTestLabels",
    "NUS_WID_Tags": "NUS_WID_Tags",
}
NESTED = {
    "ImageList": "ImageList/ImageList",
    "TrainTestLabels": "TrainTestLabels",
    "NUS_WID_Tags": ".",
}


@pytest.fixture
def cfg(tmp_path):
    for split in FILES:
        write_split(tmp_path, split, FOLDERS)
    cfg = get_cfg_default()
    cfg.DATASET.NAME = "NusWide"
    cfg.DATASET.ROOT = str(tmp_path)
    cfg.DATASET.VAL_PERCENT = 0.0
    cfg.TEST.NO_TEST = True
    return cfg


def positives(dataset, records):
    found = []
    for record in records:
        found.append({dataset.classnames[c] for c in np.flatnonzero(record.label > 0)})
    return found


def as_sets(rows):
    return [set(row) for row in rows]


def test_human_labels_in_the_order_of_the_image_list(cfg, caplog) -> None:
    with caplog.at_level("INFO"):
        dataset = build_dataset(cfg)
    assert dataset.classnames == CONCEPTS
    assert [record.name for record in dataset.train_x] == FILES["train"]
    assert positives(dataset, dataset.train_x) == as_sets(HUMAN["train"])
    assert positives(dataset, dataset.test) == as_sets(HUMAN["test"])
    assert all(Path(record.impath).is_file() for record in dataset.train_x)
    assert "NUS-WIDE train: 3 of 3 images" in caplog.text


def test_tags_are_another_set_of_labels(cfg, caplog) -> None:
    assert build_dataset(cfg).notes == []
    cfg.DATASET.NUS_LABELS = "tags"
    dataset = build_dataset(cfg)
    (note,) = dataset.notes  # for the report
    assert "cannot be compared with those on human labels" in note and note in caplog.text
    assert positives(dataset, dataset.train_x) == [{"sky"}, set(), set()]


@pytest.mark.parametrize("zero_shot", [False, True])
def test_archives_without_folders_give_the_same(cfg, tmp_path, zero_shot) -> None:
    cfg.DATASET.CLASS_SPLIT = "925_81" if zero_shot else ""
    expected = build_dataset(cfg)
    other = tmp_path / "other"
    for split in FILES:
        write_split(other, split, NESTED)
    cfg.DATASET.ROOT = str(other)
    dataset = build_dataset(cfg)
    for record, same in zip(dataset.train_x, expected.train_x, strict=True):
        np.testing.assert_array_equal(record.label, same.label)


def test_files_of_all_images_stand_for_those_of_a_split(cfg, tmp_path) -> None:
    expected = build_dataset(cfg)
    order = [FILES["test"][1], *FILES["train"][::-1], FILES["test"][0]]
    rows = dict(zip(FILES["train"], HUMAN["train"], strict=True))
    rows |= dict(zip(FILES["test"], HUMAN["test"], strict=True))
    write(tmp_path / "ImageList/Imagelist.txt", "\n".join(order))
    for path in (tmp_path / "Groundtruth/TrainTestLabels").iterdir():
        path.unlink()
    for concept in CONCEPTS:
        text = "".join(f"{int(concept in rows[name])}\n" for name in order)
        write(tmp_path / "Groundtruth/AllLabels" / f"Labels_{concept}.txt", text)
    dataset = build_dataset(cfg)
    for split in ("train_x", "test"):
        found, wanted = getattr(dataset, split), getattr(expected, split)
        assert positives(dataset, found) == positives(expected, wanted)


def test_missing_images_are_an_error_or_left_out(cfg, tmp_path, caplog) -> None:
    (tmp_path / "Flickr" / FILES["train"][0]).unlink()
    with pytest.raises(UserError, match=r"Flickr/actor/0001_1\.jpg\. .*NUS_MISSING drop"):
        build_dataset(cfg)
    cfg.DATASET.NUS_MISSING = "drop"
    with caplog.at_level("INFO"):
        dataset = build_dataset(cfg)
    assert [record.name for record in dataset.train_x] == FILES["train"][1:]
    assert positives(dataset, dataset.train_x) == as_sets(HUMAN["train"][1:])
    assert "NUS-WIDE train: 2 of 3 images, 1 missing" in caplog.text
    assert len(build_annotations(cfg).train_x) == 2


def test_places_of_a_check_are_those_of_training(cfg, tmp_path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "Flickr").rename(tmp_path / "images/Flickr")
    expected = [record.impath for record in build_dataset(cfg).test]
    assert [record.impath for record in build_annotations(cfg).test] == expected


def test_small_files_and_placeholders_are_left_out(cfg, tmp_path, monkeypatch, caplog) -> None:
    monkeypatch.setattr("datasets.nus_images.REPEATS", 2)
    sizes = {0: b"x" * 4000, 1: b"y" * 4001, 2: b"y" * 4001}
    for i, content in sizes.items():
        (tmp_path / "Flickr" / FILES["train"][i]).write_bytes(content)
    for i, content in enumerate((b"a" * 5000, b"b" * 5000)):
        (tmp_path / "Flickr" / FILES["test"][i]).write_bytes(content)
    cfg.DATASET.NUS_MISSING = "drop_placeholders"
    with caplog.at_level("INFO"), pytest.raises(UserError, match="no images in split train"):
        build_dataset(cfg)
    assert "train: 0 of 3 images, 1 too small, 2 placeholder" in caplog.text
    assert "test: 2 of 2 images" in caplog.text


def test_images_without_a_label_can_be_left_out(cfg) -> None:
    assert len(build_dataset(cfg).test) == 2
    cfg.DATASET.NUS_UNLABELLED = "drop"
    dataset = build_dataset(cfg)
    assert positives(dataset, dataset.train_x) == [{"sky"}, {"zebra", "sky"}]
    assert [record.name for record in dataset.test] == FILES["test"][:1]


@pytest.mark.parametrize("missing", ["error", "drop"])
def test_given_predictions_need_no_images_and_no_train(cfg, tmp_path, missing) -> None:
    cfg.DATASET.NUS_MISSING = missing
    (tmp_path / "ImageList/TrainImagelist.txt").unlink()
    for name in FILES["test"]:
        (tmp_path / "Flickr" / name).unlink()
    dataset = build_annotations(cfg, splits=("test",))
    assert dataset.train_x == [] and len(dataset.test) == 2
    with pytest.raises(UserError, match=r"TrainImagelist\.txt not found below"):
        build_annotations(cfg, splits=("val",))


# Zero-shot --------------------------------------------------------------------------------------


def test_seen_tags_and_unseen_human_labels(cfg, caplog) -> None:
    cfg.DATASET.CLASS_SPLIT = "925_81"
    with caplog.at_level("INFO"):
        dataset = build_dataset(cfg)
    assert dataset.classnames == sorted({*TAGS, *CONCEPTS}) and dataset.num_classes == 1006
    assert [dataset.classnames[i] for i in dataset.unseen] == sorted(CONCEPTS)
    # The tag sky is a concept, too: its column is left out.
    assert positives(dataset, dataset.train_x) == [{"blue"}, set(), {"car"}]
    for record in dataset.train_x:
        assert (record.label == UNKNOWN).sum() == 81
    dataset.open_test()
    assert positives(dataset, dataset.test) == [{"blue", "cars"}, set()]
    (note,) = dataset.notes  # for the report
    assert "30 of the 81 unseen classes differ from a seen one" in note
    assert note in caplog.text


def test_a_step_of_the_zero_shot_configuration_has_100_classes() -> None:
    cfg = setup_cfg(["configs/datasets/nus_wide_zsl.yaml"])
    assert cfg.TRAIN.NUM_CLASSES == 100


def test_thirty_unseen_names_have_a_twin() -> None:
    seen = read_list("nus_wide_925_seen.txt")
    pairs = twins(seen, CONCEPTS)
    assert len(pairs) == 30
    assert pairs["cars"] == "car" and pairs["dog"] == "dogs" and "leaf" not in pairs


@pytest.fixture
def arrays(cfg, tmp_path):
    """Return a folder with DualCoOp's files of three classes, of which the second is unseen."""
    folder = tmp_path / "npy"
    zsl = folder / "annotations" / "zsl"
    write(folder / "annotations/Tag_all/all_labels.txt", "blue\nsky\ncar\n")
    zsl.mkdir()
    ids = {"seen": [np.int64(0), 2], "unseen": [1]}
    (zsl / "cls_id.pickle").write_bytes(pickle.dumps(ids, protocol=2))
    for stem, split in (("train_all", "train"), ("val_gzsl", "test")):
        labels = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
        np.save(zsl / f"formatted_{stem}_labels_filtered.npy", labels)
        image_stem = stem.removesuffix("_all")
        names = np.array(["a.jpg", "b.jpg"], dtype=object if split == "test" else None)
        np.save(zsl / f"formatted_{image_stem}_images_filtered.npy", names)
    for name in ("a.jpg", "b.jpg"):
        (folder / "images").mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(folder / "images" / name)
    cfg.DATASET.ROOT = str(folder)
    cfg.DATASET.CLASS_SPLIT = "925_81"
    return zsl


def test_arrays_of_dualcoop(cfg, arrays) -> None:
    dataset = build_dataset(cfg)
    assert dataset.classnames == ["blue", "sky", "car"] and dataset.unseen == (1,)
    assert [record.label.tolist() for record in dataset.train_x] == [[1, -1, 0], [0, -1, 1]]
    assert [record.name for record in dataset.test] == ["a.jpg", "b.jpg"]
    dataset.open_test()
    assert dataset.test[1].label.tolist() == [0, 1, 1]


class Harmful:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_a_pickle_runs_no_code(tmp_path, arrays, cfg) -> None:
    trace = tmp_path / "trace"
    (arrays / "cls_id.pickle").write_bytes(pickle.dumps({"seen": Harmful(trace)}))
    with pytest.raises(UserError, match=r"cls_id\.pickle .* not allowed"):
        build_dataset(cfg)
    names = np.array([Harmful(trace)], dtype=object)
    np.save(tmp_path / "names.npy", names)
    with pytest.raises(UserError, match=r"names\.npy .* not allowed"):
        read_array(tmp_path / "names.npy")
    assert not trace.exists()


def test_a_pickle_of_arrays_and_sets_is_read(tmp_path) -> None:
    for protocol in (0, 2, 4):
        content = {"train": {1, 2}, "ids": np.arange(3), "one": np.int64(4)}
        (tmp_path / "x.pickle").write_bytes(pickle.dumps(content, protocol=protocol))
        found = read_pickle(tmp_path / "x.pickle")
        assert found["train"] == {1, 2} and found["one"] == 4
        np.testing.assert_array_equal(found["ids"], [0, 1, 2])


def test_faults_of_arrays_are_named(cfg, arrays) -> None:
    (arrays / "cls_id.pickle").write_bytes(pickle.dumps({"seen": [0], "unseen": [1]}))
    with pytest.raises(UserError, match="1 seen and 1 unseen indices are not those of the 3"):
        build_dataset(cfg)
    (arrays / "cls_id.pickle").write_bytes(pickle.dumps([1]))
    with pytest.raises(UserError, match="expected a dictionary with 'seen' and 'unseen'"):
        build_dataset(cfg)
    (arrays / "cls_id.pickle").write_bytes(pickle.dumps({"seen": [0, 2], "unseen": [1]}))
    np.save(arrays / "formatted_train_all_labels_filtered.npy", np.zeros((2, 4)))
    with pytest.raises(UserError, match=r"has the shape \(2, 4\); expected \(2, 3\)"):
        build_dataset(cfg)
    for stem in ("all_labels", "images"):
        np.save(arrays / f"formatted_train_{stem}_filtered.npy", np.array(5))
    with pytest.raises(UserError, match=r"has the shape \(\); expected \(1, 3\)"):
        build_dataset(cfg)
    (arrays / "formatted_train_all_labels_filtered.npy").write_bytes(b"no array")
    with pytest.raises(UserError, match="is no array of NumPy"):
        build_dataset(cfg)


# ASL's list -------------------------------------------------------------------------------------

ROWS = """filepath,label,split_name
images/a.jpg,"['sky', 'clouds']",train
images/b.jpg,['zebra'],val
images/c.jpg,[],train
"""


@pytest.fixture
def listed(cfg, tmp_path):
    folder = tmp_path / "csv"
    write(folder / "nus_wid_data.csv", ROWS)
    cfg.DATASET.ROOT = str(folder)
    for name in "abc":
        (folder / "images").mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(folder / "images" / f"{name}.jpg")
    return folder


def test_the_list_of_asl(cfg, listed, caplog) -> None:
    with caplog.at_level("INFO"):
        dataset = build_dataset(cfg)
    assert dataset.classnames == ["clouds", "sky", "zebra"]
    assert positives(dataset, dataset.train_x) == [{"sky", "clouds"}, set()]
    assert positives(dataset, dataset.test) == [{"zebra"}]
    assert "has 3 classes; NUS-WIDE has 81" in caplog.text


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("x.jpg,['sky'],trian", "line 5: split is 'trian'"),
        ("x.jpg,__import__('os'),train", "line 5: the classes are __import__"),
        ('x.jpg,"[1]",train', r"line 5: the classes are \[1\]"),
        ("x.jpg", "line 5: split is ''"),
        ('x.jpg,"[1],train\n' + "y" * 140_000, "no row of a CSV file: field larger than"),
    ],
)
def test_faults_of_the_list_are_named(cfg, listed, row, message) -> None:
    write(listed / "nus_wid_data.csv", ROWS + row)
    with pytest.raises(UserError, match=message):
        build_dataset(cfg)


def test_the_format_must_fit_the_split(cfg) -> None:
    cfg.DATASET.NUS_FORMAT = "npy"
    with pytest.raises(UserError, match=r"NUS_FORMAT .* is 'npy'; accepted: auto, csv, official"):
        build_dataset(cfg)
    cfg.DATASET.CLASS_SPLIT = "48_17"
    with pytest.raises(UserError, match=r"'48_17' is of the data set Coco2014"):
        build_dataset(cfg)


# The parser of matrices -------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [3, 1 << 20])
def test_matrices_are_read_in_parts(tmp_path, monkeypatch, chunk) -> None:
    monkeypatch.setattr("datasets.nus_files.CHUNK", chunk)
    expected = np.random.default_rng(0).integers(0, 2, (20, 7), dtype=np.uint8)
    for end in ("\t\n", "\r\n", "\n"):
        write(tmp_path / "m.dat", lines(expected, end) + "\n")
        np.testing.assert_array_equal(read_matrix(tmp_path / "m.dat", 20, 7), expected)
    write(tmp_path / "m.dat", lines(expected).rstrip())
    np.testing.assert_array_equal(read_matrix(tmp_path / "m.dat", 20, 7), expected)


@pytest.mark.parametrize("chunk", [3, 1 << 20])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 1\n0 2\n", "line 2: expected 0 and 1"),
        ("0 1\n01 1\n", "line 2: expected 0 and 1"),
        ("0 1\n0 1 1\n", "line 2: 3 values; expected 2"),
        ("0 1\n0\n1\n", "line 2: 1 values; expected 2"),
        ("0 1\n", "has 1 lines with values; expected 2"),
        ("0 1\n0 1\n0 1\n", "has 3 lines with values; expected 2"),
    ],
)
def test_faults_of_matrices_are_named(tmp_path, monkeypatch, chunk, text, message) -> None:
    monkeypatch.setattr("datasets.nus_files.CHUNK", chunk)
    write(tmp_path / "m.dat", text)
    with pytest.raises(UserError, match=message):
        read_matrix(tmp_path / "m.dat", 2, 2)
