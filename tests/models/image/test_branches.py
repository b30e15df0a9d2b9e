"""Dense maps against forms that share no code with ours."""

import pytest
import torch
import torch.nn.functional as F

from core.errors import UserError
from models import build_encoder


def attention_of_one_token(pool, token):
    """CLIP's own attention over a sequence of one token: its softmax is 1, which leaves the value path."""
    out, _ = F.multi_head_attention_forward(
        query=token, key=token, value=token, embed_dim_to_check=token.shape[-1], num_heads=pool.num_heads,
        q_proj_weight=pool.q_proj.weight, k_proj_weight=pool.k_proj.weight, v_proj_weight=pool.v_proj.weight,
        in_proj_weight=None, in_proj_bias=torch.cat([pool.q_proj.bias, pool.k_proj.bias, pool.v_proj.bias]),
        bias_k=None, bias_v=None, add_zero_attn=False, dropout_p=0.0, out_proj_weight=pool.c_proj.weight,
        out_proj_bias=pool.c_proj.bias, use_separate_proj_weight=True, training=False, need_weights=False,
    )  # fmt: skip
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
    sight, semantic = build_encoder(resnet_clip.visual)(images)
    expected = plain_resnet_map(resnet_clip.visual, images)
    assert sight.shape == (2, 32, size[0] // 32, size[1] // 32)
    torch.testing.assert_close(sight, expected, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(semantic, expected, atol=1e-9, rtol=1e-9)


def plain_vit_map(visual, images, residual):
    tokens = visual._embeds(images)
    for block in visual.transformer.resblocks[:-1]:
        tokens = block(tokens)
    block = visual.transformer.resblocks[-1]
    rows = []
    for token in tokens.unbind(1)[1:]:
        alone = block.attention(block.ln_1(token[:, None]))[
            :, 0
        ]  # a sequence of one: the value path
        if residual:
            alone = token + alone
            alone = alone + block.mlp(block.ln_2(alone))
        rows.append(visual.ln_post(alone) @ visual.proj)
    side = round(len(rows) ** 0.5)
    return torch.stack(rows, dim=2).unflatten(2, (side, side))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("form", ["value", "residual"])
@pytest.mark.parametrize("num_blocks", [1, 3])
def test_vit_maps_equal_attention_of_one_token(vit_clip, form, num_blocks):
    images = torch.randn(2, 3, 32, 32)
    encoder = build_encoder(vit_clip.visual, num_semantic_blocks=num_blocks, dense_form=form)
    expected = plain_vit_map(vit_clip.visual, images, form == "residual")
    for map_ in encoder(images):
        torch.testing.assert_close(map_, expected, atol=1e-9, rtol=1e-9)


def test_vit_size_is_free_in_multiples_of_the_patch(vit_clip):
    encoder = build_encoder(vit_clip.visual)
    assert encoder(torch.randn(1, 3, 48, 64))[0].shape == (1, 32, 6, 8)
    with pytest.raises(UserError, match="patch size"):
        encoder(torch.randn(1, 3, 30, 32))


@pytest.mark.parametrize("kind", ["resnet_clip", "vit_clip"])
def test_only_the_semantic_copy_learns(request, kind):
    clip = request.getfixturevalue(kind)
    encoder = build_encoder(clip.visual).train()
    stats = {
        k: v.clone()
        for k, v in encoder.state_dict().items()
        if "running" in k or "num_batches" in k
    }
    sight, semantic = encoder(torch.randn(2, 3, 64, 64))
    assert not sight.requires_grad
    semantic.square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.requires_grad == name.startswith("semantic."), name
        assert (parameter.grad is not None) == name.startswith("semantic."), name
    for key, value in stats.items():
        assert torch.equal(value, encoder.state_dict()[key]), key


def test_learning_moves_semantic_and_leaves_sight(resnet_clip):
    encoder, images = build_encoder(resnet_clip.visual), torch.randn(2, 3, 64, 64)
    before = encoder(images)
    with torch.no_grad():
        for parameter in encoder.semantic.parameters():
            parameter.mul_(1.1)
    after = encoder(images)
    assert torch.equal(before[0], after[0])
    assert not torch.allclose(before[1], after[1])


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("layers", [("layer4",), ("layer1", "layer2", "layer3", "layer4")])
def test_any_suffix_of_stages(resnet_clip, layers):
    images = torch.randn(1, 3, 64, 64)
    _, semantic = build_encoder(resnet_clip.visual, semantic_layers=layers)(images)
    torch.testing.assert_close(
        semantic, plain_resnet_map(resnet_clip.visual, images), atol=1e-9, rtol=1e-9
    )


def test_stages_that_are_no_suffix_are_refused(resnet_clip):
    with pytest.raises(UserError, match="layer3"):
        build_encoder(resnet_clip.visual, semantic_layers=("layer3",))
