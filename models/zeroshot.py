"""CLIP without training (Radford et al., ICML 2021, section 3.1), scored for several labels."""

from collections.abc import Sequence

import open_clip
import torch.nn.functional as F
from torch import Tensor, nn

from core.errors import UserError, not_accepted
from core.labels import POSITIVE
from models.base import ClipNetwork, FrozenFeatures
from models.image.branches import BranchFeatures
from models.image.families import build_encoder
from models.image.features import FrozenEncoder
from models.precision import full_precision, no_autocast
from models.region_maps import RegionMaps, make_maps
from models.region_pooling import region_logits
from models.text.features import TemplateText

FEATURES = ("global", "region")
SCORES = ("sigmoid", "softmax")


class ZeroshotCLIPNetwork(ClipNetwork):
    """Cosines of image and class texts, as one independent probability per class.

    The logit of class c is ``logit_scale * (cos_c - mean over classes of cos)``, its probability
    the sigmoid. A softmax over classes would share one unit of probability among an image's labels.
    CLIP's raw cosines lie in a narrow band whose place differs between images and backbones, so no
    threshold in 0.05 .. 0.95 would fit them. The logit keeps the order of the classes within an
    image, and 1/2 is an image's average class.

    Args:
        clip: a CLIP.
        class_texts: one text per class.
        templates: texts with ``{}`` for the class; their features are averaged.
        features: ``global``, CLIP's image embedding, or ``region``, the dense map pooled per class.
        logit_scale: factor of the centred cosine.
        region_scale: factor of the cosine in the softmax over locations.
        scores: ``sigmoid``; or ``softmax`` over the classes, for one class per image.
    """

    def __init__(
        self,
        clip: open_clip.CLIP,
        class_texts: Sequence[str],
        *,
        templates: Sequence[str] = ("a photo of {}.",),
        features: str = "global",
        logit_scale: float = 50.0,
        region_scale: float = 20.0,
        scores: str = "sigmoid",
    ) -> None:
        super().__init__()
        if scores not in SCORES:
            raise UserError(not_accepted("scores", scores, SCORES))
        self.by_softmax = scores == "softmax"
        if features not in FEATURES:
            raise UserError(not_accepted("features", features, FEATURES))
        self.logit_scale = logit_scale
        self.region_scale = region_scale
        self.text = TemplateText(clip, class_texts, templates)
        self.by_region = features == "region"
        if self.by_region:
            self.encoder = build_encoder(clip.visual, branches="sight")
        else:
            self.encoder = FrozenEncoder(clip.visual, "global")

    def classify(self, features: FrozenFeatures) -> Tensor:
        """Return logits ``(B, C)``, in float32 at least."""
        cosine = self.cosines(features)  # (B, C)
        return self.logit_scale * (cosine - cosine.mean(dim=1, keepdim=True))

    def cosines(self, features: FrozenFeatures) -> Tensor:
        """Return the cosine of every image and class, ``(B, C)``.

        By region the cosines are pooled over locations with the softmax of ``region_scale * cos``,
        the pooling of :func:`region_logits`.
        """
        positive, negative = self.text()  # (C, E), both the same
        if self.by_region:
            scale = self.region_scale
            logits = region_logits(
                features.sight, positive, negative, scale=scale, weight=1 / scale
            )  # (B, 2, C)
            return logits[:, POSITIVE]
        with no_autocast(features.pooled):
            (pooled,) = full_precision(features.pooled)  # (B, E)
            return F.normalize(pooled, dim=-1) @ positive.T

    def maps_reason(self) -> str:
        """Return why the global embedding has no maps; empty by region."""
        if self.by_region:
            return ""
        return "it compares one embedding of the whole image with the texts"

    def region_maps(self, features: BranchFeatures) -> RegionMaps:
        """Return the map of the sight branch; pooled with weight 1, it is the scaled cosine.

        Args:
            features: of B images, by region.
        """
        grid = tuple(features.sight.shape[2:])
        return make_maps(
            {"sight": features.sight},
            features.sight,
            self.text(),
            scale=self.region_scale,
            cell=self.encoder.cell_size(features.image_size, grid),
        )

    def scores(self, logits: Tensor) -> Tensor:
        """Return each class's probability ``(B, C)``: sigmoid, or softmax over the classes."""
        if self.by_softmax:
            return full_precision(logits)[0].softmax(dim=1)
        return super().scores(logits)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return no group: nothing learns."""
        return {}
