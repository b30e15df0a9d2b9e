"""A data set of one's own: the shortest form, its faults, and training without a val split."""

import csv
import os
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from yacs.config import CfgNode

import train
from core.errors import UserError
from datasets import (
    DATASET_REGISTRY,
    IntentDataset,
    Record,
    build_annotations,
    build_dataset,
    multi_hot,
)
from datasets.build import _checks_files
from datasets.overlap import warn_of_overlap
from datasets.selection.missing import check_files
from tools.scenes import get_world

CLASSES = ["RedCar", "GreenTree", "BlueSky"]


@pytest.fixture
def photos(tmp_path: Path, cfg, monkeypatch) -> type[IntentDataset]:
    """Write a CSV file of six images, register a class that reads it and point ``cfg`` to both."""
    monkeypatch.setattr(DATASET_REGISTRY, "_obj_map", dict(DATASET_REGISTRY._obj_map))
    rows = []
    for i, split in enumerate(["train"] * 4 + ["test"] * 2):
        Image.new("RGB", (40, 40), (40 * i, 90, 20)).save(tmp_path / f"{i}.jpg")
        rows.append([f"{i}.jpg", split, ";".join(CLASSES[i % 3 :])])
    with open(tmp_path / "photos.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["file", "split", "classes"], *rows])
    cfg.DATASET.ROOT, cfg.DATASET.NAME, cfg.DATASET.HIERARCHY = str(tmp_path), "Photos", ""

    @DATASET_REGISTRY.register()
    class Photos(IntentDataset):
        def __init__(self, cfg: CfgNode) -> None:
            root = Path(cfg.DATASET.ROOT)
            splits = {"train": [], "val": [], "test": []}
            with open(root / "photos.csv", newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    label = multi_hot(row["classes"].split(";"), CLASSES)
                    splits[row["split"]].append(Record(str(root / row["file"]), label))
            super().__init__(
                cfg,
                classnames=CLASSES,
                train_x=splits["train"],
                val=splits["val"],
                test=splits["test"],
            )

    return Photos


def test_labels_from_class_names() -> None:
    label = multi_hot(["c", "a"], ["a", "b", "c"])
    assert label.tolist() == [1.0, 0.0, 1.0]
    assert label.dtype == np.float32
    with pytest.raises(
        UserError, match=r"class is 'joi'; accepted: calm, joy\. Did you mean 'joy'"
    ):
        multi_hot(["joi"], ["calm", "joy"])


def test_a_label_from_anything_but_class_names_says_what_was_given() -> None:
    names = ["red circle", "white line"]
    with pytest.raises(UserError, match=r"got 'red circle'; expected a list .* \['red circle'\]"):
        multi_hot("red circle", names)
    with pytest.raises(UserError, match=r"multi_hot got None; expected a list of class names$"):
        multi_hot(None, names)
    with pytest.raises(UserError, match=r"\(multi_hot got \['white line', 'blue box'\]\)$"):
        multi_hot(iter(["white line", "blue box"]), names)


def test_without_val_the_error_gives_advice(cfg, photos) -> None:
    with pytest.raises(UserError, match="no images in split val") as caught:
        build_dataset(cfg)
    assert "TEST.NO_TEST True TEST.FINAL_MODEL last_step" in str(caught.value)


def arguments(photos_root: str, out: Path, *opts: str) -> list[str]:
    return [
        "--root", photos_root, "--seed", "1", "--trainer", "DualCoOp", "--output-dir", str(out),
        "--config-file", "configs/trainers/DualCoOp/scenes.yaml",
        "DATASET.NAME", "Photos", "INPUT.SIZE", "(32, 32)", "OPTIM.MAX_EPOCH", "1",
        "DATALOADER.TRAIN_X.BATCH_SIZE", "2", "DATALOADER.NUM_WORKERS", "0", "USE_CUDA", "False",
        *opts,
    ]  # fmt: skip


def test_the_advice_trains_without_val_and_never_reads_test(cfg, photos, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UserError, match="no images in split val") as caught:
        train.main(arguments(cfg.DATASET.ROOT, out))
    advice = str(caught.value).rpartition(": ")[2].split()
    (tmp_path / "4.jpg").unlink()  # of split test: reading it would be an error
    train.main(arguments(cfg.DATASET.ROOT, out, *advice))
    checkpoints = sorted(path.name for path in out.rglob("model*.pth.tar*"))
    assert checkpoints == ["model.pth.tar-1"]
    assert not (out / "metrics.json").exists()


@pytest.mark.parametrize("empty", ["train_x", "test"])
def test_other_empty_splits_are_named(cfg, empty: str) -> None:
    record = Record("a.jpg", multi_hot(["a"], ["a", "b"]))
    splits = {"train_x": [record], "val": [record], "test": [record]}
    splits[empty] = []
    with pytest.raises(UserError, match=f"no images in split {empty.removesuffix('_x')}"):
        IntentDataset(cfg, classnames=["a", "b"], **splits)


def test_without_evaluation_train_alone_is_enough(cfg) -> None:
    cfg.TEST.NO_TEST, cfg.DATASET.HIERARCHY, cfg.DATASET.NAME = True, "", "Mine"
    record = Record("a.jpg", multi_hot(["a"], ["a", "b"]))
    dataset = IntentDataset(cfg, classnames=["a", "b"], train_x=[record])
    assert dataset.val == dataset.test == []
    with pytest.raises(UserError, match="no images in split train"):
        IntentDataset(cfg, classnames=["a", "b"], train_x=[])


@pytest.mark.parametrize(
    ("label", "found"),
    [
        (np.zeros(3, dtype=np.float32), r"float32 of shape \(3,\)"),
        (np.zeros(2), r"float64 of shape \(2,\)"),
        ([0, 1], r"int64 of shape \(2,\)"),
    ],
)
def test_a_label_that_does_not_fit_is_named(cfg, label, found: str) -> None:
    cfg.TEST.NO_TEST = True
    with pytest.raises(UserError, match=rf"label of b\.jpg is {found}; expected float32"):
        IntentDataset(cfg, classnames=["a", "b"], train_x=[Record("b.jpg", label)])


def build_labels(cfg: CfgNode, *labels: list[float], **settings) -> IntentDataset:
    """Build a data set of the classes a, b, c, ... whose split val has these labels."""
    cfg.DATASET.NAME, cfg.DATASET.HIERARCHY = "Mine", ""
    records = []
    for i, label in enumerate(labels):
        records.append(Record(f"{i}.jpg", np.array(label, dtype=np.float32)))
    settings.setdefault("classnames", list("abcdefgh")[: len(labels[0])])
    return IntentDataset(cfg, train_x=records[:1], val=records, test=records[:1], **settings)


@pytest.mark.parametrize(
    ("classnames", "message"),
    [
        (["a", "b", "a"], r"class 'a' is given twice"),
        (["a", 5, "b"], r"name 2 is 5, a int; expected a text"),
        (["a", " ", "b"], r"name 2 is empty"),
        ("abc", r"classnames is the text 'abc'; expected a list of class names"),
        ([], r"classnames is empty; expected a list of class names"),
    ],
)
def test_class_names_are_different_texts(cfg, classnames, message: str) -> None:
    with pytest.raises(UserError, match=rf"^data set Mine: .*{message}$"):
        build_labels(cfg, [1, 0, 0], classnames=classnames)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ([1, 1, 0], r"has the classes 'a', 'b'; kind='single_label' expects one class per image"),
        ([0, 0, 0], r"has no known class; kind='single_label' expects one class per image"),
        ([0, 0.5, 0.2], r"has shares that sum to 0\.7, at 'b', 'c'; kind='single_label' expects"),
        ([1, 0, 1, -1], r"has the classes 'a', 'c'; kind='single_label' expects one"),
    ],
)
def test_one_class_per_image_is_checked(cfg, label, message: str) -> None:
    good = np.eye(len(label))[0].tolist()
    build_labels(cfg, good, label)  # several classes
    with pytest.raises(UserError, match=rf"^data set Mine: image 1\.jpg of split val {message}"):
        build_labels(cfg, good, label, kind="single_label")


