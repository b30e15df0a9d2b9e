"""The order of the methods on drawn scenes (docs/drawn_worlds.md, R2 and R6), on one more split."""

import json

import pytest

import train
from tests.conftest import NO_EXTRAS
from tools.scenes.make import make_scenes


@pytest.fixture(scope="module")
def test_map(tmp_path_factory):
    """Return a function: trainer and overrides to its mAP on test, at full size."""
    folder = tmp_path_factory.mktemp("order")
    make_scenes(folder / "data", seed=17)

    def go(trainer, *opts):
        out = folder / f"{trainer}{len(list(folder.iterdir()))}"
        args = ["--root", str(folder / "data"), "--seed", "3", "--trainer", trainer]
        args += ["--output-dir", str(out)]
        args += ["--dataset-config-file", "configs/datasets/scenes.yaml"]
        args += ["--config-file", f"configs/trainers/{trainer}/scenes.yaml"]
        train.main(
            [
                *(*args, "OPTIM.MAX_EPOCH", "4"),
                *("TRAIN.FEATURE_CACHE", str(folder / "features"), *NO_EXTRAS, *opts),
            ]
        )
        return json.loads((out / "metrics.json").read_text())["test"]["mAP"]

    return go


@pytest.mark.slow
def test_methods_are_in_the_order_of_real_data(test_map):
    key = "TRAINER.ZEROSHOTCLIP.CLASS_TEXT"
    names, sentences = (test_map("ZeroshotCLIP", key, text) for text in ("name", "sentence"))
    probe = test_map("LinearProbe", "TRAINER.LINEARPROBE.FEATURES", "concat")
    dual = test_map("IntCLIP")
    chance = 9.4  # mean share of positives
    assert 1.5 * chance < names < sentences - 3
    assert sentences + 5 < min(probe, dual)
