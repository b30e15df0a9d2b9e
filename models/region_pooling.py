"""Class-specific region aggregation: from an image map and text features to pairs of logits."""

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
    scale: float = 20.0,
    weight: float = 5.0,
) -> Tensor:
    """Return logits ``(B, 2, C)`` from a map ``(B, E, h, w)`` and text features ``(C, E)``, in fp32.

    With ``s = scale * cosine`` of every location and class, both maps are pooled over locations with the softmax of
    the *positive* map and multiplied by ``weight`` (DualCoOp, Sun et al. 2022, section 3.3; IntCLIP keeps it).
    """
    with no_autocast(image_map):
        image_map, text_pos, text_neg = full_precision(image_map, text_pos, text_neg)
        locations = F.normalize(image_map.flatten(2), dim=1)  # (B, E, N)
        pos = scale * torch.matmul(F.normalize(text_pos, dim=-1), locations)  # (B, C, N)
        neg = scale * torch.matmul(F.normalize(text_neg, dim=-1), locations)  # (B, C, N)
        share = weight * pos.softmax(dim=-1)  # (B, C, N)
        planes = [torch.empty(0)] * 2
        planes[POSITIVE], planes[NEGATIVE] = (
            (share * pos).sum(-1),
            (share * neg).sum(-1),
        )  # (B, C) each
        return torch.stack(planes, dim=1)  # (B, 2, C)
