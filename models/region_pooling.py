"""Class-specific region pooling: an image map and text features to pairs of logits.

Letters: B images, C classes, E of the joint space, h x w locations, N regions.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from core.labels import NEGATIVE, POSITIVE
from models.precision import full_precision, no_autocast


class RegionScores(NamedTuple):
    """How well every region matches the texts of every class, and how much it counts.

    Attributes:
        positive: ``scale * cosine`` of region and positive text ``(B, C, N)``.
        negative: the same with the negative text ``(B, C, N)``.
        weights: softmax of ``positive`` over the regions ``(B, C, N)``; sums to 1.
    """

    positive: Tensor
    negative: Tensor
    weights: Tensor


def region_logits(
    image_map: Tensor,
    text_pos: Tensor,
    text_neg: Tensor,
    *,
    whole: Tensor | None = None,
    scale: float = 20.0,
    weight: float = 5.0,
) -> Tensor:
    """Return logits ``(B, 2, C)``, in float32 at least.

    With ``s = scale * cosine`` of every region and class, both similarities are pooled over regions
    with the softmax of the *positive* one and multiplied by ``weight`` (DualCoOp, Sun et al. 2022,
    section 3.3; IntCLIP keeps it).

    Args:
        image_map: features of the locations ``(B, E, h, w)``.
        text_pos: positive text features ``(C, E)``.
        text_neg: negative text features ``(C, E)``.
        whole: features of the whole image ``(B, E)``, one more region in front of the locations.
        scale: factor of the cosine.
        weight: factor of the pooled similarity.
    """
    scores = region_scores(image_map, text_pos, text_neg, whole=whole, scale=scale)
    return pool_regions(scores, weight)


def region_scores(
    image_map: Tensor,
    text_pos: Tensor,
    text_neg: Tensor,
    *,
    whole: Tensor | None = None,
    scale: float = 20.0,
) -> RegionScores:
    """Return the scores of the N regions before pooling, in float32 at least.

    Arguments are those of :func:`region_logits`. N is h * w, plus 1 with ``whole``.
    """
    with no_autocast(image_map):
        image_map, text_pos, text_neg = full_precision(image_map, text_pos, text_neg)
        regions = image_map.flatten(2)  # (B, E, h * w)
        if whole is not None:
            (whole,) = full_precision(whole)
            regions = torch.cat([whole[:, :, None], regions], dim=2)  # (B, E, 1 + h * w)
        regions = F.normalize(regions, dim=1)  # (B, E, N)
        pos = scale * torch.matmul(F.normalize(text_pos, dim=-1), regions)  # (B, C, N)
        neg = scale * torch.matmul(F.normalize(text_neg, dim=-1), regions)  # (B, C, N)
        return RegionScores(pos, neg, pos.softmax(dim=-1))


def pool_regions(scores: RegionScores, weight: float = 5.0) -> Tensor:
    """Return logits ``(B, 2, C)``: ``weight`` times the weighted sum of the scores over regions."""
    pos, neg, weights = scores
    with no_autocast(pos):
        share = weight * weights  # (B, C, N)
        planes = {POSITIVE: (share * pos).sum(-1), NEGATIVE: (share * neg).sum(-1)}  # (B, C) each
        return torch.stack([planes[number] for number in sorted(planes)], dim=1)  # (B, 2, C)
