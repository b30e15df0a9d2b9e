"""Maps of the networks: pooling them gives the logits, and every score is the scaled cosine."""

import copy

import pytest
import torch
import torch.nn.functional as F

from core.labels import NEGATIVE, POSITIVE
from models import (
    DualCoOpNetwork,
    FineTuneNetwork,
    IntCLIPNetwork,
    LinearProbeNetwork,
    ZeroshotCLIPNetwork,
    pool_regions,
)
from tests.models.text.test_prompts import TEXTS

KINDS = ("resnet_clip", "vit_clip")
SHORT = {"num_ctx_pos": 3, "num_ctx_neg": 3}


def wide_clip(request, kind):
    return copy.deepcopy(request.getfixturevalue(kind)).double()


def pictures(kind, height=96, width=64):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 3, height, width, generator=generator, dtype=torch.float64)


def intclip(clip, **settings):
    """Return a network whose branches differ and whose attention counts."""
    network = IntCLIPNetwork(clip, TEXTS, **SHORT, **settings)
    with torch.no_grad():
        for parameter in network.parameter_groups()["semantic"]:
            parameter.mul_(1.05)
        for name, parameter in network.aggregation.named_parameters():
            if name == "gamma":
                parameter.fill_(0.5)
    return network


@pytest.mark.parametrize("regions", ["locations", "global+locations"])
@pytest.mark.parametrize("aggregation", ["sight_assisted", "mean", "sight", "semantic", "dualcoop"])
@pytest.mark.parametrize("kind", KINDS)
def test_pooling_the_maps_gives_the_logits(request, kind, aggregation, regions):
    clip = wide_clip(request, kind)
    if aggregation == "dualcoop":
        network = DualCoOpNetwork(clip, TEXTS, regions=regions, pool_weight=3.0, **SHORT)
    else:
        network = intclip(clip, aggregation=aggregation, regions=regions, pool_weight=3.0)
    features = network.frozen_features(pictures(kind))
    logits = network.classify(features)
    maps = network.region_maps(features)
    assert torch.equal(pool_regions(maps.regions, 3.0), logits)

    # the parts that an explanation shows give the same sums
    shares = maps.weights, (maps.whole.weights if maps.whole else 0)
    total = shares[0].sum((2, 3)) + shares[1]
    torch.testing.assert_close(total, torch.ones_like(total), rtol=1e-12, atol=0)
    planes = {}
    for plane, values, whole in (
        (POSITIVE, list(maps.positive.values())[-1], maps.whole and maps.whole.positive),
        (NEGATIVE, maps.negative, maps.whole and maps.whole.negative),
    ):
        pooled = (maps.weights * values).sum((2, 3))
        planes[plane] = 3.0 * (pooled + (maps.whole.weights * whole if maps.whole else 0))
        torch.testing.assert_close(planes[plane], logits[:, plane], rtol=1e-11, atol=1e-11)
    yes = 1 / (1 + (planes[NEGATIVE] - planes[POSITIVE]).exp())
    torch.testing.assert_close(network.scores(logits), yes, rtol=1e-11, atol=1e-11)
    assert (maps.whole is None) == (regions == "locations")


