"""Aggregation of the sight and the semantic map to the one map that classes are read from.

Letters: B images, D channels of the attention, E of the joint space, h x w locations, Nq and Nk
their numbers in query and key.
"""

import math

import torch
from torch import Tensor, nn

from core.errors import UserError, not_accepted
from models.precision import full_precision, no_autocast

ATTENTION_SOURCES = {  # attention_from -> the maps that give (query, key, value)
    "semantic": ("semantic", "semantic", "sight"),
    "sight": ("sight", "sight", "semantic"),
    "cross": ("semantic", "sight", "sight"),
}


def position_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Return ``softmax(q k^T) v`` over locations as ``(B, E, h, w)``.

    There is no scale factor; the softmax is over key locations. Position attention of DANet (Fu et
    al. 2019, section 3.2).

    Args:
        query: ``(B, D, h, w)``.
        key: ``(B, D, h, w)``.
        value: ``(B, E, h, w)``.
    """
    with no_autocast(value):  # unscaled products overflow fp16 easily
        query, key, value = full_precision(query, key, value)
        scores = query.flatten(2).transpose(1, 2) @ key.flatten(2)  # (B, Nq, Nk)
        mixed = value.flatten(2) @ scores.softmax(dim=-1).transpose(1, 2)  # (B, E, Nq)
        return mixed.unflatten(2, query.shape[2:])  # (B, E, h, w)


class Aggregation(nn.Module):
    """Base of all aggregations: two maps of one shape to one.

    Attributes:
        branches: the maps that it needs: ``both``, ``sight`` or ``semantic``.
    """

    branches = "both"

    def forward(self, sight: Tensor | None, semantic: Tensor | None) -> Tensor:
        """Return the fused map ``(B, E, h, w)`` of two maps of that shape."""
        return self.mean_part(sight, semantic)

    def mean_part(self, sight: Tensor | None, semantic: Tensor | None) -> Tensor:
        """Return the part that mixes no locations, of two tensors of any shape."""
        return (sight + semantic) / 2


class SightAssistedAggregation(Aggregation):
    """``gamma * softmax(q k^T) v + (sight + semantic) / 2`` (IntCLIP, Yang et al. 2024).

    Args:
        embed_dim: E.
        attention_from: key of :data:`ATTENTION_SOURCES`.
        generator: random numbers of the initial weights; ``gamma`` starts at 0.
    """

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
        query, key, value = ATTENTION_SOURCES[self.attention_from]
        attended = position_attention(
            self.query(maps[query]), self.key(maps[key]), self.value(maps[value])
        )  # (B, E, h, w)
        return self.gamma * attended + self.mean_part(sight, semantic)


class MeanAggregation(Aggregation):
    """Mean of both maps."""


class SightOnly(Aggregation):
    """The frozen map; only prompts learn, as in DualCoOp."""

    branches = "sight"

    def mean_part(self, sight: Tensor, semantic: Tensor | None = None) -> Tensor:
        """Return ``sight`` unchanged."""
        return sight


class SemanticOnly(Aggregation):
    """The trainable map."""

    branches = "semantic"

    def mean_part(self, sight: Tensor | None, semantic: Tensor) -> Tensor:
        """Return ``semantic`` unchanged."""
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
) -> Aggregation:
    """Return the aggregation ``name`` of :data:`AGGREGATIONS`.

    Args:
        name: key of :data:`AGGREGATIONS`.
        embed_dim: E, the width of the joint space.
        attention_from: only of ``sight_assisted``.
        generator: random numbers of the initial weights.

    Raises:
        UserError: ``name`` or ``attention_from`` is unknown.
    """
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
