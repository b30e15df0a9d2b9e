"""VOC 2007: parts, difficult objects, ids, places of the root, and faults."""

from pathlib import Path

import pytest
from PIL import Image

from core.config import get_cfg_default
from core.errors import UserError
from core.labels import UNKNOWN
from datasets import build_annotations, build_dataset


def xml(*objects: tuple[str, int], part: str = "") -> str:
    """Return an annotation with objects (class, difficult); ``part`` is a part of each."""
    inner = f"<part><name>{part}</name></part>" if part else ""
    text = ""
    for name, difficult in objects:
        # The part comes first, so that the first <name> below the object is the part's.
        text += f"<object>{inner}<name>{name}</name><difficult>{difficult}</difficult></object>"
    return f"<annotation><filename>x.jpg</filename>{text}</annotation>"


IMAGES = {
    "000005": xml(("chair", 0), ("chair", 1), ("dog", 1)),
    "000007": xml(("person", 0), part="head"),
    "000001": xml(("diningtable", 0)),
}


@pytest.fixture
def voc(tmp_path) -> Path:
    """Return the folder VOC2007 below the root."""
    folder = tmp_path / "VOCdevkit" / "VOC2007"
    for name in ("Annotations", "ImageSets/Main", "JPEGImages"):
        (folder / name).mkdir(parents=True)
    for name, text in IMAGES.items():
        (folder / "Annotations" / f"{name}.xml").write_text(text)
        Image.new("RGB", (8, 8)).save(folder / "JPEGImages" / f"{name}.jpg")
    (folder / "ImageSets/Main/trainval.txt").write_bytes(b"000005\r\n000007 \r\n")
    (folder / "ImageSets/Main/test.txt").write_text("000001\n")
    return folder


@pytest.fixture
def cfg(voc, tmp_path):
    cfg = get_cfg_default()
    cfg.DATASET.NAME = "Voc2007"
    cfg.DATASET.ROOT = str(tmp_path)
    cfg.TEST.NO_TEST = True
    return cfg


def positives(dataset, record):
    return [name for name, value in zip(dataset.classnames, record.label, strict=True) if value > 0]


def test_parts_are_no_classes_and_ids_keep_their_zeros(cfg) -> None:
    dataset = build_dataset(cfg)
    assert [record.name for record in dataset.train_x] == ["000005.jpg", "000007.jpg"]
    assert positives(dataset, dataset.train_x[1]) == ["person"]
    assert all(Path(record.impath).is_file() for record in dataset.train_x)


@pytest.mark.parametrize(("treatment", "value"), [("skip", 0), ("positive", 1), ("unknown", -1)])
def test_classes_with_difficult_objects_only(cfg, treatment, value) -> None:
    cfg.DATASET.VOC_DIFFICULT = treatment
    dataset = build_dataset(cfg)
    label = dataset.train_x[0].label
    assert label[dataset.classnames.index("dog")] == value
    assert label[dataset.classnames.index("chair")] == 1
    assert (label == UNKNOWN).sum() == (treatment == "unknown")


def test_names_for_prompts_have_spaces(cfg) -> None:
    dataset = build_dataset(cfg)
    assert dataset.classnames == sorted(dataset.classnames) and dataset.num_classes == 20
    index = dataset.classnames.index("diningtable")
    assert dataset.hierarchy.names[index] == "dining table"


@pytest.mark.parametrize("folder", ["VOCdevkit", "VOCdevkit/VOC2007"])
def test_the_root_may_be_any_of_the_folders(cfg, tmp_path, folder) -> None:
    cfg.DATASET.ROOT = str(tmp_path / folder)
    dataset = build_dataset(cfg)
    assert len(dataset.test) == 1 and Path(dataset.test[0].impath).is_file()


def test_missing_test_annotations_name_their_archive(cfg, voc) -> None:
    (voc / "Annotations" / "000001.xml").unlink()
    message = r"1 of 1 annotation files of split test are missing .*VOCtest_06-Nov-2007\.tar"
    with pytest.raises(UserError, match=message):
        build_dataset(cfg)


def test_given_predictions_need_no_images_and_no_train(cfg, voc) -> None:
    for path in (voc / "JPEGImages").iterdir():
        path.unlink()
    (voc / "ImageSets/Main/trainval.txt").unlink()
    dataset = build_annotations(cfg, splits=("test",))
    assert len(dataset.test) == 1 and dataset.train_x == []
    with pytest.raises(UserError, match=r"cannot read .*trainval\.txt"):
        build_annotations(cfg, splits=("val", "test"))


ENTITIES = (
    '<!DOCTYPE a [<!ENTITY b "c">]><annotation><object><name>&b;</name></object></annotation>'
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<annotation>", "is not valid XML"),
        (ENTITIES, "has a document type"),
        ("<annotation><object/></annotation>", "an object has no <name>"),
        (xml(("cta", 0)), r"class is 'cta'; accepted: aeroplane, .* Did you mean 'cat'"),
    ],
)
def test_faults_are_named_in_one_line(cfg, voc, text, message) -> None:
    (voc / "Annotations" / "000007.xml").write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        build_dataset(cfg)
    assert "000007.xml" in str(caught.value) and "\n" not in str(caught.value)


def test_a_root_without_voc_is_named(cfg, tmp_path) -> None:
    (tmp_path / "elsewhere").mkdir()
    cfg.DATASET.ROOT = str(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"no VOC 2007 below .*elsewhere"):
        build_dataset(cfg)
