"""Speed settings: the same gradients, the same run."""

import logging

import pytest
import torch

import trainers
from core.config_merge import setup_cfg
from engine import loop, speed
from engine.loop import StepValues
from engine.meters import ProgressMeter
from engine.precision import Precision
from engine.reduction import part_weight
from engine.run_settings import run_settings
from engine.speed import apply_speed, batch_parts, compile_parts, set_tf32, text_once
from losses import build_loss
from models import BranchFeatures, DualCoOpNetwork, IntCLIPNetwork
from tests.models.conftest import RESNET, make_clip

CPU = torch.device("cpu")
LABELS = (torch.arange(15).reshape(5, 3) % 4 == 0).float()


class MeanLoss(torch.nn.Module):
    reduction = "mean"

    def forward(self, logits, target):
        return (logits[:, 1] - target).square().mean()


def network():
    model = IntCLIPNetwork(
        make_clip(RESNET), ["in love", "natural beauty", "calm"], num_ctx_pos=3, num_ctx_neg=3
    )
    model.aggregation.gamma.data.fill_(0.5)
    return model.train()


def gradients(model, loss, inputs, size):
    model.zero_grad()
    parts = batch_parts(inputs, LABELS, size)
    with text_once(model, Precision("fp32", CPU)):
        for images, label in parts:
            weight = part_weight(loss.reduction, len(label), len(LABELS))
            (weight * loss(model(images), label)).backward()
    return [parameter.grad.clone() for parameter in model.parameters() if parameter.requires_grad]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("loss", [build_loss("AsymmetricPairLoss"), MeanLoss()])
@pytest.mark.parametrize("from_cache", [False, True])
def test_a_batch_in_parts_gives_the_gradients_of_the_whole(loss, from_cache):
    model, inputs = network(), torch.randn(5, 3, 64, 64)
    if from_cache:
        inputs = model.frozen_features(inputs)
    model.zero_grad()
    loss(model(inputs), LABELS).backward()
    whole = [parameter.grad.clone() for parameter in model.parameters() if parameter.requires_grad]
    for size in (2, 0):
        for mine, other in zip(gradients(model, loss, inputs, size), whole, strict=True):
            torch.testing.assert_close(
                mine, other, atol=1e-9 * max(1.0, other.abs().max().item()), rtol=1e-9
            )


def test_the_parts_share_one_encoding_of_the_texts(monkeypatch):
    model, calls = network(), []
    encode = model.text.encoder.encode
    monkeypatch.setattr(
        model.text.encoder, "encode", lambda prompts: calls.append(1) or encode(prompts)
    )
    gradients(model, build_loss("AsymmetricPairLoss"), torch.randn(5, 3, 64, 64), 2)
    assert len(calls) == 1
    model(torch.randn(1, 3, 64, 64))
    assert len(calls) == 2


def test_parts_of_a_batch():
    images = torch.arange(5.0)[:, None]
    assert [len(label) for _, label in batch_parts(images, LABELS, 2)] == [2, 2, 1]
    assert len(batch_parts(images, LABELS, 5)) == 1
    features = BranchFeatures((8, 9), shared=images, sight_global=images + 1)
    (first, _), (second, _) = batch_parts(features, LABELS, 3)
    assert first.image_size == (8, 9)
    assert torch.equal(first.shared, images[:3])
    assert torch.equal(second.sight_global, images[3:] + 1)
    assert first.sight is None


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_compiled_parts_give_the_same_numbers():
    model, images = network(), torch.randn(2, 3, 64, 64)
    expected = model(images)
    compile_parts(model, ("trunk", "semantic", "text"), CPU, backend="aot_eager")
    names = list(model.state_dict())
    torch.testing.assert_close(model(images), expected, atol=1e-9, rtol=1e-9)
    assert names == list(network().state_dict())


