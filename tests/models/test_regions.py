"""The global vector as one more region, against a plain formula in float64."""

import copy

import pytest
import torch
import torch.nn.functional as F

from core.errors import UserError
from core.labels import NEGATIVE, POSITIVE
from models import DualCoOpNetwork, IntCLIPNetwork
from tests.models.image.test_resnet import attention_of_one_token, plain_resnet_map
from tests.models.image.test_vit import plain_vit_map, plain_vit_tokens
from tests.models.text.test_prompts import TEXTS

KINDS = ("resnet_clip", "vit_clip")
GLOBAL = "global+locations"


def plain_map_and_global(visual, images):
    if not hasattr(visual, "layer4"):
        tokens = plain_vit_tokens(visual, images, residual=False)
        return plain_vit_map(visual, images, residual=False), tokens[:, 0]
    x = visual.layer4(visual.layer3(visual.layer2(visual.layer1(visual.stem(images)))))
    token = x.flatten(2).mean(2) + visual.attnpool.positional_embedding[0]
    return plain_resnet_map(visual, images), attention_of_one_token(visual.attnpool, token[None])[0]


def plain_logits(dense, whole, text):
    """Return the pooled pairs of logits, region by region: the global vector, then locations."""
    regions = torch.stack([whole, *dense.flatten(2).unbind(2)], dim=1)  # (B, 1 + N, E)
    regions = F.normalize(regions, dim=2)
    pos = 20 * regions @ F.normalize(text.positive, dim=1).T  # (B, 1 + N, C)
    neg = 20 * regions @ F.normalize(text.negative, dim=1).T
    share = pos.softmax(dim=1)
    planes = [None, None]
    planes[POSITIVE] = 5 * (share * pos).sum(1)
    planes[NEGATIVE] = 5 * (share * neg).sum(1)
    return torch.stack(planes, dim=1)


def images_and_clip(request, kind):
    clip = copy.deepcopy(request.getfixturevalue(kind)).double()
    side = 64 if kind == "resnet_clip" else 32
    return clip, torch.randn(2, 3, side, side, dtype=torch.float64)


@pytest.mark.parametrize("kind", KINDS)
def test_dualcoop_scores_the_global_vector_beside_the_locations(request, kind):
    clip, images = images_and_clip(request, kind)
    model = DualCoOpNetwork(clip, TEXTS, num_ctx_pos=3, num_ctx_neg=3, regions=GLOBAL)
    expected = plain_logits(*plain_map_and_global(clip.visual, images), model.text())
    torch.testing.assert_close(model(images), expected, atol=1e-8, rtol=1e-8)
    model.with_global = False
    without = DualCoOpNetwork(clip, TEXTS, text=model.text)
    assert not torch.allclose(without(images), expected)


@pytest.mark.parametrize("aggregation", ["sight_assisted", "mean", "sight", "semantic"])
@pytest.mark.parametrize("kind", KINDS)
def test_intclip_fuses_the_global_vectors_by_the_mean_part(request, kind, aggregation):
    clip, images = images_and_clip(request, kind)
    model = IntCLIPNetwork(
        clip, TEXTS, num_ctx_pos=3, num_ctx_neg=3, aggregation=aggregation, regions=GLOBAL
    )
    if aggregation == "sight_assisted":
        model.aggregation.gamma.data.fill_(0.5)
    with torch.no_grad():  # two branches that differ
        for parameter in model.parameter_groups()["semantic"]:
            parameter.mul_(1.05)
    maps = model.encoder(images)
    dense, whole = plain_map_and_global(clip.visual, images)
    if aggregation != "semantic":
        torch.testing.assert_close(maps.sight, dense, atol=1e-8, rtol=1e-8)
        torch.testing.assert_close(maps.sight_global, whole, atol=1e-8, rtol=1e-8)
    fused = {
        "sight": lambda: maps.sight_global,
        "semantic": lambda: maps.semantic_global,
        "mean": lambda: (maps.sight_global + maps.semantic_global) / 2,
        "sight_assisted": lambda: (maps.sight_global + maps.semantic_global) / 2,
    }[aggregation]()
    locations = model.aggregation(maps.sight, maps.semantic)
    expected = plain_logits(locations, fused, model.text())
    torch.testing.assert_close(model(images), expected, atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("network", [DualCoOpNetwork, IntCLIPNetwork])
def test_cached_features_give_the_logits_of_the_images(request, kind, network):
    clip, images = images_and_clip(request, kind)
    model = network(clip, TEXTS, num_ctx_pos=3, num_ctx_neg=3, regions=GLOBAL)
    features = model.frozen_features(images)
    assert "sight_global" in features.named_tensors()
    restored = model.restore_features(features.tensors, tuple(images.shape[2:]))
    assert torch.equal(model(restored), model(images))
    locations = network(clip, TEXTS, num_ctx_pos=3, num_ctx_neg=3)
    assert locations.feature_cache_key_part() != model.feature_cache_key_part()


def test_the_global_vectors_of_a_trained_branch_get_gradients(vit_clip):
    model = IntCLIPNetwork(vit_clip, TEXTS, num_ctx_pos=3, num_ctx_neg=3, regions=GLOBAL)
    whole = model.encoder(torch.randn(1, 3, 32, 32)).semantic_global
    whole.sum().backward()
    assert all(p.grad is not None for p in model.parameter_groups()["semantic"])


def test_unknown_regions_bring_the_nearest(resnet_clip):
    with pytest.raises(UserError, match=r"Did you mean 'global\+locations'"):
        DualCoOpNetwork(resnet_clip, TEXTS, regions="global+location")
