"""Emotion data sets that the class Folder reads: every configuration, on its official layout."""

from pathlib import Path

import pytest

from core.config_merge import setup_cfg
from datasets import build_dataset
from tests.datasets.official import folders
from tests.datasets.official.compare import check_classes, check_labels

POLARITIES = {"positive emotion", "negative emotion"}
LAYOUTS = {
    "fi": folders.write_fi,
    "fi_wscnet": folders.write_wscnet_fi,
    "fi_2": folders.write_wscnet_fi_2,
    "emotionroi": folders.write_emotionroi,
    "emotionroi_wscnet": folders.write_wscnet_emotion6,
    "unbiasedemo": folders.write_unbiasedemo,
    "emotion_6_panda": folders.write_emotion_6,
    "twitter2": folders.write_wscnet_twitter2,
}


def read(config: str, root: Path, *opts: str):
    opts = ("DATASET.ROOT", str(root), *opts)
    return build_dataset(setup_cfg([f"configs/datasets/{config}.yaml"], opts=opts))


@pytest.mark.parametrize("config", LAYOUTS)
def test_the_configuration_reads_its_layout(config: str, tmp_path: Path) -> None:
    expected = LAYOUTS[config](tmp_path)
    dataset = read(config, tmp_path)
    assert dataset.kind == "single_label"
    check_classes(dataset, expected, ordered=False)
    check_labels(dataset, expected, tmp_path, single=True)
    assert dataset.test, "every configuration has a test split, if need be a fold"
    if len(dataset.classnames) > 2:
        assert set(dataset.hierarchy.levels["super"]) == POLARITIES


@pytest.mark.parametrize(
    ("config", "count"), [("fi", 23_308), ("emotionroi", 1980), ("unbiasedemo", 3045)]
)
def test_another_number_of_images_than_published_is_a_warning(
    config: str, count: int, tmp_path: Path, caplog
) -> None:
    LAYOUTS[config](tmp_path)
    read(config, tmp_path)
    assert f"images; the published one has {count}" in caplog.text


def test_the_number_of_the_fold_names_the_folder_of_wscnet(tmp_path: Path) -> None:
    tested = []
    for number in range(1, 6):
        expected = folders.write_wscnet_twitter1(tmp_path, fold=number)
        dataset = read("twitter1_wscnet", tmp_path, "DATASET.FOLD", str(number - 1))
        check_labels(dataset, expected, tmp_path, single=True)
        tested += [record.name for record in dataset.test]
    assert all(name.startswith("TwitterI/total/") for name in tested)
    assert {name.split("/")[2] for name in tested} == set("12345")
