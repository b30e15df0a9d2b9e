"""Both branches of every family: what learns, what stays, the way to and from a flat tuple."""

import pytest
import torch

from core.errors import UserError
from models import build_encoder


@pytest.mark.parametrize("kind", ["resnet_clip", "vit_clip"])
def test_only_the_semantic_copy_learns(request, kind):
    clip = request.getfixturevalue(kind)
    encoder = build_encoder(clip.visual).train()
    stats = {
        k: v.clone()
        for k, v in encoder.state_dict().items()
        if "running" in k or "num_batches" in k
    }
    sight, semantic, *_ = encoder(torch.randn(2, 3, 64, 64))
    assert not sight.requires_grad
    semantic.square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.requires_grad == name.startswith("semantic."), name
        assert (parameter.grad is not None) == name.startswith("semantic."), name
    for key, value in stats.items():
        assert torch.equal(value, encoder.state_dict()[key]), key


def test_learning_moves_semantic_and_leaves_sight(resnet_clip):
    encoder = build_encoder(resnet_clip.visual)
    images = torch.randn(2, 3, 64, 64)
    before = encoder(images)
    with torch.no_grad():
        for parameter in encoder.semantic.parameters():
            parameter.mul_(1.1)
    after = encoder(images)
    assert torch.equal(before[0], after[0])
    assert not torch.allclose(before[1], after[1])


NAMES = {
    ("both", False): ("shared", "sight"),
    ("both", True): ("shared", "sight", "sight_global"),
    ("sight", False): ("sight",),
    ("sight", True): ("sight", "sight_global"),
    ("semantic", False): ("shared",),
    ("semantic", True): ("shared",),
}


@pytest.mark.parametrize("kind", ["resnet_clip", "vit_clip"])
@pytest.mark.parametrize(("branches", "with_global"), NAMES)
def test_frozen_features_are_those_that_the_maps_need(request, kind, branches, with_global):
    visual = request.getfixturevalue(kind).visual
    encoder = build_encoder(visual, branches=branches, with_global=with_global)
    features = encoder.frozen_features(torch.randn(2, 3, 64, 64))
    names = NAMES[branches, with_global]
    assert encoder.feature_names() == names == tuple(features.named_tensors())
    maps = encoder.maps(features)
    assert (maps.sight is not None) == (branches != "semantic")
    assert (maps.semantic is not None) == (branches != "sight")
    assert (maps.sight_global is not None) == (with_global and branches != "semantic")
    assert (maps.semantic_global is not None) == (with_global and branches != "sight")


def test_encoders_with_other_features_have_other_cache_keys(resnet_clip, vit_clip):
    def key(clip, **settings):
        return build_encoder(clip.visual, **settings).feature_cache_key_part()

    keys = [
        key(resnet_clip),
        key(resnet_clip, semantic_layers=("layer4",)),  # another input of the semantic branch
        key(resnet_clip, branches="sight"),
        key(resnet_clip, branches="semantic"),
        key(resnet_clip, with_global=True),
        key(vit_clip),
        key(vit_clip, num_semantic_blocks=1),
        key(vit_clip, dense_form="residual"),
    ]
    assert len(set(keys)) == len(keys)
    alone = key(resnet_clip, branches="sight", semantic_layers=("layer4",))
    assert alone == key(resnet_clip, branches="sight")


def test_unknown_branches_bring_the_nearest(resnet_clip):
    with pytest.raises(UserError, match="Did you mean 'semantic'"):
        build_encoder(resnet_clip.visual, branches="semantik")