def test_one_class_per_image_may_be_a_distribution(cfg) -> None:
    labels = [[1, 0, 0], [0.333, 0.333, 0.333], [0.5, 0, 0.5], [1, 0, -1]]
    assert len(build_labels(cfg, *labels, kind="single_label").val) == len(labels)


@pytest.mark.parametrize("label", [[-1, -1, -1], [0, -1, -1], [0.4, 0, -1]])
def test_the_one_class_may_be_unknown_in_train_and_with_unseen_classes_only(cfg, label) -> None:
    build_labels(cfg, [1, 0, -1], label, kind="single_label", unseen=[2])
    with pytest.raises(UserError, match=r"^data set Mine: image 1\.jpg of split val has "):
        build_labels(cfg, [1, 0, 0], label, kind="single_label")
    hidden = [Record("hidden.jpg", np.array(label, dtype=np.float32))]
    known = [Record("known.jpg", np.array([1, 0, 0], dtype=np.float32))]
    splits = {"train_x": hidden, "val": known, "test": known}
    IntentDataset(cfg, classnames=["a", "b", "c"], kind="single_label", **splits)


@pytest.mark.parametrize("value", [2.0, -0.5, float("nan")])
def test_a_label_that_is_no_share_is_named(cfg, value: float) -> None:
    with pytest.raises(UserError, match=rf"image 1\.jpg of split val has {value:g} at class 'b'; "):
        build_labels(cfg, [1, 0], [0, value])