def test_a_setting_without_its_part_is_named_with_the_network(monkeypatch, caplog):
    monkeypatch.setattr(speed.log, "propagate", True)
    monkeypatch.setattr(speed, "compiler_fault", lambda *args: "")
    opts = ["SPEED.RECOMPUTE_SEMANTIC", "True", "SPEED.COMPILE", "('semantic',)"]
    cfg = setup_cfg([], opts=opts)
    with caplog.at_level(logging.WARNING):
        apply_speed(DualCoOpNetwork(make_clip(RESNET), ["in love"]), cfg, CPU)
        apply_speed(torch.nn.Linear(2, 2), cfg, CPU)
    # Another test may have left a handler that records every line twice.
    found = list(dict.fromkeys(record.getMessage() for record in caplog.records))
    assert found == [
        "SPEED.RECOMPUTE_SEMANTIC is ignored: DualCoOpNetwork has no such part",
        "SPEED.COMPILE 'semantic' is ignored: DualCoOpNetwork has no such part",
        "SPEED.CHANNELS_LAST is ignored: Linear has no such part",
        "SPEED.RECOMPUTE_SEMANTIC is ignored: Linear has no such part",
        "SPEED.COMPILE 'semantic' is ignored: Linear has no such part",
    ]


def test_without_a_compiler_one_line_says_so(monkeypatch, caplog):
    def no_compiler(*args, **kwargs):
        raise RuntimeError("No working C++ compiler found\nin four places")

    monkeypatch.setattr(torch, "compile", no_compiler)
    monkeypatch.setattr(speed.log, "propagate", True)
    model = network()
    with caplog.at_level(logging.WARNING):
        compile_parts(model, ("text",), CPU)
    assert {r.getMessage() for r in caplog.records} == {
        "SPEED.COMPILE is ignored, torch.compile does not work here: "
        "RuntimeError: No working C++ compiler found"
    }
    model(torch.randn(1, 3, 64, 64))


def test_tf32_is_set_where_asked(monkeypatch):
    calls = []
    monkeypatch.setattr(torch, "set_float32_matmul_precision", calls.append)
    before = torch.backends.cudnn.allow_tf32
    try:
        set_tf32("on", CPU)
        set_tf32("torch", torch.device("cuda"))
        assert calls == []
        set_tf32("off", torch.device("cuda"))
        assert calls == ["highest"] and not torch.backends.cudnn.allow_tf32
        set_tf32("on", torch.device("cuda"))
        assert calls[-1] == "high" and torch.backends.cudnn.allow_tf32
    finally:
        torch.backends.cudnn.allow_tf32 = before


def test_speed_alone_does_not_make_another_run():
    common = ["TRAINER.NAME", "IntCLIP"]
    settings = run_settings(setup_cfg([], opts=common), trainers.intclip.IntCLIP)
    faster = ["SPEED.CHANNELS_LAST", "False", "SPEED.MICRO_BATCH", "4"]
    faster += ["SPEED.RECOMPUTE_SEMANTIC", "True", "SPEED.COMPILE", "('text',)"]
    faster += ["TRAINER.INTCLIP.TEXT_CHUNK", "8"]
    for opts, same in ((faster, True), (["SPEED.TF32", "on"], False)):
        cfg = setup_cfg([], opts=[*common, *opts])
        assert (run_settings(cfg, trainers.intclip.IntCLIP) == settings) == same


def test_values_on_a_device_are_read_when_a_line_is_due(monkeypatch):
    monkeypatch.setattr(loop, "_is_elsewhere", lambda value: True)
    results, meter = StepValues(num_steps=5, every=2), ProgressMeter(5, 0, 1, 2)
    meter.start()
    read = []
    for i in range(5):
        read.append(results.add({"loss": torch.tensor(float(i))}))
        meter.update([values for _, values in read[-1]], lr=0.1)
    assert read == [
        [],
        [(0, {"loss": 0.0}), (1, {"loss": 1.0})],
        [],
        [(2, {"loss": 2.0}), (3, {"loss": 3.0})],
        [(4, {"loss": 4.0})],
    ]
    assert meter.averages() == {"loss": 2.0}
