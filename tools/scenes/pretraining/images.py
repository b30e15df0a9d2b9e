"""Image embeddings of a CLIP in training: the pooled one, and the mean of the dense map.

The dense maps are those of :mod:`models.image`, without copies of the weights. Letters: B images,
D channels of the encoder, E of the joint space, h x w locations, L tokens.
"""

import torch
import torch.nn.functional as F
from open_clip.modified_resnet import AttentionPool2d, ModifiedResNet
from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from torch import Tensor


def embed_images(visual: ModifiedResNet | VisionTransformer, images: Tensor) -> dict[str, Tensor]:
    """Return the ``pooled`` and the mean ``dense`` embedding of ``(B, 3, H, W)``: ``(B, E)``.

    Training the second gives single locations a meaning in the joint space, which plain CLIP of
    this size leaves to chance.
    """
    if isinstance(visual, VisionTransformer):
        return _embed_vit(visual, images)
    x = visual.stem(images)
    for stage in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
        x = stage(x)
    return {"pooled": visual.attnpool(x), "dense": dense_mean(visual.attnpool, x)}


def dense_mean(pool: AttentionPool2d, x: Tensor) -> Tensor:
    """Return ``(B, E)``: the mean over locations of the value-projected map.

    Args:
        pool: of a CLIP-ResNet.
        x: output of layer4, ``(B, D, h, w)``.
    """
    # the projection is linear, so the mean may come first
    mean = x.flatten(2).mean(dim=2) + pool.positional_embedding[1:].mean(dim=0)  # (B, D)
    return pool.c_proj(pool.v_proj(mean))


def _embed_vit(visual: VisionTransformer, images: Tensor) -> dict[str, Tensor]:
    x = _patch_tokens(visual, images)  # (B, L, D)
    *blocks, last = visual.transformer.resblocks
    for block in blocks:
        x = block(x)
    pooled = visual.ln_post(last(x)[:, 0]) @ visual.proj
    dense = visual.ln_post(value_path(last, x[:, 1:])) @ visual.proj  # (B, L - 1, E)
    return {"pooled": pooled, "dense": dense.mean(dim=1)}


def _patch_tokens(visual: VisionTransformer, images: Tensor) -> Tensor:
    x = visual.conv1(images).flatten(2).transpose(1, 2)  # (B, L - 1, D)
    first = visual.class_embedding.expand(len(x), 1, -1)
    return visual.ln_pre(torch.cat([first, x], dim=1) + visual.positional_embedding)


def value_path(block: ResidualAttentionBlock, x: Tensor) -> Tensor:
    """Return ``out(value(ln_1(x)))``, ``(B, L, D)`` (MaskCLIP, Zhou et al. 2022, section 3.2)."""
    attention = block.attn
    width = attention.embed_dim
    value = F.linear(
        block.ln_1(x), attention.in_proj_weight[2 * width :], attention.in_proj_bias[2 * width :]
    )
    return attention.out_proj(value)
