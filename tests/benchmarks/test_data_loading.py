"""The loading benchmark: every form loads the same images; the table compares their rates."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import _loading_steps, data_loading
from benchmarks._photos import SPLITS, draw_photo, write_official_size, write_photos
from tools.prepare_images import prepare as prepare_copies

FORMS = [data_loading.PLAIN, data_loading.PARSING, data_loading.PLAIN_AUGMENTED, *data_loading.OURS]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos") / "data"
    write_photos(root, num_files=3, splits=dict.fromkeys(SPLITS, 8), width=480, height=400)
    assert prepare_copies(root, size=384, workers=1, say=lambda line: None) == []
    (root / "official.json").write_text("{}")
    return root


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_batches_of_the_size(root: Path, form: str, monkeypatch) -> None:
    monkeypatch.setattr(data_loading, "BATCH", 4)
    monkeypatch.setattr(data_loading, "NUM_FILES", 3)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)  # of the tests' process
    settings = {
        "root": str(root),
        "size": 48,
        "interpolation": "bilinear",
        "workers": 0,
        "num_images": 8,
        "form": form,
    }
    one_pass = data_loading.prepare(settings)
    loader, finish, num_images = one_pass.args
    sizes = []

    def note(batch) -> None:
        done = finish(batch)
        images = batch["img"] if isinstance(batch, dict) else batch
        sizes.append(tuple(images.shape if done is None else done.shape))

    one_pass.func(loader, note, num_images)
    assert sizes == [(4, 3, 48, 48)] * 2


def test_the_single_steps_are_all_measured(root: Path) -> None:
    settings = {"root": str(root), "size": 48, "interpolation": "bilinear"}
    lines = _loading_steps.profile(settings, num_files=3, repeats=1).splitlines()
    assert len(lines) == 2 + 17
    for line in lines[2:]:
        assert float(line.split("|")[2]) >= 0


def test_table_compares_with_the_form_of_the_same_kind() -> None:
    rates = {
        data_loading.PLAIN: 100.0,
        data_loading.PARSING: 5.0,
        data_loading.PLAIN_AUGMENTED: 50.0,
    }
    rates |= {"ours, prepared": 400.0, "ours, prepared, augmented": 150.0}
    results = []
    for form, rate in rates.items():
        results.append({"settings": {"workers": 0, "form": form}, "images_per_s": rate})
    lines = data_loading.table(results).splitlines()
    assert "| none | ours, prepared | 400 | 2.50 | 4.00 | 80.00 |" in lines
    assert "| none | ours, prepared, augmented | 150 | 6.67 | 3.00 | 30.00 |" in lines


def test_photos_weigh_what_photographs_weigh(tmp_path: Path) -> None:
    draw_photo(np.random.default_rng(0), 1080, 720).save(tmp_path / "photo.jpg", quality=85)
    assert Image.open(tmp_path / "photo.jpg").size == (1080, 720)
    assert 80e3 < (tmp_path / "photo.jpg").stat().st_size < 250e3
    assert 8e6 < write_official_size(tmp_path / "official.json") < 10e6
