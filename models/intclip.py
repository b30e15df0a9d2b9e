"""IntCLIP (Yang, Ye, Tao, ECCV 2024): encoder, aggregation, prompts and region pooling."""

from collections.abc import Sequence

import open_clip
import torch
from torch import nn

from models.aggregation import build_aggregation
from models.base import trainable
from models.image.branches import BranchMaps
from models.image.families import build_encoder
from models.region_network import RegionNetwork, Regions, text_or_prompts
from models.text.features import TextComponent


class IntCLIPNetwork(RegionNetwork):
    """The fused map of both branches against prompts.

    Prompts, semantic branch and aggregation learn; everything else is frozen.

    Args:
        clip: a CLIP; it is copied where its layers change.
        class_texts: one text per class.
        semantic_layers: trainable stages of a ResNet, the last ones.
        num_semantic_blocks: number of trainable blocks of a ViT, the last ones.
        dense_form: dense form of a ViT's last block, ``value`` or ``residual``.
        aggregation: ``sight_assisted``, ``mean``, ``sight`` or ``semantic``.
        attention_from: maps that give query, key and value of ``sight_assisted``.
        regions: ``locations``, or ``global+locations``: the global vector of the branches, fused by
            the mean part of the aggregation, is scored as one more region.
        logit_scale: scale of the cosine between region and class text.
        pool_weight: factor of the pooled similarity.
        text: text component in place of prompts; ``prompt_settings`` then have no effect.
        generator: random numbers of the prompts' and then of the aggregation's initial values.
        prompt_settings: keyword arguments of :class:`models.text.features.PromptedText`.
    """

    def __init__(
        self,
        clip: open_clip.CLIP,
        class_texts: Sequence[str],
        *,
        semantic_layers: Sequence[str] = ("layer3", "layer4"),
        num_semantic_blocks: int = 1,
        dense_form: str = "value",
        aggregation: str = "sight_assisted",
        attention_from: str = "semantic",
        regions: str = "locations",
        logit_scale: float = 20.0,
        pool_weight: float = 5.0,
        text: TextComponent | None = None,
        generator: torch.Generator | None = None,
        **prompt_settings: object,
    ) -> None:
        text = text_or_prompts(text, clip, class_texts, generator=generator, **prompt_settings)
        super().__init__(text, regions=regions, logit_scale=logit_scale, pool_weight=pool_weight)
        embed_dim = clip.text_projection.shape[1]
        self.aggregation = build_aggregation(aggregation, embed_dim, attention_from, generator)
        self.aggregation.to(clip.text_projection.dtype)
        self.encoder = build_encoder(
            clip.visual,
            semantic_layers=semantic_layers,
            num_semantic_blocks=num_semantic_blocks,
            dense_form=dense_form,
            branches=self.aggregation.branches,
            with_global=self.with_global,
        )

    def fuse(self, maps: BranchMaps) -> Regions:
        """Return the aggregated map, and the aggregated global vector where it is scored."""
        locations = self.aggregation(maps.sight, maps.semantic)  # (B, E, h, w)
        if not self.with_global:
            return Regions(locations)
        whole = self.aggregation.mean_part(maps.sight_global, maps.semantic_global)  # (B, E)
        return Regions(locations, whole)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the groups ``prompts``, ``semantic`` and ``aggregation``.

        A group that this composition does not train is empty.
        """
        return {
            "prompts": trainable(self.text),
            "semantic": trainable(self.encoder.semantic),
            "aggregation": trainable(self.aggregation),
        }
