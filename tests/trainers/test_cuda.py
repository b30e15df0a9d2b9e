"""Training on a CUDA device: the numbers of the CPU; every precision and speed option."""

import json
import math
import re

import pytest
import torch

import train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
LOSS = re.compile(r"^epoch \[(\d)/2\] batch \[(\d+)/\d+\] .* loss ([\d.]+) ", re.MULTILINE)


def losses(folder):
    """Return the loss of each logged step."""
    return {found[:2]: float(found[2]) for found in LOSS.findall((folder / "log.txt").read_text())}


def test_losses_and_weights_are_those_of_the_cpu(train_args, tmp_path):
    opts = ("TRAIN.PRINT_FREQ", 1, "SPEED.TF32", "off")
    for name, cuda in (("cpu", False), ("gpu", True)):
        train.main(train_args(tmp_path / name, "USE_CUDA", cuda, *opts))
    expected, found = losses(tmp_path / "cpu"), losses(tmp_path / "gpu")
    assert found.keys() == expected.keys() and len(expected) == 6
    assert list(found.values()) == pytest.approx(list(expected.values()), rel=1e-3)
    states = [
        torch.load(
            tmp_path / name / "intclip" / "model.pth.tar-2", weights_only=True, map_location="cpu"
        )["state_dict"]
        for name in ("cpu", "gpu")
    ]
    for key, value in states[0].items():
        torch.testing.assert_close(
            states[1][key], value, atol=1e-3, rtol=1e-2, msg=lambda text, key=key: f"{key}: {text}"
        )


@pytest.mark.parametrize(
    "opts",
    [
        ("TRAINER.INTCLIP.PREC", "bf16"),
        ("TRAINER.INTCLIP.PREC", "fp16", "SPEED.MICRO_BATCH", "5"),
        ("TRAINER.INTCLIP.PREC", "amp", "DATALOADER.NUM_WORKERS", "2"),
        ("TRAINER.INTCLIP.PREC", "bf16", "SPEED.COMPILE", "('trunk', 'semantic', 'text')"),
        ("SPEED.TF32", "on", "SPEED.RECOMPUTE_SEMANTIC", "True", "TRAINER.INTCLIP.TEXT_CHUNK", "7"),
        ("SPEED.CHANNELS_LAST", "False", "OPTIM.CLIP_GRAD_NORM", "1.0"),
    ],
    ids=lambda opts: "-".join(opts[1::2]),
)
def test_every_option_trains(train_args, tmp_path, opts):
    train.main(train_args(tmp_path, "USE_CUDA", True, *opts))
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert all(math.isfinite(metrics[split]["mAP"]) for split in ("val", "test"))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_from_the_feature_cache_the_losses_are_the_same(train_args, tmp_path, precision):
    opts = ["USE_CUDA", True, "TRAINER.INTCLIP.PREC", precision]
    opts += ["INPUT.NO_TRANSFORM", True, "TRAIN.PRINT_FREQ", 1]
    train.main(train_args(tmp_path / "images", *opts))
    train.main(train_args(tmp_path / "cached", *opts, "TRAIN.FEATURE_CACHE", tmp_path / "features"))
    expected = losses(tmp_path / "images")
    assert losses(tmp_path / "cached") == pytest.approx(
        expected, rel=1e-3 if precision == "fp32" else 2e-2
    )
