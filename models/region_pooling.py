"""Class-specific region pooling: an image map and text features to pairs of logits.

Letters: B images, C classes, E of the joint space, h x w locations, N regions.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from core.labels import NEGATIVE, POSITIVE
from models.precision import full_precision, no_autocast


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
    with no_autocast(image_map):
        image_map, text_pos, text_neg = full_precision(image_map, text_pos, text_neg)
        regions = image_map.flatten(2)  # (B, E, h * w)
        if whole is not None:
            (whole,) = full_precision(whole)
            regions = torch.cat([whole[:, :, None], regions], dim=2)  # (B, E, 1 + h * w)
        regions = F.normalize(regions, dim=1)  # (B, E, N)
        pos = scale * torch.matmul(F.normalize(text_pos, dim=-1), regions)  # (B, C, N)
        neg = scale * torch.matmul(F.normalize(text_neg, dim=-1), regions)  # (B, C, N)
        share = weight * pos.softmax(dim=-1)  # (B, C, N)
        planes = {POSITIVE: (share * pos).sum(-1), NEGATIVE: (share * neg).sum(-1)}  # (B, C) each
        return torch.stack([planes[0], planes[1]], dim=1)  # (B, 2, C)
