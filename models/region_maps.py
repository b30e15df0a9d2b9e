"""Maps of a network: where an image matches the text of a class, and how much each place counts.

Letters: B images, C classes, E of the joint space, h x w locations, N regions.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from models.region_pooling import RegionScores, region_scores


@dataclass(frozen=True)
class RegionMaps:
    """Scores of B images and C classes at every location.

    Attributes:
        positive: name of a map -> its scores with the positive text ``(B, C, h, w)``: ``sight``,
            ``semantic`` and ``fused``, as far as the network has them. The last one is pooled.
        regions: scores and weights of the regions that are pooled ``(B, C, N)``. N is h * w, or 1
            more with a global vector, which comes first. With
            :func:`models.region_pooling.pool_regions` they give the logits of the network.
        cell: height and width in pixels of the part of an image that a location stands for. The
            first location starts in the corner of the image.
        scale: factor of the cosine in the scores.
    """

    positive: Mapping[str, Tensor]
    regions: RegionScores
    cell: tuple[float, float]
    scale: float

    @property
    def grid(self) -> tuple[int, int]:
        """Number of locations, (h, w)."""
        height, width = next(iter(self.positive.values())).shape[2:]
        return height, width

    @property
    def negative(self) -> Tensor:
        """Scores of the pooled map with the negative text ``(B, C, h, w)``."""
        return self._locations(self.regions.negative)

    @property
    def weights(self) -> Tensor:
        """Weights of the locations ``(B, C, h, w)``; they sum to 1 without a global vector."""
        return self._locations(self.regions.weights)

    @property
    def whole(self) -> RegionScores | None:
        """Scores and weight of the global vector ``(B, C)`` each; None where it is no region."""
        height, width = self.grid
        if self.regions.weights.shape[2] == height * width:
            return None
        return RegionScores(*(part[..., 0] for part in self.regions))

    def _locations(self, values: Tensor) -> Tensor:
        height, width = self.grid
        return values[..., -height * width :].unflatten(2, (height, width))


def make_maps(
    branches: Mapping[str, Tensor | None],
    fused: Tensor,
    texts: tuple[Tensor, Tensor],
    *,
    whole: Tensor | None = None,
    scale: float,
    cell: tuple[float, float],
) -> RegionMaps:
    """Return the maps of features ``(B, E, h, w)`` and class texts.

    Args:
        branches: name -> features, None where a network has no such branch.
        fused: features that the network pools; one of the branches, or another map.
        texts: positive and negative text features ``(C, E)``.
        whole: global vector ``(B, E)`` that is pooled with the locations, or None.
        scale: factor of the cosine.
        cell: see :class:`RegionMaps`.
    """
    pooled = region_scores(fused, *texts, whole=whole, scale=scale)
    size = fused.shape[2:]
    positive, name = {}, "fused"
    for branch, features in branches.items():
        if features is fused:
            name = branch  # a network with one branch pools it as it is
        elif features is not None:
            scores = region_scores(features, *texts, scale=scale).positive  # (B, C, h * w)
            positive[branch] = scores.unflatten(2, size)
    own = pooled.positive[..., -size.numel() :]  # (B, C, h * w)
    positive[name] = own.unflatten(2, size)
    return RegionMaps(positive, pooled, cell, scale)
