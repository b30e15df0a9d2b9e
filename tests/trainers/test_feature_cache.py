"""Training from the feature cache gives the numbers of training from images, for every trainer."""

import json
from pathlib import Path

import pytest
import torch

import train
from core.errors import UserError
from tests.conftest import NO_EXTRAS

FAST = [
    "OPTIM.MAX_EPOCH", "2", "INPUT.SIZE", "(64, 64)", "DATALOADER.TRAIN_X.BATCH_SIZE", "16",
    *NO_EXTRAS,
]  # fmt: skip


@pytest.fixture
def run(scenes_root, tmp_path):
    """Return a function from trainer, output folder and overrides to the metrics of a run."""

    def go(trainer, name, *opts):
        args = ["--root", str(scenes_root), "--seed", "1", "--trainer", trainer]
        args += ["--output-dir", str(tmp_path / name)]
        args += ["--dataset-config-file", "configs/datasets/scenes.yaml"]
        args += ["--config-file", f"configs/trainers/{trainer}/scenes.yaml"]
        train.main([*args, *FAST, *map(str, opts)])
        return json.loads(Path(tmp_path, name, "metrics.json").read_text())

    return go


def weights(folder):
    path = next(folder.glob("*/model.pth.tar-2"))
    return torch.load(path, weights_only=True)["state_dict"]


@pytest.mark.parametrize("trainer", ["IntCLIP", "DualCoOp", "LinearProbe", "FineTune"])
def test_same_weights_and_metrics_as_from_images(run, tmp_path, trainer):
    cache = tmp_path / "features"
    plain = run(trainer, "plain")
    assert run(trainer, "first", "TRAIN.FEATURE_CACHE", cache) == plain
    entries = sorted(cache.iterdir())
    assert len(entries) == 3  # one per split
    assert run(trainer, "second", "TRAIN.FEATURE_CACHE", cache) == plain
    assert sorted(cache.iterdir()) == entries  # found again, nothing new
    for name, value in weights(tmp_path / "plain").items():
        assert torch.equal(value, weights(tmp_path / "second")[name])


@pytest.mark.parametrize("features", ["global", "region"])
def test_zero_shot_from_the_cache(run, tmp_path, features):
    opts = ("TRAINER.ZEROSHOTCLIP.FEATURES", features)
    assert run("ZeroshotCLIP", "a", *opts) == run(
        "ZeroshotCLIP", "b", *opts, "TRAIN.FEATURE_CACHE", tmp_path / "c"
    )


@pytest.mark.slow
def test_backbone_size_and_precision_each_have_an_entry(run, tmp_path):
    cache = ("TRAIN.FEATURE_CACHE", tmp_path / "features")
    run("LinearProbe", "a", *cache)
    run("LinearProbe", "size", *cache, "INPUT.SIZE", "(96, 96)")
    run("LinearProbe", "bf16", *cache, "TRAINER.LINEARPROBE.PREC", "bf16")
    run("LinearProbe", "kind", *cache, "TRAINER.LINEARPROBE.FEATURES", "mean")
    assert len(list((tmp_path / "features").iterdir())) == 4 * 3


def test_another_start_of_the_semantic_branch_has_an_entry(run, tmp_path):
    cache = ("TRAIN.FEATURE_CACHE", tmp_path / "features", "OPTIM.MAX_EPOCH", "1")
    key = "TRAINER.INTCLIP.SEMANTIC_LAYERS"
    run("IntCLIP", "two", *cache, key, "('layer3', 'layer4')")
    one = (key, "('layer4',)")
    assert run("IntCLIP", "one", *cache, *one) == run("IntCLIP", "plain", *cache[2:], *one)
    assert len(list((tmp_path / "features").iterdir())) == 2 * 3


def test_random_transforms_are_refused(run, tmp_path):
    opts = ["TRAIN.FEATURE_CACHE", tmp_path, "INPUT.TRANSFORMS", "('random_flip', 'normalize')"]
    message = r"deterministic transforms, but INPUT\.TRANSFORMS has random_flip"
    with pytest.raises(UserError, match=message):
        run("LinearProbe", "a", *opts)
