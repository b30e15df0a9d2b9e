"""The order of the methods on drawn scenes (docs/benchmark.md) holds on one more split."""

import json

import pytest

import train
from tests.conftest import NO_EXTRAS
from tools.scenes.make import make_scenes


@pytest.fixture(scope="module")
def test_map(tmp_path_factory):
    """Return a function: trainer and overrides to its mAP on test, at full size."""
    folder = tmp_path_factory.mktemp("order")
    make_scenes(folder / "data", seed=7)

    def go(trainer, *opts):
        out = folder / f"{trainer}{len(list(folder.iterdir()))}"
        args = ["--root", str(folder / "data"), "--seed", "3", "--trainer", trainer]
        args += ["--output-dir", str(out)]
        args += ["--dataset-config-file", "configs/datasets/scenes.yaml"]
        args += ["--config-file", f"configs/trainers/{trainer}/scenes.yaml"]
        train.main(
            [
                *(*args, "OPTIM.MAX_EPOCH", "8"),
                *("TRAIN.FEATURE_CACHE", str(folder / "features"), *NO_EXTRAS, *opts),
            ]
        )
        return json.loads((out / "metrics.json").read_text())["test"]["mAP"]

    return go


@pytest.mark.slow
def test_the_dual_branch_is_above_what_learns_on_the_frozen_map_alone(test_map):
    zero_shot = max(
        test_map("ZeroshotCLIP", "TRAINER.ZEROSHOTCLIP.FEATURES", name)
        for name in ("global", "region")
    )
    prompts = test_map("DualCoOp")
    dual = test_map("IntCLIP")
    chance = 6.9  # mean share of positives
    assert chance < min(zero_shot, prompts)
    assert max(zero_shot, prompts) + 1 < dual
