"""Maps of CLIP's vision transformers against forms that share no code with ours."""

import copy

import pytest
import torch

from core.errors import UserError
from models import build_encoder


def plain_vit_tokens(visual, images, residual):
    """Return each token after the value path of the last block, in the joint space: (B, L, E)."""
    tokens = visual._embeds(images)
    for block in visual.transformer.resblocks[:-1]:
        tokens = block(tokens)
    block = visual.transformer.resblocks[-1]
    rows = []
    for token in tokens.unbind(1):
        alone = block.attention(block.ln_1(token[:, None]))[:, 0]  # one token: the value path
        if residual:
            alone = token + alone
            alone = alone + block.mlp(block.ln_2(alone))
        rows.append(visual.ln_post(alone) @ visual.proj)
    return torch.stack(rows, dim=1)


def plain_vit_map(visual, images, residual):
    tokens = plain_vit_tokens(visual, images, residual)[:, 1:]  # without the class token
    side = round(tokens.shape[1] ** 0.5)
    return tokens.transpose(1, 2).unflatten(2, (side, side))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("form", ["value", "residual"])
@pytest.mark.parametrize("num_blocks", [1, 3])
def test_vit_maps_equal_attention_of_one_token(vit_clip, form, num_blocks):
    images = torch.randn(2, 3, 32, 32)
    encoder = build_encoder(vit_clip.visual, num_semantic_blocks=num_blocks, dense_form=form)
    expected = plain_vit_map(vit_clip.visual, images, form == "residual")
    for map_ in encoder(images)[:2]:
        torch.testing.assert_close(map_, expected, atol=1e-9, rtol=1e-9)


def test_vit_size_is_free_in_multiples_of_the_patch(vit_clip):
    encoder = build_encoder(vit_clip.visual)
    assert encoder(torch.randn(1, 3, 48, 64))[0].shape == (1, 32, 6, 8)
    with pytest.raises(UserError, match="patch size"):
        encoder(torch.randn(1, 3, 30, 32))


@pytest.mark.parametrize("form", ["value", "residual"])
@pytest.mark.parametrize("num_blocks", [1, 3])
def test_the_global_vector_is_the_class_token_in_the_dense_form(vit_clip, form, num_blocks):
    visual = copy.deepcopy(vit_clip.visual).double()
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    maps = build_encoder(visual, num_semantic_blocks=num_blocks, dense_form=form, with_global=True)(
        images
    )
    expected = plain_vit_tokens(visual, images, form == "residual")[:, 0]
    torch.testing.assert_close(maps.sight_global, expected, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(maps.semantic_global, expected, atol=1e-9, rtol=1e-9)


def test_an_unknown_dense_form_brings_the_nearest(vit_clip):
    with pytest.raises(UserError, match="Did you mean 'residual'"):
        build_encoder(vit_clip.visual, dense_form="residul")
