"""From the sight and the semantic map to the one map that classes are read from."""

import math

import torch
from torch import Tensor, nn

from core.errors import UserError, not_accepted
from models.precision import full_precision, no_autocast

ATTENTION_SOURCES = {  # attention_from -> which map gives (query, key, value)
    "semantic": ("semantic", "semantic", "sight"),
    "sight": ("sight", "sight", "semantic"),
    "cross": ("semantic", "sight", "sight"),
}


def position_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Return ``softmax(q k^T) v`` over locations as ``(B, E, h, w)``; no scale factor, softmax over key locations.

    ``query`` and ``key`` are ``(B, D, h, w)``, ``value`` is ``(B, E, h, w)``. Position attention of DANet (Fu et al.
    2019, section 3.2). Computed in fp32: unscaled products overflow fp16 easily.
    """
    with no_autocast(value):
        query, key, value = full_precision(query, key, value)
        scores = query.flatten(2).transpose(1, 2) @ key.flatten(2)  # (B, Nq, Nk)
        mixed = value.flatten(2) @ scores.softmax(dim=-1).transpose(1, 2)  # (B, E, Nq)
        return mixed.unflatten(2, query.shape[2:])  # (B, E, h, w)


class SightAssistedAggregation(nn.Module):
    """``gamma * softmax(q k^T) v + (sight + semantic) / 2`` (IntCLIP, Yang et al. 2024, sight-assisted aggregation)."""

    branches = "both"

    def __init__(
        self,
        embed_dim: int,
        attention_from: str = "semantic",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if attention_from not in ATTENTION_SOURCES:
            raise UserError(not_accepted("attention_from", attention_from, ATTENTION_SOURCES))
        self.attention_from = attention_from
        inner = max(1, embed_dim // 8)
        self.query = _conv1x1(embed_dim, inner, generator)
        self.key = _conv1x1(embed_dim, inner, generator)
        self.value = _conv1x1(embed_dim, embed_dim, generator)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, sight: Tensor, semantic: Tensor) -> Tensor:
        """Return the fused map ``(B, E, h, w)`` of two maps of that shape."""
        maps = {"sight": sight, "semantic": semantic}
        query, key, value = (maps[source] for source in ATTENTION_SOURCES[self.attention_from])
        attended = position_attention(
            self.query(query), self.key(key), self.value(value)
        )  # (B, E, h, w)
        return self.gamma * attended + (sight + semantic) / 2


class MeanAggregation(nn.Module):
    """Mean of both maps."""

    branches = "both"

    def forward(self, sight: Tensor, semantic: Tensor) -> Tensor:
        """Return the mean ``(B, E, h, w)``."""
        return (sight + semantic) / 2


class SightOnly(nn.Module):
    """The frozen map alone; only prompts are learnt, as in DualCoOp."""

    branches = "sight"

    def forward(self, sight: Tensor, semantic: Tensor | None = None) -> Tensor:
        """Return ``sight`` as it is."""
        return sight


class SemanticOnly(nn.Module):
    """The learnt map alone."""

    branches = "semantic"

    def forward(self, sight: Tensor | None, semantic: Tensor) -> Tensor:
        """Return ``semantic`` as it is."""
        return semantic


AGGREGATIONS = {
    "sight_assisted": SightAssistedAggregation,
    "mean": MeanAggregation,
    "sight": SightOnly,
    "semantic": SemanticOnly,
}


def build_aggregation(
    name: str,
    embed_dim: int,
    attention_from: str = "semantic",
    generator: torch.Generator | None = None,
) -> nn.Module:
    """Return the aggregation ``name``; its ``branches`` says which maps it needs (both, sight or semantic)."""
    if name not in AGGREGATIONS:
        raise UserError(not_accepted("aggregation", name, AGGREGATIONS))
    if name == "sight_assisted":
        return SightAssistedAggregation(embed_dim, attention_from, generator)
    return AGGREGATIONS[name]()


def _conv1x1(channels: int, out: int, generator: torch.Generator | None) -> nn.Conv2d:
    """Return a 1x1 convolution with torch's default initialisation, drawn from ``generator``."""
    conv = nn.Conv2d(channels, out, kernel_size=1)
    bound = 1 / math.sqrt(channels)
    nn.init.uniform_(conv.weight, -bound, bound, generator=generator)
    nn.init.uniform_(conv.bias, -bound, bound, generator=generator)
    return conv
