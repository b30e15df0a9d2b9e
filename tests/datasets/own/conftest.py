"""Functions that write label files and load them as a data set."""

from pathlib import Path

import pytest
from PIL import Image

from core.config import get_cfg_default
from datasets import build_dataset
from datasets.build import DATASET_REGISTRY


@pytest.fixture
def write(tmp_path):
    """Return a function: file name and text, or bytes, to the path of the written file."""

    def go(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(data)
        return path

    return go


@pytest.fixture
def draw(tmp_path):
    """Return a function: names of images that it writes, 8 x 8 pixels each."""

    def go(*names: str) -> None:
        for i, name in enumerate(names):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (40 * (i % 6), 90, 20)).save(path)

    return go


@pytest.fixture
def make_cfg(tmp_path):
    """Return a function: keys of DATASET to a configuration without val and test."""

    def go(**keys):
        cfg = get_cfg_default()
        cfg.DATASET.NAME = "Csv"
        cfg.DATASET.ROOT = str(tmp_path)
        cfg.DATASET.VAL_PERCENT = 0.0
        cfg.TEST.NO_TEST = True
        for key, value in keys.items():
            assert key in cfg.DATASET, key
            cfg.DATASET[key] = value
        return cfg

    return go


@pytest.fixture
def load(make_cfg):
    """Return a function: keys of DATASET to the data set; image files need not exist."""

    def go(images=False, **keys):
        cfg = make_cfg(**keys)
        if images:
            return build_dataset(cfg)
        return DATASET_REGISTRY.get(cfg.DATASET.NAME)(cfg, images=False)

    return go


def labels_of(dataset) -> dict[str, set[str]]:
    """Return the classes of each image whose label is 1."""
    found = {}
    for record in (*dataset.train_x, *dataset.val, *dataset.test):
        names = [name for name, v in zip(dataset.classnames, record.label, strict=True) if v == 1]
        found[record.name] = set(names)
    return found
