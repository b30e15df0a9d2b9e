"""The straightforward form and ours: the same logits, scores and gradients."""

import copy

import pytest
import torch

from benchmarks.straightforward import Straightforward
from core.config_merge import setup_cfg
from engine.speed import apply_speed
from losses import build_loss
from models import IntCLIPNetwork
from tests.models.conftest import RESNET, make_clip

TEXTS = ["natural beauty", "to feel secure by looking attractive and fastidious", "in_love"]


def pair(class_specific=True, gradients="text", speed=()):
    clip = make_clip({**RESNET, "layers": [1, 1, 2, 1]})
    for (
        module
    ) in clip.visual.modules():  # of the scale of trained weights, so that 1e-5 means something
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.mul_(0.5)
    plain = Straightforward(
        copy.deepcopy(clip), TEXTS, num_ctx=4, class_specific=class_specific, gradients=gradients
    )
    ours = IntCLIPNetwork(
        clip, TEXTS, num_ctx_pos=4, num_ctx_neg=4, class_specific=class_specific, text_chunk_size=4
    )
    with torch.no_grad():
        plain.gamma.fill_(0.5)
        for mine, other in zip(learnt(ours), plain.learnt(), strict=True):
            mine.copy_(other)
    apply_speed(ours, setup_cfg([], opts=list(speed)), torch.device("cpu"))
    return ours.train(), plain.train()


def learnt(model):
    """Return our parameters in the order of the straightforward form's."""
    attention = model.aggregation
    maps = [
        p
        for module in (attention.query, attention.key, attention.value)
        for p in module.parameters()
    ]
    return [
        model.text.prompts.ctx_pos,
        model.text.prompts.ctx_neg,
        *model.encoder.semantic.parameters(),
        *maps,
        attention.gamma,
    ]


def step(model, parameters, images):
    logits = model(images)
    labels = torch.tensor([[1.0, 0, 1], [0, 1, 0]])
    return logits, torch.autograd.grad(build_loss("AsymmetricPairLoss")(logits, labels), parameters)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("size", [64, 96])
@pytest.mark.parametrize("class_specific", [True, False])
@pytest.mark.parametrize("channels_last", ["True", "False"])
def test_same_logits_and_gradients(size, class_specific, channels_last):
    ours, plain = pair(class_specific, speed=["SPEED.CHANNELS_LAST", channels_last])
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(3))
    logits, gradients = step(ours, learnt(ours), images)
    expected, plain_gradients = step(plain, plain.learnt(), images)
    assert expected.std() > 0.01
    torch.testing.assert_close(logits, expected, atol=1e-9, rtol=1e-9)
    for mine, other in zip(gradients, plain_gradients, strict=True):
        torch.testing.assert_close(
            mine, other, atol=1e-9 * max(1.0, other.abs().max().item()), rtol=1e-9
        )


@pytest.mark.usefixtures("float64")
def test_same_scores_in_evaluation():
    ours, plain = pair()
    images = torch.randn(3, 3, 64, 64)
    with torch.inference_mode():
        expected = plain.scores(plain(images)).double()  # of single precision
        torch.testing.assert_close(ours.eval().scores(ours(images)), expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("gradients", ["text", "all"])
def test_frozen_weights_get_gradients_that_nobody_uses(gradients):
    _, plain = pair(gradients=gradients)
    plain(torch.randn(1, 3, 64, 64)).sum().backward()
    assert plain.clip.transformer.resblocks[0].mlp.c_fc.weight.grad is not None
    assert (plain.sight.conv1.weight.grad is not None) == (gradients == "all")
    assert all(parameter.grad is not None for parameter in plain.learnt())
    assert not any(
        module.training for module in plain.modules() if isinstance(module, torch.nn.BatchNorm2d)
    )
