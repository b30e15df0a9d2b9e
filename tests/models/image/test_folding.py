"""Folded BatchNorms against the blocks themselves, with all gradients."""

import copy

import pytest
import torch

from models import build_encoder
from models.image.folding import bottleneck, folded


def gradients(function, block, x):
    x = x.clone().requires_grad_()
    out = function(x)
    weight = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    return out, torch.autograd.grad((out * weight).sum(), [x, *block.parameters()])


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
@pytest.mark.parametrize("place", ["first", "inner"])
def test_a_learnt_block_equals_its_plain_form(resnet_clip, dtype, tolerance, place):
    torch.manual_seed(1)
    block = copy.deepcopy(resnet_clip.visual.layer2[0]).to(dtype).requires_grad_(True).eval()
    if place == "inner":  # of a stage: no pooling, no projection
        block.avgpool, block.downsample = torch.nn.Identity(), None
        block.conv1 = torch.nn.Conv2d(64, 16, 1, bias=False, dtype=dtype)
    x = torch.randn(2, block.conv1.in_channels, 8, 8, dtype=dtype)
    ours, our_gradients = gradients(lambda x: bottleneck(block, x), block, x)
    plain, plain_gradients = gradients(block, block, x)
    torch.testing.assert_close(ours, plain, atol=tolerance, rtol=tolerance)
    for mine, other in zip(our_gradients, plain_gradients, strict=True):
        torch.testing.assert_close(
            mine, other, atol=tolerance * other.abs().max().item(), rtol=tolerance
        )


@pytest.mark.usefixtures("float64")
def test_a_frozen_copy_equals_the_stage(resnet_clip):
    x = torch.randn(2, 32, 16, 16)
    stage = folded(resnet_clip.visual.layer2)
    torch.testing.assert_close(stage(x), resnet_clip.visual.layer2(x), atol=1e-9, rtol=1e-9)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in stage.modules())


@pytest.mark.parametrize("kind", ["resnet_clip", "vit_clip"])
def test_recomputed_activations_give_the_same_gradients(request, kind):
    encoder = build_encoder(request.getfixturevalue(kind).visual)
    images = torch.randn(2, 3, 64, 64)
    results = []
    for recomputes in (False, True):
        if recomputes:
            assert encoder.recompute()
        semantic = encoder(images).semantic
        results.append(
            [
                semantic,
                *torch.autograd.grad(semantic.square().sum(), list(encoder.semantic.parameters())),
            ]
        )
    for mine, other in zip(*results, strict=True):
        assert torch.equal(mine, other)


def test_recomputing_keeps_less(resnet_clip):
    encoder, kept = build_encoder(resnet_clip.visual), []
    for recomputes in (False, True):
        if recomputes:
            encoder.recompute()
        sizes = []

        def pack(tensor, sizes=sizes):
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            encoder(torch.randn(2, 3, 64, 64))
        kept.append(sum(sizes))
    assert kept[1] < kept[0]