def test_an_unknown_kind_is_named(cfg) -> None:
    with pytest.raises(UserError, match=r"kind is 'single'; .* Did you mean 'single_label'\?"):
        build_labels(cfg, [1, 0], kind="single")


@pytest.mark.parametrize("build", [build_dataset, build_annotations])
def test_a_constructor_without_that_of_the_base_is_named(cfg, photos, monkeypatch, build) -> None:
    monkeypatch.setattr(photos, "__init__", lambda self, cfg: None)
    with pytest.raises(UserError, match=r"constructor of Photos must call super\(\)\.__init__\("):
        build(cfg)


@pytest.fixture
def photos_without_val(cfg, photos, monkeypatch) -> IntentDataset:
    """Point ``cfg`` to a data set whose val split has the images of train."""
    original = IntentDataset.__init__

    def init(self, cfg, **settings):
        original(self, cfg, **{**settings, "val": settings["train_x"]})

    monkeypatch.setattr(IntentDataset, "__init__", init)
    return cfg


def test_a_missing_image_is_named_before_training(photos_without_val, tmp_path: Path) -> None:
    cfg = photos_without_val
    build_dataset(cfg)
    (tmp_path / "4.jpg").unlink()
    (tmp_path / "2.jpg").unlink()
    first = tmp_path / "2.jpg"
    message = f"data set Photos: 2 of 6 images are missing: {first}, {tmp_path / '4.jpg'}. "
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        build_dataset(cfg)
    assert str(caught.value).endswith("DATASET.MISSING_IMAGES skip leaves them out")
    assert len(build_annotations(cfg).test) == 2
    cfg.DATASET.MISSING_IMAGES = "skip"
    dataset = build_dataset(cfg)
    assert [len(split) for split in (dataset.train_x, dataset.val, dataset.test)] == [3, 3, 1]


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_run_ends_at_once_where_a_test_image_is_missing(photos_without_val, tmp_path, more):
    (tmp_path / "5.jpg").unlink()
    with pytest.raises(UserError, match=r"Photos: 1 of 6 images is missing: .*5\.jpg"):
        train.main([*more, *arguments(str(tmp_path), tmp_path / "out")])
    assert not list(tmp_path.rglob("model*.pth.tar*"))


