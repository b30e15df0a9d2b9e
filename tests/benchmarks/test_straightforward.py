"""The straightforward form and ours give the same logits, scores and gradients."""

import copy

import pytest
import torch

from benchmarks._models import learnable
from benchmarks.straightforward import Straightforward
from core.config_merge import setup_cfg
from engine.speed import apply_speed
from losses import build_loss
from models import IntCLIPNetwork
from tests.models.conftest import RESNET, make_clip

TEXTS = ["natural beauty", "to feel secure by looking attractive and fastidious", "in_love"]


def batch_norms(model):
    return [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]


def pair(class_specific=True, gradients="text", speed=()):
    """Return our network and the straightforward form with the same weights."""
    clip = make_clip({**RESNET, "layers": [1, 1, 2, 1]})
    for module in batch_norms(clip.visual):
        # Activations as large as with trained weights, so that a tolerance means something.
        module.weight.mul_(0.5)
    plain = Straightforward(
        copy.deepcopy(clip), TEXTS, num_ctx=4, class_specific=class_specific, gradients=gradients
    )
    ours = IntCLIPNetwork(
        clip, TEXTS, num_ctx_pos=4, num_ctx_neg=4, class_specific=class_specific, text_chunk_size=4
    )
    with torch.no_grad():
        plain.gamma.fill_(0.5)
        for mine, other in zip(in_plain_order(ours), learnable(plain), strict=True):
            mine.copy_(other)
    apply_speed(ours, setup_cfg([], opts=list(speed)), torch.device("cpu"))
    return ours.train(), plain.train()


def in_plain_order(model):
    """Return the learnable parameters of our network in the straightforward form's order."""
    attention = model.aggregation
    parameters = [model.text.prompts.ctx_pos, model.text.prompts.ctx_neg]
    parameters += model.encoder.semantic.parameters()
    for module in (attention.query, attention.key, attention.value):
        parameters += module.parameters()
    return [*parameters, attention.gamma]


def step(model, parameters, images):
    """Return the logits of images, and the gradients of the loss."""
    logits = model(images)
    labels = torch.tensor([[1.0, 0, 1], [0, 1, 0]])
    loss = build_loss("AsymmetricPairLoss")(logits, labels)
    return logits, torch.autograd.grad(loss, parameters)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("size", [64, 96])
@pytest.mark.parametrize("class_specific", [True, False])
@pytest.mark.parametrize("channels_last", ["True", "False"])
def test_same_logits_and_gradients(size, class_specific, channels_last):
    ours, plain = pair(class_specific, speed=["SPEED.CHANNELS_LAST", channels_last])
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(3))
    logits, gradients = step(ours, in_plain_order(ours), images)
    expected, plain_gradients = step(plain, learnable(plain), images)
    assert expected.std() > 0.01
    torch.testing.assert_close(logits, expected, atol=1e-9, rtol=1e-9)
    for mine, other in zip(gradients, plain_gradients, strict=True):
        scale = max(1.0, other.abs().max().item())
        torch.testing.assert_close(mine, other, atol=1e-9 * scale, rtol=1e-9)


@pytest.mark.usefixtures("float64")
def test_same_scores_in_evaluation():
    ours, plain = pair()
    images = torch.randn(3, 3, 64, 64)
    with torch.inference_mode():
        expected = plain.scores(plain(images)).double()  # single precision inside
        scores = ours.eval().scores(ours(images))
    torch.testing.assert_close(scores, expected, atol=1e-6, rtol=1e-6)


def test_both_forms_name_the_same_parameter_groups():
    ours, plain = pair()
    ours_by_group, plain_by_group = ours.parameter_groups(), plain.parameter_groups()
    assert list(ours_by_group) == list(plain_by_group)
    for name, parameters in plain_by_group.items():
        mine = sum(p.numel() for p in ours_by_group[name])
        assert mine == sum(p.numel() for p in parameters), name


@pytest.mark.parametrize("gradients", ["text", "all"])
def test_frozen_weights_get_gradients_that_nobody_uses(gradients):
    _, plain = pair(gradients=gradients)
    plain(torch.randn(1, 3, 64, 64)).sum().backward()
    assert plain.clip.transformer.resblocks[0].mlp.c_fc.weight.grad is not None
    assert (plain.sight.conv1.weight.grad is not None) == (gradients == "all")
    for parameter in learnable(plain):
        assert parameter.grad is not None
    for module in batch_norms(plain):
        assert not module.training
