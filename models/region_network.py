"""Base of DualCoOp and IntCLIP: image regions against positive and negative text features.

Letters: B images, C classes, E of the joint space, h x w locations.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

import open_clip
from torch import Tensor

from core.errors import UserError, not_accepted
from core.labels import POSITIVE
from models.base import ClipNetwork
from models.image.branches import BranchFeatures, BranchMaps, SightSemantic
from models.precision import full_precision
from models.region_maps import RegionMaps, make_maps
from models.region_pooling import region_logits
from models.text.features import PromptedText, TextComponent

REGIONS = ("locations", "global+locations")


class Regions(NamedTuple):
    """Image features that classes are compared with.

    Attributes:
        locations: dense map ``(B, E, h, w)``.
        whole: global vector ``(B, E)``, scored as one more region, or None.
    """

    locations: Tensor
    whole: Tensor | None = None


class RegionNetwork(ClipNetwork):
    """Images ``(B, 3, H, W)`` to pairs of logits ``(B, 2, C)`` by class-specific region pooling.

    A subclass sets ``encoder`` and implements :meth:`fuse`: how the branches become one map.

    Args:
        text: the text component.
        regions: ``locations``, or ``global+locations`` to score a global vector beside them.
        logit_scale: scale of the cosine between region and class text.
        pool_weight: factor of the pooled similarity.
    """

    encoder: SightSemantic

    def __init__(
        self, text: TextComponent, *, regions: str, logit_scale: float, pool_weight: float
    ) -> None:
        super().__init__()
        if regions not in REGIONS:
            raise UserError(not_accepted("regions", regions, REGIONS))
        self.text = text
        self.with_global = regions == "global+locations"
        self.logit_scale = logit_scale
        self.pool_weight = pool_weight

    def fuse(self, maps: BranchMaps) -> Regions:
        """Return the regions that are compared with the text features."""
        raise NotImplementedError

    def classify(self, features: BranchFeatures) -> Tensor:
        """Return logits ``(B, 2, C)``; planes NEGATIVE and POSITIVE."""
        regions = self.fuse(self.encoder.maps(features))
        text = self.text()  # (C, E) each
        return region_logits(
            regions.locations,
            text.positive,
            text.negative,
            whole=regions.whole,
            scale=self.logit_scale,
            weight=self.pool_weight,
        )  # (B, 2, C)

    def maps_reason(self) -> str:
        """Return a reason where :meth:`classify` is a subclass's own, which maps cannot explain."""
        if type(self).classify is RegionNetwork.classify:
            return ""
        return f"{type(self).__name__} computes its logits in its own way"

    def region_maps(self, features: BranchFeatures) -> RegionMaps:
        """Return the maps of the branches that there are, and of what :meth:`fuse` makes of them.

        Args:
            features: of B images; pooling the result gives :meth:`classify` of them.
        """
        maps = self.encoder.maps(features)
        regions = self.fuse(maps)
        grid = tuple(regions.locations.shape[2:])
        return make_maps(
            {"sight": maps.sight, "semantic": maps.semantic},
            regions.locations,
            self.text(),
            whole=regions.whole,
            scale=self.logit_scale,
            cell=self.encoder.cell_size(features.image_size, grid),
        )

    def shared_text(self) -> AbstractContextManager:
        """Return the context :meth:`TextComponent.shared`, in which texts are encoded once."""
        return self.text.shared()

    def only_classes(self, classes: Tensor) -> AbstractContextManager:
        """Return the context in which :meth:`classify` gives the logits of some classes alone.

        Args:
            classes: indices ``(c,)`` in rising order.
        """
        return self.text.only(classes)

    @staticmethod
    def scores(logits: Tensor) -> Tensor:
        """Return each class's probability ``(B, C)``: the softmax over pairs ``(B, 2, C)``."""
        return full_precision(logits)[0].softmax(dim=1)[:, POSITIVE]


def text_or_prompts(
    text: TextComponent | None,
    clip: open_clip.CLIP,
    class_texts: Sequence[str],
    **prompt_settings: object,
) -> TextComponent:
    """Return ``text``, or where it is None the prompts of :class:`PromptedText`."""
    if text is not None:
        return text
    return PromptedText(clip, class_texts, **prompt_settings)