def test_if_all_images_are_missing_none_is_left_out(photos_without_val, tmp_path: Path) -> None:
    cfg = photos_without_val
    cfg.DATASET.MISSING_IMAGES = "skip"
    for path in tmp_path.glob("*.jpg"):
        path.unlink()
    with pytest.raises(UserError, match="6 of 6 images are missing"):
        build_dataset(cfg)


def test_each_folder_is_listed_once_and_no_file_is_opened(tmp_path: Path, monkeypatch) -> None:
    names = [f"{i % 3}/{i}.jpg" for i in range(30)]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    listed, scandir = [], os.scandir
    monkeypatch.setattr("os.scandir", lambda folder: listed.append(folder) or scandir(folder))
    monkeypatch.setattr("os.path.exists", lambda path: pytest.fail(f"looked for {path}"))
    label = np.ones(1, dtype=np.float32)
    records = [Record(str(tmp_path / name), label) for name in names]
    check_files("Mine", [records, records[:5], []])
    assert sorted(listed) == [str(tmp_path / name) for name in ("0", "1", "2")]


def test_shipped_data_sets_are_not_searched_twice(cfg, monkeypatch) -> None:
    monkeypatch.setattr("datasets.build.check_files", lambda *_: pytest.fail("searched twice"))
    build_dataset(cfg)
    for name in DATASET_REGISTRY.registered_names():
        maker = DATASET_REGISTRY.get(name)
        if maker.__module__.startswith("datasets."):
            assert _checks_files(maker), name


def test_the_hierarchy_is_flat_unless_a_file_has_the_name(cfg) -> None:
    cfg.DATASET.HIERARCHY, cfg.DATASET.NAME = "", "Mine"
    record = Record("a.jpg", np.ones(1, dtype=np.float32))
    splits = {split: [record] for split in ("train_x", "val", "test")}
    assert IntentDataset(cfg, classnames=["RedCar"], **splits).hierarchy.sentences == ["red car"]
    cfg.DATASET.NAME = "Scenes"
    keys = get_world("rich").annotators.keys
    record = Record("a.jpg", np.ones(len(keys), dtype=np.float32))
    splits = {split: [record] for split in ("train_x", "val", "test")}
    assert IntentDataset(cfg, classnames=keys, **splits).hierarchy.levels["super"]


def test_images_in_more_than_one_split_are_a_warning(photos, cfg, caplog):
    cfg.TEST.NO_TEST = True
    build_dataset(cfg)
    assert not [line for line in caplog.messages if "in more than one split" in line]
    with open(Path(cfg.DATASET.ROOT) / "photos.csv", "a", encoding="utf-8") as file:
        file.writelines(f"{i}.jpg,{split},BlueSky\n" for i, split in enumerate(["test"] * 4))
        file.write("0.jpg,val,BlueSky\n")
    caplog.clear()
    build_dataset(cfg)
    [line] = [line for line in caplog.messages if "in more than one split" in line]
    assert line.startswith(
        "Data set Photos: 4 images are in more than one split: 0.jpg (train, val, test), "
        "1.jpg (train, test), 2.jpg (train, test) and 1 more. "
    )
    caplog.clear()
    build_annotations(cfg)
    assert not [line for line in caplog.messages if "in more than one split" in line]


def test_looking_for_images_in_several_splits_costs_little(caplog):
    label = np.zeros(1, dtype=np.float32)

    class Reads:
        num = 0

    class Counted:
        def __init__(self, path):
            self.path, self.label = path, label

        @property
        def impath(self):
            Reads.num += 1
            return self.path

    records = [Counted(f"{i}.jpg") for i in range(3000)]
    splits = SimpleNamespace(train_x=records[:1000], val=records[1000:2000], test=records[2000:])
    warn_of_overlap("Large", splits, "")
    assert Reads.num == 3000 and not caplog.messages
