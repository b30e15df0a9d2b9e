"""Frozen image features: CLIP's own image embedding and the mean of the dense map.

Letters: B images, D channels of the encoder, E of the joint space, h x w locations, N = h * w, H heads.
"""

import copy

import torch
import torch.nn.functional as F
from open_clip.modified_resnet import AttentionPool2d
from open_clip.transformer import VisionTransformer
from torch import Tensor, nn

from core.errors import UserError, not_accepted
from models.image.branches import build_encoder, resize_grid

FEATURES = ("global", "mean", "concat")
NORMS = ("standard", "l2", "none")


class GlobalPool(nn.Module):
    """CLIP's attention pool (Radford et al. 2021, section 2.4) for any grid; its one query is the mean token."""

    def __init__(self, pool: AttentionPool2d) -> None:
        super().__init__()
        self.pool = copy.deepcopy(pool)

    def forward(self, shared: Tensor, tail: Tensor) -> Tensor:
        """Return ``(B, E)`` from layer4's output ``tail (B, D, h, w)``."""
        pool = self.pool
        tokens = tail.flatten(2).transpose(1, 2)  # (B, N, D)
        tokens = torch.cat([tokens.mean(dim=1, keepdim=True), tokens], dim=1)  # (B, 1 + N, D)
        tokens = tokens + self._positions(tail.shape[2:])
        query, key, value = (
            projection(x)
            .unflatten(-1, (pool.num_heads, -1))
            .transpose(1, 2)  # (B, H, 1 or 1 + N, D / H)
            for projection, x in (
                (pool.q_proj, tokens[:, :1]),
                (pool.k_proj, tokens),
                (pool.v_proj, tokens),
            )
        )
        pooled = F.scaled_dot_product_attention(query, key, value)  # (B, H, 1, D / H)
        return pool.c_proj(pooled.transpose(1, 2).flatten(1))  # (B, E)

    def _positions(self, size: tuple[int, int]) -> Tensor:
        position = self.pool.positional_embedding  # (1 + side^2, D)
        side = round((position.shape[0] - 1) ** 0.5)
        grid = resize_grid(position[1:].T.reshape(1, -1, side, side), size)  # (1, D, h, w)
        return torch.cat([position[:1], grid[0].flatten(1).T])  # (1 + N, D)


class ClassToken(nn.Module):
    """The class token after a CLIP ViT's last block, in the joint space."""

    def __init__(self, visual: VisionTransformer) -> None:
        super().__init__()
        self.block = copy.deepcopy(visual.transformer.resblocks[-1])
        self.ln_post = copy.deepcopy(visual.ln_post)
        self.proj = nn.Parameter(visual.proj.detach().clone())  # (D, E)

    def forward(self, shared: Tensor, tail: Tensor) -> Tensor:
        """Return ``(B, E)`` from the tokens before the last block, ``shared (B, 1 + N, D)``."""
        return self.ln_post(self.block(shared)[:, 0]) @ self.proj  # (B, E)


class FrozenEncoder(nn.Module):
    """CLIP's frozen image encoder: images to one vector each, never with a gradient.

    ``global`` is the embedding that CLIP itself was trained with (attention pool, or class token), ``mean`` the mean
    of the sight branch's dense map over locations, ``concat`` both, in this order.
    """

    def __init__(self, visual: nn.Module, features: str = "global") -> None:
        super().__init__()
        if features not in FEATURES:
            raise UserError(not_accepted("features", features, FEATURES))
        self.encoder = build_encoder(visual, semantic_layers=("layer4",), branches="sight")
        is_vit = isinstance(visual, VisionTransformer)
        pool = ClassToken(visual) if is_vit else GlobalPool(visual.attnpool)
        self.pool = pool if features != "mean" else None
        self.with_mean = features != "global"
        self.embed_dim: int = self.encoder.embed_dim
        self.num_parts = 2 if features == "concat" else 1
        self.requires_grad_(False)
        self.train()

    def train(self, mode: bool = True) -> "FrozenEncoder":
        """Stay in eval mode whatever ``mode`` is: the encoder is frozen."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> list[Tensor]:
        """Return ``num_parts`` features, each ``(B, E)``, of images ``(B, 3, H, W)``."""
        shared = self.encoder.run_trunk(images)
        tail = self.encoder.sight(shared)
        parts = [] if self.pool is None else [self.pool(shared, tail)]  # (B, E)
        if self.with_mean:
            parts.append(self.encoder.read(tail, images.shape[2:]).mean(dim=(2, 3)))  # (B, E)
        return parts


def normalize_features(x: Tensor, norm: str) -> Tensor:
    """Return features ``(B, E)`` brought to one scale, each image by itself, so that no statistics are kept.

    ``standard``: zero mean and unit variance over the E channels (layer normalisation without an affine part);
    ``l2``: unit length; ``none``: as they are.
    """
    if norm not in NORMS:
        raise UserError(not_accepted("norm", norm, NORMS))
    if norm == "standard":
        return F.layer_norm(x, x.shape[-1:])
    return F.normalize(x, dim=-1) if norm == "l2" else x
