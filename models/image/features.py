"""Frozen image features: CLIP's own image embedding and the mean of the dense map.

Letters: B images, E channels of the joint space.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.errors import UserError, not_accepted
from models.base import FrozenFeatures, ImageEncoder
from models.image.families import build_encoder

FEATURES = ("global", "mean", "concat")
NORMS = ("standard", "l2", "none")


@dataclass(frozen=True)
class PooledFeatures(FrozenFeatures):
    """One or two vectors per image.

    Attributes:
        pooled: CLIP's own image embedding ``(B, E)``, or None.
        mean: mean of the dense map over locations ``(B, E)``, or None.
    """

    pooled: Tensor | None = None
    mean: Tensor | None = None


class FrozenEncoder(ImageEncoder):
    """CLIP's frozen image encoder: one or two vectors per image, never with a gradient.

    ``global`` is the embedding that CLIP itself was trained with (attention pool, or class token),
    ``mean`` the mean of the sight branch's dense map over locations, ``concat`` both in this order.
    """

    features_class = PooledFeatures

    def __init__(self, visual: nn.Module, features: str = "global") -> None:
        super().__init__()
        if features not in FEATURES:
            raise UserError(not_accepted("features", features, FEATURES))
        self.features = features
        # The pools read what the trunk gives: everything before the last stage or block.
        self.encoder = build_encoder(
            visual, semantic_layers=("layer4",), num_semantic_blocks=1, branches="sight"
        )
        self.pool: nn.Module | None = None
        if features != "mean":
            self.pool = self.encoder.build_global_pool(visual)
        self.embed_dim = self.encoder.embed_dim
        self.requires_grad_(False)
        self.train()

    def train(self, mode: bool = True) -> "FrozenEncoder":
        """Stay in eval mode whatever ``mode`` is: the encoder is frozen."""
        return super().train(False)

    def feature_names(self) -> tuple[str, ...]:
        """Return the names of the vectors."""
        return {"global": ("pooled",), "mean": ("mean",), "concat": ("pooled", "mean")}[
            self.features
        ]

    def feature_cache_key_part(self) -> str:
        """Return the name of the family and of the features."""
        return f"{type(self).__name__} {type(self.encoder).__name__} {self.features}"

    @torch.no_grad()
    def frozen_features(self, images: Tensor) -> PooledFeatures:
        """Return the vectors ``(B, E)`` of images ``(B, 3, H, W)``."""
        size = (images.shape[2], images.shape[3])
        shared = self.encoder.run_trunk(images)
        tail = self.encoder.sight(shared)
        pooled = mean = None
        if self.pool is not None:
            pooled = self.pool(shared, tail)  # (B, E)
        if self.features != "global":
            mean = self.encoder.read(tail, size).mean(dim=(2, 3))  # (B, E)
        return PooledFeatures(size, pooled, mean)

    def channels_last(self) -> bool:
        """Store the weights of the convolutions with channels last."""
        return self.encoder.channels_last()

    def compile_parts(self, parts: list[str], backend: str = "inductor") -> set[str]:
        """Compile the encoder's parts; return the names of those it has."""
        return self.encoder.compile_parts(parts, backend)


def normalize_features(x: Tensor, norm: str) -> Tensor:
    """Return features ``(B, E)`` on one scale; each image by itself, so no statistics are kept.

    ``standard``: zero mean and unit variance over the E channels (layer normalisation without an
    affine part); ``l2``: unit length; ``none``: unchanged.
    """
    if norm not in NORMS:
        raise UserError(not_accepted("norm", norm, NORMS))
    if norm == "standard":
        return F.layer_norm(x, x.shape[-1:])
    if norm == "l2":
        return F.normalize(x, dim=-1)
    return x
