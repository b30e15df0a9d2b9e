"""The data set reads copies that are large enough, and originals of images without a copy."""

import logging
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from core.errors import UserError
from datasets import DataManager, build_dataset
from datasets.prepared import (
    MANIFEST,
    Copy,
    copy_name,
    manifest_line,
    needed_size,
    prepared_folder,
    read_manifest,
)
from tools.prepare_images import prepare


@pytest.fixture(scope="module")
def prepared_root(scenes_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return drawn scenes (48 px) with copies of 40 and 32 px."""
    root = tmp_path_factory.mktemp("prepared") / "root"
    shutil.copytree(scenes_root, root)
    for size in (40, 32):
        assert prepare(root, size=size, workers=1, say=lambda line: None) == []
    return root


@pytest.fixture
def root(prepared_root: Path, tmp_path: Path, cfg) -> Path:
    """Return a folder of the prepared data that a test may change, and point ``cfg`` to it."""
    shutil.copytree(prepared_root, tmp_path / "root")
    cfg.DATASET.ROOT = str(tmp_path / "root")
    return tmp_path / "root"


def folders(cfg) -> set[str]:
    """Return the folders below the root that the data set's images are read from."""
    dataset = build_dataset(cfg)
    records = dataset.train_x + dataset.val + dataset.test
    return {str(Path(record.impath).parent.relative_to(cfg.DATASET.ROOT)) for record in records}


@pytest.mark.parametrize(
    ("setting", "size", "expected"),
    [
        ("auto", 32, "prepared-32/low"),
        ("auto", 36, "prepared-40/low"),
        ("auto", 41, "low"),
        ("off", 32, "low"),
        ("False", 32, "low"),
        ("40", 32, "prepared-40/low"),
        ("32", 48, "prepared-32/low"),
    ],
)
def test_the_smallest_that_is_large_enough(
    cfg, root: Path, setting: str, size: int, expected: str, caplog
) -> None:
    cfg.DATASET.PREPARED, cfg.INPUT.SIZE = setting, (32, size)
    with caplog.at_level(logging.INFO, logger="intclip"):
        assert folders(cfg) == {expected}
    used = [record.message for record in caplog.records if record.message.startswith("Images: ")]
    assert len(used) == 1
    assert str(root / expected.removesuffix("/low")) in used[0] or "originals" in used[0]
    warned = any("small for INPUT.SIZE" in record.message for record in caplog.records)
    assert warned == (setting == "32")


def test_random_crops_need_more(cfg) -> None:
    cfg.INPUT.SIZE, cfg.INPUT.TRANSFORMS = (224, 160), ("random_flip",)
    assert needed_size(cfg) == 224
    cfg.INPUT.TRANSFORMS, cfg.INPUT.RRCROP_SCALE = ("random_resized_crop",), (0.25, 0.25)
    assert needed_size(cfg) == 448
    cfg.INPUT.NO_TRANSFORM = True
    assert needed_size(cfg) == 224


def test_a_size_that_is_not_there(cfg, root: Path) -> None:
    cfg.DATASET.PREPARED = "384"
    with pytest.raises(UserError, match=r"DATASET.PREPARED is '384'; accepted: 32, 40, auto, off"):
        build_dataset(cfg)


def test_images_without_a_copy_are_read_from_the_originals_with_a_warning(
    cfg, root: Path, caplog
) -> None:
    val = build_dataset(cfg).val
    Path(val[0].impath).unlink()
    with caplog.at_level(logging.WARNING, logger="intclip"):
        again = build_dataset(cfg).val
    name = Path(val[0].impath).name
    assert again[0].impath == str(root / "low" / name) and again[1].impath == val[1].impath
    (warning,) = (record.message for record in caplog.records if record.levelno == logging.WARNING)
    assert warning.startswith("1 of 35 images have no copy in")
    assert f"low/{name}" in warning
    assert "\n" not in warning


def test_the_copy_of_a_changed_original_is_not_read(cfg, root: Path) -> None:
    first, second, *_ = (Path(record.impath).name for record in build_dataset(cfg).val)
    Image.new("RGB", (48, 48), "red").save(root / "low" / first)
    os.utime(root / "low" / second, (0, 0))  # as after copying the data set
    found = [Path(record.impath).parent.name for record in build_dataset(cfg).val[:2]]
    assert found == ["low", "low"] and build_dataset(cfg).val[0].impath == str(root / "low" / first)
    assert build_dataset(cfg).val[1].impath == str(root / "prepared-32" / "low" / second)


def test_originals_may_be_gone_where_copies_are_complete(cfg, root: Path) -> None:
    shutil.rmtree(root / "low")
    batch = next(iter(DataManager(cfg, mean=(0.5,) * 3, std=(0.5,) * 3).val_loader))
    assert batch["img"].shape == (4, 3, 32, 32)
    cfg.DATASET.PREPARED = "off"
    with pytest.raises(UserError, match="35 images are missing"):
        build_dataset(cfg)


def test_files_without_a_manifest_line_do_not_count(cfg, root: Path) -> None:
    manifest = prepared_folder(root, 32) / MANIFEST
    manifest.write_text(manifest.read_text()[:-10])  # the last line is torn
    assert folders(cfg) == {"low", "prepared-32/low"}
    manifest.unlink()
    assert folders(cfg) == {"prepared-40/low"}


def test_manifest_keeps_the_last_line_of_a_name(tmp_path: Path) -> None:
    old, new = Copy("low/ä.jpg", 1, 2, 3), Copy("low/ä.jpg", 4, 5, 6)
    (tmp_path / MANIFEST).write_text(
        manifest_line(old) + "[]\n{}\n" + manifest_line(new) + '{"name"', "utf-8"
    )
    assert read_manifest(tmp_path) == {"low/ä.jpg": new}
    assert read_manifest(tmp_path / "none") == {}


def test_copies_of_other_formats_are_named_as_jpegs(cfg, root: Path) -> None:
    assert [copy_name(name) for name in ("a.jpg", "b/c.JPEG", "d.png")] == [
        "a.jpg",
        "b/c.JPEG",
        "d.png.jpg",
    ]
    text = (root / "annotations/intentonomy_val2020.json").read_text()
    name = Path(build_dataset(cfg).val[0].impath).name
    (root / "annotations/intentonomy_val2020.json").write_text(
        text.replace(f"low/{name}", "low/new.png")
    )
    Image.new("L", (100, 90), 77).save(root / "low/new.png")
    assert prepare(root, size=32, workers=1, say=lambda line: None) == []
    assert build_dataset(cfg).val[0].impath == str(root / "prepared-32/low/new.png.jpg")