@pytest.mark.parametrize(
    ("aggregation", "names"),
    [
        ("sight_assisted", ["sight", "semantic", "fused"]),
        ("mean", ["sight", "semantic", "fused"]),
        ("sight", ["sight"]),
        ("semantic", ["semantic"]),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_each_branch_has_the_scaled_cosines_of_its_map(request, kind, aggregation, names):
    network = intclip(wide_clip(request, kind), aggregation=aggregation, logit_scale=7.0)
    features = network.frozen_features(pictures(kind))
    found = network.region_maps(features)
    branches = network.encoder.maps(features)
    dense = {
        "sight": branches.sight,
        "semantic": branches.semantic,
        "fused": network.fuse(branches).locations,
    }
    assert list(found.positive) == names
    text = network.text().positive
    for name in names:
        height, width = dense[name].shape[2:]
        for i in range(height):
            for j in range(width):
                cosine = F.cosine_similarity(dense[name][1, :, i, j], text, dim=1)
                torch.testing.assert_close(found.positive[name][1, :, i, j], 7.0 * cosine)
    assert found.grid == tuple(dense[names[0]].shape[2:]) and found.scale == 7.0


@pytest.mark.parametrize("kind", KINDS)
def test_zero_shot_clip_by_region_has_the_map_that_it_pools(request, kind):
    network = ZeroshotCLIPNetwork(wide_clip(request, kind), TEXTS, features="region")
    features = network.frozen_features(pictures(kind))
    maps = network.region_maps(features)
    cosine = (maps.weights * maps.positive["sight"]).sum((2, 3)) / maps.scale
    logits = network.logit_scale * (cosine - cosine.mean(1, keepdim=True))
    torch.testing.assert_close(logits, network.classify(features), rtol=1e-10, atol=1e-10)
    assert list(maps.positive) == ["sight"] and maps.whole is None


def test_networks_without_locations_say_why(resnet_clip):
    reasons = [
        LinearProbeNetwork(resnet_clip, 3).maps_reason(),
        FineTuneNetwork(resnet_clip, 3).maps_reason(),
        ZeroshotCLIPNetwork(resnet_clip, TEXTS).maps_reason(),
    ]
    assert "no text" in reasons[0] and reasons[0] == reasons[1]
    assert "one embedding of the whole image" in reasons[2]
    assert ZeroshotCLIPNetwork(resnet_clip, TEXTS, features="region").maps_reason() == ""


def test_logits_of_a_subclass_are_not_explained_by_maps_that_it_does_not_use(resnet_clip):
    class Other(DualCoOpNetwork):
        def classify(self, features):
            return -super().classify(features)

    assert DualCoOpNetwork(resnet_clip, TEXTS, **SHORT).maps_reason() == ""
    assert (
        "Other computes its logits in its own way"
        in Other(resnet_clip, TEXTS, **SHORT).maps_reason()
    )


def gradient_of_location(network, images, row, column):
    """Return how much each pixel changes one location, ``(H, W)``, and the grid."""
    images = images.requires_grad_()
    encoder, size = network.encoder, tuple(images.shape[2:])
    dense = encoder.read(encoder.sight(encoder.run_trunk(images)), size)  # (1, E, h, w)
    (gradient,) = torch.autograd.grad(dense[0, :, row, column].square().sum(), images)
    return gradient[0].square().sum(0), tuple(dense.shape[2:])


def test_a_location_of_a_resnet_stands_for_the_middle_of_the_pixels_that_change_it(request):
    """126 px give three locations of 32 px: the last 30 px belong to none."""
    network = DualCoOpNetwork(wide_clip(request, "resnet_clip"), TEXTS, **SHORT)
    images = pictures("resnet_clip", 126, 190)[:1]
    weight, grid = gradient_of_location(network, images, 1, 2)
    assert grid == (3, 5)
    cell = network.encoder.cell_size((126, 190), grid)
    weight = weight / weight.sum()
    y = float((weight.sum(1) * (torch.arange(126) + 0.5)).sum())
    x = float((weight.sum(0) * (torch.arange(190) + 0.5)).sum())
    assert abs(y - 1.5 * cell[0]) < 3 and abs(x - 2.5 * cell[1]) < 3


def test_a_location_of_a_vit_stands_for_its_patch(request):
    network = DualCoOpNetwork(wide_clip(request, "vit_clip"), TEXTS, **SHORT)
    weight, grid = gradient_of_location(network, pictures("vit_clip", 64, 96)[:1], 3, 7)
    height, width = (int(side) for side in network.encoder.cell_size((64, 96), grid))
    patches = weight.unfold(0, height, height).unfold(1, width, width).mean((2, 3))  # (h, w)
    assert tuple(patches.shape) == grid == (8, 12)
    assert divmod(int(patches.argmax()), grid[1]) == (3, 7)


def test_maps_are_in_full_precision_under_autocast(resnet_clip):
    network = DualCoOpNetwork(resnet_clip, TEXTS, **SHORT)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        features = network.frozen_features(torch.randn(1, 3, 64, 64))
        maps = network.region_maps(features)
        logits = network.classify(features)
    assert maps.weights.dtype == torch.float32
    assert torch.equal(pool_regions(maps.regions, 5.0), logits)
