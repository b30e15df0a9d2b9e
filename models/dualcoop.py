"""DualCoOp (Sun, Hu, Saenko, NeurIPS 2022): positive and negative prompts over frozen features."""

from collections.abc import Sequence

import open_clip
import torch
from torch import nn

from models.base import trainable
from models.image.branches import BranchMaps
from models.image.families import build_encoder
from models.region_network import RegionNetwork, Regions, text_or_prompts
from models.text.features import TextComponent


class DualCoOpNetwork(RegionNetwork):
    """The frozen dense map against prompts; only the prompts learn.

    Args:
        clip: a CLIP; it is copied where its layers change.
        class_texts: one text per class.
        dense_form: dense form of a ViT's last block, ``value`` or ``residual``.
        regions: ``locations``, or ``global+locations`` (as in the public code): the mean token, or
            the class token, is scored as one more region.
        logit_scale: scale of the cosine between region and class text.
        pool_weight: factor of the pooled similarity.
        text: text component in place of prompts; ``prompt_settings`` then have no effect.
        generator: random numbers of the prompts' initial values.
        prompt_settings: keyword arguments of :class:`models.text.features.PromptedText`.
    """

    def __init__(
        self,
        clip: open_clip.CLIP,
        class_texts: Sequence[str],
        *,
        dense_form: str = "value",
        regions: str = "locations",
        logit_scale: float = 20.0,
        pool_weight: float = 5.0,
        text: TextComponent | None = None,
        generator: torch.Generator | None = None,
        **prompt_settings: object,
    ) -> None:
        text = text_or_prompts(text, clip, class_texts, generator=generator, **prompt_settings)
        super().__init__(text, regions=regions, logit_scale=logit_scale, pool_weight=pool_weight)
        self.encoder = build_encoder(
            clip.visual, dense_form=dense_form, branches="sight", with_global=self.with_global
        )

    def fuse(self, maps: BranchMaps) -> Regions:
        """Return the sight branch's map as it is."""
        return Regions(maps.sight, maps.sight_global)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the one group, ``prompts``."""
        return {"prompts": trainable(self.text)}
