"""Maps and pools of CLIP's ResNets against forms that share no code with ours."""

import copy

import pytest
import torch
import torch.nn.functional as F

from core.errors import UserError
from models import build_encoder


def attention_of_one_token(pool, token):
    """CLIP's own attention over one token: its softmax is 1, so the value path is left."""
    out, _ = F.multi_head_attention_forward(
        query=token,
        key=token,
        value=token,
        embed_dim_to_check=token.shape[-1],
        num_heads=pool.num_heads,
        q_proj_weight=pool.q_proj.weight,
        k_proj_weight=pool.k_proj.weight,
        v_proj_weight=pool.v_proj.weight,
        in_proj_weight=None,
        in_proj_bias=torch.cat([pool.q_proj.bias, pool.k_proj.bias, pool.v_proj.bias]),
        bias_k=None,
        bias_v=None,
        add_zero_attn=False,
        dropout_p=0.0,
        out_proj_weight=pool.c_proj.weight,
        out_proj_bias=pool.c_proj.bias,
        use_separate_proj_weight=True,
        training=False,
        need_weights=False,
    )
    return out


def plain_resnet_map(visual, images):
    x = visual.layer4(
        visual.layer3(visual.layer2(visual.layer1(visual.stem(images))))
    )  # (B, D, h, w)
    pool, (_, d, h, w) = visual.attnpool, x.shape
    position = pool.positional_embedding[1:]
    side = round(len(position) ** 0.5)
    if (h, w) != (side, side):
        grid = position.T.reshape(1, d, side, side)
        position = (
            F.interpolate(grid, size=(h, w), mode="bicubic", align_corners=False)[0].flatten(1).T
        )
    tokens = x.flatten(2).permute(2, 0, 1) + position[:, None]  # (N, B, D)
    dense = torch.cat([attention_of_one_token(pool, token[None]) for token in tokens])  # (N, B, E)
    return dense.permute(1, 2, 0).unflatten(2, (h, w))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("size", [(64, 64), (96, 64), (128, 128)])
def test_resnet_maps_equal_clips_attention_per_token(resnet_clip, size):
    images = torch.randn(2, 3, *size)
    sight, semantic, *_ = build_encoder(resnet_clip.visual)(images)
    expected = plain_resnet_map(resnet_clip.visual, images)
    assert sight.shape == (2, 32, size[0] // 32, size[1] // 32)
    torch.testing.assert_close(sight, expected, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(semantic, expected, atol=1e-9, rtol=1e-9)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("layers", [("layer4",), ("layer1", "layer2", "layer3", "layer4")])
def test_any_suffix_of_stages(resnet_clip, layers):
    images = torch.randn(1, 3, 64, 64)
    semantic = build_encoder(resnet_clip.visual, semantic_layers=layers)(images).semantic
    torch.testing.assert_close(
        semantic, plain_resnet_map(resnet_clip.visual, images), atol=1e-9, rtol=1e-9
    )


def test_stages_that_are_no_suffix_are_refused(resnet_clip):
    with pytest.raises(UserError, match="layer3"):
        build_encoder(resnet_clip.visual, semantic_layers=("layer3",))


@pytest.mark.parametrize("size", [(64, 64), (96, 64)])
def test_the_mean_token_is_the_value_path_of_the_mean_with_its_own_position(resnet_clip, size):
    visual = copy.deepcopy(resnet_clip.visual).double()
    images = torch.randn(2, 3, *size, dtype=torch.float64)
    maps = build_encoder(visual, with_global=True)(images)
    tail = visual.layer4(visual.layer3(visual.layer2(visual.layer1(visual.stem(images)))))
    pool = visual.attnpool
    token = tail.flatten(2).mean(2) + pool.positional_embedding[0]  # (B, D)
    expected = attention_of_one_token(pool, token[None])[0]
    torch.testing.assert_close(maps.sight_global, expected, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(maps.semantic_global, expected, atol=1e-9, rtol=1e-9)
