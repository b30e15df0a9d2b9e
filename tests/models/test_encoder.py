"""Dense maps against independent forms; what is frozen stays frozen."""

import open_clip
import pytest
import torch
import torch.nn.functional as F

from core.errors import UserError
from models.encoder import DensePool, build_encoder


def token_alone(pool: torch.nn.Module, token: torch.Tensor) -> torch.Tensor:
    """Full multi-head attention over a sequence of one token: its attention is one-hot by necessity."""
    out, _ = F.multi_head_attention_forward(
        token[None, None],
        token[None, None],
        token[None, None],
        token.numel(),
        pool.num_heads,
        None,
        torch.cat([pool.q_proj.bias, pool.k_proj.bias, pool.v_proj.bias]),
        None,
        None,
        False,
        0.0,
        pool.c_proj.weight,
        pool.c_proj.bias,
        use_separate_proj_weight=True,
        q_proj_weight=pool.q_proj.weight,
        k_proj_weight=pool.k_proj.weight,
        v_proj_weight=pool.v_proj.weight,
    )
    return out[0, 0]


@pytest.mark.parametrize("size", [(3, 3), (2, 3), (4, 4)])
def test_dense_pool(size: tuple[int, int], resnet_clip: open_clip.CLIP) -> None:
    pool = resnet_clip.visual.attnpool
    x = torch.randn(2, 256, *size)
    grid = pool.positional_embedding[1:].T.reshape(1, 256, 3, 3)
    if size != (3, 3):
        grid = F.interpolate(grid, size=size, mode="bicubic", align_corners=False)
    tokens = x + grid
    out = DensePool(pool)(x)
    assert out.shape == (2, 32, *size)
    for b in range(2):
        for i in range(size[0]):
            for j in range(size[1]):
                want = token_alone(pool, tokens[b, :, i, j])
                torch.testing.assert_close(out[b, :, i, j], want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layers", [("layer4",), ("layer3", "layer4"), ("layer1", "layer2", "layer3", "layer4")])
def test_resnet_branches_start_as_clip(layers: tuple[str, ...], resnet_clip: open_clip.CLIP) -> None:
    visual = resnet_clip.visual
    encoder = build_encoder(visual, semantic_layers=layers)
    images = torch.randn(2, 3, 96, 128)
    x = visual.layer4(visual.layer3(visual.layer2(visual.layer1(visual.stem(images)))))
    want = DensePool(visual.attnpool)(x)
    for out in encoder(images):
        torch.testing.assert_close(out, want, rtol=1e-4, atol=1e-4)


def naive_vit(visual: torch.nn.Module, images: torch.Tensor, form: str) -> torch.Tensor:
    x = visual._embeds(images)
    for block in visual.transformer.resblocks[:-1]:
        x = block(x)
    block = visual.transformer.resblocks[-1]
    alone = block.ln_1(x).reshape(-1, 1, x.shape[-1])  # every token as a sequence of its own
    attended = block.attn(alone, alone, alone, need_weights=False)[0].reshape(x.shape)
    if form == "residual":
        x = x + attended
        x = x + block.mlp(block.ln_2(x))
    else:
        x = attended
    return (visual.ln_post(x) @ visual.proj)[:, 1:].transpose(1, 2).reshape(len(images), -1, 3, 3)


@pytest.mark.parametrize("form", ["value", "residual"])
@pytest.mark.parametrize("num", [1, 2, 3])
def test_vit_against_naive(form: str, num: int, vit_clip: open_clip.CLIP) -> None:
    encoder = build_encoder(vit_clip.visual, num_semantic_blocks=num, dense_form=form)
    images = torch.randn(2, 3, 48, 48)
    want = naive_vit(vit_clip.visual, images, form)
    for out in encoder(images):
        torch.testing.assert_close(out, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(96, 96), (96, 128), (64, 96)])
@pytest.mark.parametrize("branches", ["both", "sight", "semantic"])
def test_free_input_sizes(size: tuple[int, int], branches: str, any_clip: open_clip.CLIP) -> None:
    maps = build_encoder(any_clip.visual, branches=branches)(torch.rand(1, 3, *size))
    for name, out in zip(("sight", "semantic"), maps, strict=True):
        if branches in ("both", name):
            assert out.shape[:2] == (1, 32) and out.shape[2] * size[1] == out.shape[3] * size[0]
            assert out.isfinite().all()
        else:
            assert out is None


def test_only_semantic_learns(any_clip: open_clip.CLIP) -> None:
    encoder = build_encoder(any_clip.visual).train()
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    sight, semantic = encoder(torch.rand(2, 3, 96, 96))
    assert not sight.requires_grad
    semantic.square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert (parameter.grad is not None) == name.startswith("semantic."), name
    assert encoder.training and not any(m.training for m in encoder.modules() if m is not encoder)
    assert all(torch.equal(before[k], v) for k, v in encoder.state_dict().items())  # no statistics moved
    assert all(p.grad is None for p in any_clip.parameters())


def test_wrong_choices(any_clip: open_clip.CLIP, vit_clip: open_clip.CLIP, resnet_clip: open_clip.CLIP) -> None:
    with pytest.raises(UserError, match="branches is 'sigth'"):
        build_encoder(any_clip.visual, branches="sigth")
    with pytest.raises(UserError, match="semantic_layers is 'layer3'"):
        build_encoder(resnet_clip.visual, semantic_layers=("layer3",))
    with pytest.raises(UserError, match="num_semantic_blocks is 4; accepted: 1 to 3"):
        build_encoder(vit_clip.visual, num_semantic_blocks=4)
    with pytest.raises(UserError, match="Did you mean 'value'"):
        build_encoder(vit_clip.visual, dense_form="values")
    with pytest.raises(UserError, match="multiple of the patch size"):
        build_encoder(vit_clip.visual)(torch.rand(1, 3, 50, 48))
    with pytest.raises(UserError, match="image encoder Linear"):
        build_encoder(torch.nn.Linear(2, 2))
