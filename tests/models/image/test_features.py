"""Frozen features against open_clip's own image embedding and plain means."""

import pytest
import torch
import torch.nn.functional as F

from core.errors import UserError
from models import FrozenEncoder, normalize_features
from tests.models.image.test_resnet import plain_resnet_map
from tests.models.image.test_vit import plain_vit_map

SIDE = {"resnet_clip": 64, "vit_clip": 32}  # the grid of the positional embedding


def images_of(kind):
    return torch.randn(3, 3, SIDE[kind], SIDE[kind])


def close_to(ours, theirs):
    """Compare relative to the size of the numbers, which random weights leave far from 1."""
    return ((ours - theirs).abs().max() / theirs.abs().max()).item() < 1e-9


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("kind", SIDE)
def test_global_is_clips_own_image_embedding(request, kind):
    clip, images = request.getfixturevalue(kind), images_of(kind)
    (ours,) = FrozenEncoder(clip.visual, "global").frozen_features(images).tensors
    assert close_to(ours, clip.encode_image(images))
    assert close_to(F.normalize(ours, dim=-1), clip.encode_image(images, normalize=True))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("size", [(96, 64), (128, 128)])
def test_global_on_another_grid_is_clips_pool_with_resized_positions(resnet_clip, size):
    images = torch.randn(2, 3, *size)
    (ours,) = FrozenEncoder(resnet_clip.visual, "global").frozen_features(images).tensors
    visual, (h, w) = resnet_clip.visual, (size[0] // 32, size[1] // 32)
    position = visual.attnpool.positional_embedding
    grid = F.interpolate(
        position[1:].T.reshape(1, -1, 2, 2), size=(h, w), mode="bicubic", align_corners=False
    )
    resized = torch.cat([position[:1], grid[0].flatten(1).T])
    visual.attnpool.positional_embedding = torch.nn.Parameter(
        resized, requires_grad=False
    )  # CLIP itself then runs at this size
    assert close_to(ours, resnet_clip.encode_image(images))


@pytest.mark.usefixtures("float64")
def test_mean_is_the_mean_of_the_dense_map_and_concat_is_both(resnet_clip, vit_clip):
    for kind, clip in (("resnet_clip", resnet_clip), ("vit_clip", vit_clip)):
        images = images_of(kind)
        plain = (
            plain_resnet_map
            if kind == "resnet_clip"
            else lambda v, x: plain_vit_map(v, x, residual=False)
        )
        expected = (
            plain(clip.visual, images).flatten(2).sum(-1) / plain(clip.visual, images)[0, 0].numel()
        )
        (mean,) = FrozenEncoder(clip.visual, "mean").frozen_features(images).tensors
        first, second = FrozenEncoder(clip.visual, "concat").frozen_features(images).tensors
        assert close_to(mean, expected), kind
        assert torch.equal(second, mean), kind
        assert close_to(first, clip.encode_image(images)), kind


def test_a_frozen_encoder_stays_frozen(resnet_clip):
    encoder = FrozenEncoder(resnet_clip.visual, "concat").train()
    assert not any(module.training for module in encoder.modules())
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    features = encoder.frozen_features(torch.randn(1, 3, 64, 64, requires_grad=True))
    assert tuple(features.named_tensors()) == encoder.feature_names() == ("pooled", "mean")
    assert not any(part.requires_grad for part in features.tensors)


@pytest.mark.parametrize("norm", ["standard", "l2", "none"])
def test_norms_are_the_plain_formulas(norm):
    x = torch.randn(4, 7, dtype=torch.float64) * 3 + 1
    mean, var = x.mean(1, keepdim=True), x.var(1, keepdim=True, unbiased=False)
    expected = {
        "standard": (x - mean) / (var + 1e-5).sqrt(),
        "l2": x / x.square().sum(1, keepdim=True).sqrt(),
        "none": x,
    }
    torch.testing.assert_close(normalize_features(x, norm), expected[norm])


def test_unknown_choices_bring_the_nearest(resnet_clip):
    with pytest.raises(UserError, match="Did you mean 'global'"):
        FrozenEncoder(resnet_clip.visual, "globl")
    with pytest.raises(UserError, match="Did you mean 'standard'"):
        normalize_features(torch.zeros(1, 2), "standart")
