"""Each data set reads the official layout of its files as published, label by label.

``tests/datasets/official`` writes the files and says what they hold. It shares no code with the
data sets.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.config_merge import setup_cfg
from core.errors import UserError
from datasets import IntentDataset, build_dataset
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
from tests.datasets.official.compare import (
    check_boxes,
    check_classes,
    check_labels,
    check_order,
    check_shares,
    check_soft_targets,
    check_unseen,
    records_of,
)
from tests.datasets.official.expected import Expected


@dataclass(frozen=True)
class Case:
    """One layout of one data set.

    Attributes:
        name: registered name of the data set.
        config: file below configs/datasets/ without suffix; empty: the name alone selects it.
        write: generator, and its options.
        options: keyword arguments of ``write``.
        folder: ``DATASET.ROOT`` below the folder of the generator.
        opts: KEY VALUE pairs that the layout needs.
        readings: accepted variants of the expected labels; see ``check_labels``.
        single: one class per image.
        ordered: the class names have the order of the files.
        merged: val may be official or drawn from train, so that both are compared together.
    """

    name: str
    config: str
    write: Callable[..., Expected]
    options: tuple[tuple[str, object], ...] = ()
    folder: str = ""
    opts: tuple[str, ...] = ()
    readings: tuple[str, ...] = ("",)
    single: bool = False
    ordered: bool = False
    merged: bool = False

    def __str__(self) -> str:
        words = [self.config or self.name, self.write.__name__.removeprefix("write_")]
        return "-".join([*words, *(str(value) for _, value in self.options)])


COCO = Case("Coco2014", "coco2014", coco.write_coco, ordered=True)
VOC = Case("Voc2007", "voc2007", voc.write_voc, ordered=True, merged=True)
NUS = Case("NusWide", "nus_wide", nus_wide.write_nus_wide, readings=("", "labelled"), ordered=True)
NUS_ZSL = Case("NusWide", "nus_wide_zsl", nus_wide.write_nus_wide_zsl, readings=("", "labelled"))
NUS_NPY = Case("NusWide", "nus_wide_zsl", nus_wide.write_nus_wide_npy)
EMOTIC = Case("Emotic", "emotic", emotic.write_emotic, ordered=True)
EMOTION6 = Case(
    "Emotion6",
    "emotion6",
    emotion6.write_emotion6,
    readings=("", "folder", "six_classes"),
    single=True,
)
ABSTRACT = Case("Abstract", "abstract", abstract.write_abstract, single=True)
FLICKR_LDL = Case("FlickrLdl", "flickr_ldl", ldl.write_flickr_ldl, single=True)
TWITTER_LDL = Case("TwitterLdl", "twitter_ldl", ldl.write_twitter_ldl, single=True)
TWITTER1 = Case("TwitterI", "twitter1", twitter1.write_twitter1, single=True)

TRAIN_CSV = ("DATASET.FILE", "train.csv", "DATASET.IMAGES", "train")
FILE_PER_SPLIT = (
    *("DATASET.TRAIN_FILE", "train.csv"),
    *("DATASET.VAL_FILE", "val.csv"),
    *("DATASET.TEST_FILE", "test.csv"),
)
ML_GCN = (
    *("DATASET.TRAIN_FILE", "classification_train.csv"),
    *("DATASET.TEST_FILE", "classification_test.csv"),
    *("DATASET.IMAGES", "JPEGImages"),
    *("DATASET.LABEL_VALUES", "minus_one_is_no"),
)
HASHNET = ("DATASET.TRAIN_FILE", "train.txt", "DATASET.TEST_FILE", "test.txt")
COCO_EXPORT = ("DATASET.FILE", "annotations/instances_default.json", "DATASET.IMAGES", "images")

CASES = [
    COCO,
    Case("Coco2014", "coco2014", coco.write_coco, (("layout", "images"),), ordered=True),
    Case("Coco2014", "coco2014", coco.write_coco, (("layout", "trainval2014"),), ordered=True),
    VOC,
    Case("Voc2007", "voc2007", voc.write_voc, (("layout", "devkit"),), merged=True),
    Case("Voc2007", "voc2007", voc.write_voc, (("layout", "above"),), merged=True),
    NUS,
    Case(
        "NusWide",
        "nus_wide",
        nus_wide.write_nus_wide,
        (("layout", "loose"),),
        readings=("", "labelled"),
    ),
    EMOTIC,
    Case("EmoSet", "emoset", emoset.write_emoset, (("fields", 4),), single=True),
    Case("EmoSet", "emoset", emoset.write_emoset, (("fields", 3),), single=True),
    EMOTION6,
    Case("Artphoto", "artphoto", artphoto.write_artphoto, single=True),
    ABSTRACT,
    TWITTER1,
    Case("TwitterI", "twitter1", twitter1.write_twitter1, (("naming", "long"),), single=True),
    FLICKR_LDL,
    TWITTER_LDL,
    Case(
        "FlickrLdl",
        "flickr_ldl",
        ldl.write_flickr_ldl,
        (("layout", "two_tables"),),
        single=True,
    ),
    Case("Folder", "fi", folders.write_fi, single=True),
    Case("Folder", "emotionroi", folders.write_emotionroi, single=True),
    Case("Folder", "unbiasedemo", folders.write_unbiasedemo, single=True),
    Case("Folder", "", folders.write_wscnet_fi, folder="FI", single=True),
    Case("Folder", "", folders.write_wscnet_fi_2, folder="FI_2", single=True),
    Case("Folder", "", folders.write_emotion_6, folder="Emotion-6/images", single=True),
    Case("Folder", "", folders.write_wscnet_emotion6, folder="Emotion6", single=True),
    Case("Folder", "", folders.write_wscnet_twitter2, folder="TwitterII", single=True),
    Case("Folder", "", folders.write_wscnet_twitter1, folder="TwitterI/total/2", single=True),
    Case("Folder", "", own.write_imagefolder_classes, single=True),
    Case("Csv", "", own.write_roboflow, ordered=True),
    Case("Csv", "", own.write_imagefolder_csv, ordered=True),
    Case("Csv", "", own.write_imagefolder_jsonl, ordered=True),
    Case("Csv", "", own.write_imagefolder_jsonl, (("val", "val"),), ordered=True),
    Case("Csv", "", own.write_keras_list, opts=FILE_PER_SPLIT, ordered=True),
    Case("Csv", "", own.write_keras_columns, opts=("DATASET.FILE", "labels.csv"), ordered=True),
    Case("Csv", "", own.write_fastai, opts=TRAIN_CSV, ordered=True),
    Case("Csv", "", own.write_planet, opts=TRAIN_CSV, ordered=True),
    Case("Csv", "", own.write_posi_labels, opts=FILE_PER_SPLIT, ordered=True),
    Case("Csv", "", own.write_ml_gcn, opts=ML_GCN, ordered=True),
    Case("Csv", "", own.write_hashnet, opts=HASHNET, ordered=True),
    Case("Csv", "", own.write_vertex, opts=("DATASET.FILE", "import.csv"), ordered=True),
    Case("Csv", "", own_tools.write_cvat, opts=("DATASET.FILE", "annotations.xml")),
    Case("Csv", "", own_tools.write_label_studio_json, opts=("DATASET.FILE", "project-1.json")),
    Case("Csv", "", own_tools.write_label_studio_csv, opts=("DATASET.FILE", "project-1.csv")),
    Case("Csv", "", own_tools.write_fiftyone, opts=("DATASET.FILE", "labels.json")),
    Case("Csv", "", own_tools.write_coco_export, opts=COCO_EXPORT),
]
ZERO_SHOT = [
    Case("Coco2014", "coco2014_zsl", coco_zsl.write_coco_zsl, (("listed", "own"),)),
    Case("Coco2014", "coco2014_zsl", coco_zsl.write_coco_zsl, (("listed", "all"),)),
    Case("Coco2014", "coco2014_zsl", coco_zsl.write_coco_zsl, (("layout", "plain"),)),
    NUS_ZSL,
    NUS_NPY,
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_images_and_labels_are_those_of_the_official_files(case: Case, tmp_path: Path) -> None:
    expected, dataset = build(case, tmp_path)
    if case.merged:
        merge_val(expected)
    if case is not EMOTION6:  # whose neutral class a loader may leave out
        check_classes(dataset, expected, ordered=case.ordered)
    check_labels(dataset, expected, tmp_path, readings=case.readings, single=case.single)


@pytest.mark.parametrize("case", ZERO_SHOT, ids=str)
def test_zero_shot_sets_hide_unseen_classes_in_training_only(case: Case, tmp_path: Path) -> None:
    expected, dataset = build(case, tmp_path)
    dataset.open_test()
    check_classes(dataset, expected, ordered=False)
    check_unseen(dataset, expected)
    check_labels(dataset, expected, tmp_path, readings=case.readings)


@pytest.mark.parametrize("case", [EMOTION6, ABSTRACT, FLICKR_LDL, TWITTER_LDL], ids=str)
def test_votes_are_kept_and_become_soft_targets_on_request(case: Case, tmp_path: Path) -> None:
    expected, dataset = build(case, tmp_path, "DATASET.TARGETS", "soft")
    check_shares(dataset, expected, tmp_path, splits=["all"])
    check_soft_targets(dataset)


def test_records_of_coco_follow_the_first_annotation(tmp_path: Path) -> None:
    expected, dataset = build(COCO, tmp_path)
    for split in ("train", "test"):
        order = expected.orders[f"{split}_first_annotation"]
        check_order(records_of(dataset, split), [order], tmp_path)


def test_unannotated_images_of_coco_are_negative_on_request(tmp_path: Path) -> None:
    expected, dataset = build(COCO, tmp_path, "DATASET.COCO_IMAGES", "all")
    check_labels(dataset, expected, tmp_path, readings=["all_images"])
    orders = [expected.orders["train_json"], expected.orders["train_id"]]
    check_order(dataset.train_x, orders, tmp_path)


def test_records_of_voc_follow_the_list_of_ids(tmp_path: Path) -> None:
    expected, dataset = build(VOC, tmp_path)
    check_order(dataset.train_x, [expected.orders["trainval"]], tmp_path)


def test_records_of_nus_wide_follow_the_lists(tmp_path: Path) -> None:
    expected, dataset = build(NUS, tmp_path)
    for split in ("train", "test"):
        check_order(records_of(dataset, split), [expected.orders[split]], tmp_path)


def test_a_missing_photo_of_nus_wide_never_shifts_labels(tmp_path: Path) -> None:
    image = "polar_bear/0010_31224.jpg"
    case = Case("NusWide", "nus_wide", nus_wide.write_nus_wide, (("missing", (image,)),))
    try:
        expected, dataset = build(case, tmp_path)
    except UserError as error:
        assert image.rsplit("/", 1)[1] in str(error)
        return
    for splits in (expected.splits, *expected.variants.values()):
        del splits["train"][f"Flickr/{image}"]
    check_labels(dataset, expected, tmp_path, readings=["", "labelled"])


def test_persons_of_emotic_have_their_box_and_the_shares_of_the_annotators(
    tmp_path: Path,
) -> None:
    expected, dataset = build(EMOTIC, tmp_path)
    check_boxes(dataset, expected, tmp_path)
    check_shares(dataset, expected, tmp_path, splits=["val", "test"])


def test_difficult_objects_of_voc_count_on_request(tmp_path: Path) -> None:
    expected, dataset = build(VOC, tmp_path, "DATASET.VOC_DIFFICULT", "positive")
    merge_val(expected)
    check_labels(dataset, expected, tmp_path, readings=["difficult_positive"])


@pytest.mark.parametrize("agreement", ["four", "five"])
def test_pictures_of_twitter_with_more_agreement(agreement: str, tmp_path: Path) -> None:
    expected, dataset = build(TWITTER1, tmp_path, "DATASET.AGREEMENT", agreement)
    check_labels(dataset, expected, tmp_path, readings=[agreement], single=True)


def test_nus_wide_in_one_table(tmp_path: Path) -> None:
    case = Case("NusWide", "nus_wide", nus_wide.write_nus_wide_csv)
    expected, dataset = build(case, tmp_path)
    check_labels(dataset, expected, tmp_path, readings=[""])


@pytest.mark.parametrize("order", [0, 1, 2])
def test_labels_do_not_depend_on_the_order_in_the_files(order: int, tmp_path: Path) -> None:
    for case in (COCO, NUS):
        folder = tmp_path / case.name
        expected, dataset = build(case, folder, seed=order)
        check_labels(dataset, expected, folder, readings=case.readings)


def build(case: Case, root: Path, *opts: str, seed: int = 0) -> tuple[Expected, IntentDataset]:
    """Write the files of a case and read them with the project's data set."""
    config = f"configs/datasets/{case.config}.yaml"
    expected = case.write(root, seed=seed, **dict(case.options))
    settings = ["DATASET.ROOT", str(root / case.folder), *case.opts, *opts]
    if not case.config:
        settings += ["DATASET.NAME", case.name]
    cfg = setup_cfg([config] if case.config else [], opts=settings)
    return expected, build_dataset(cfg)


def merge_val(expected: Expected) -> None:
    """Put the images of val into train, for a data set that draws its val split from both."""
    for splits in (expected.splits, *expected.variants.values()):
        splits["train"] |= splits.pop("val")
