"""CLIP without training (Radford et al., ICML 2021, section 3.1), scored for several labels per image."""

from collections.abc import Sequence

import open_clip
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.errors import UserError, not_accepted
from core.labels import POSITIVE
from models.base import ClipNetwork, FrozenFeatures
from models.image.branches import build_encoder
from models.image.features import FrozenEncoder
from models.precision import full_precision, no_autocast
from models.region_pooling import region_logits

FEATURES = ("global", "region")


class ZeroshotCLIP(ClipNetwork):
    """Cosines of image and class texts, as one independent probability per class.

    The logit of class c is ``logit_scale * (cos_c - mean over classes of cos)``, its probability the sigmoid. A softmax
    over classes would share one unit of probability among an image's labels; CLIP's raw cosines lie in a narrow band
    whose place differs between images and backbones, so no threshold in 0.05 .. 0.95 would fit them. The map keeps the
    order of the classes within an image, and 1/2 is an image's average class.
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
    ) -> None:
        super().__init__()
        if features not in FEATURES:
            raise UserError(not_accepted("features", features, FEATURES))
        self.logit_scale, self.region_scale = logit_scale, region_scale
        self.register_buffer("text", template_features(clip, class_texts, templates))  # (C, E)
        self.by_region = features == "region"
        if self.by_region:
            self.encoder = build_encoder(clip.visual, semantic_layers=("layer4",), branches="sight")
        else:
            self.encoder = FrozenEncoder(clip.visual, "global")

    def frozen_features(self, images: Tensor) -> FrozenFeatures:
        """Return the image embedding ``(B, E)``, or by region the dense map ``(B, E, h, w)``."""
        embedded = self.encoder.frozen_features(images) if self.by_region else self.encoder(images)
        return FrozenFeatures(tuple(embedded), tuple(images.shape[2:]))

    def classify(self, features: FrozenFeatures) -> Tensor:
        """Return logits ``(B, C)``, in fp32."""
        cosine = self.cosines(features.tensors[0])  # (B, C)
        return self.logit_scale * (cosine - cosine.mean(dim=1, keepdim=True))

    def cosines(self, embedded: Tensor) -> Tensor:
        """Return the cosine of every image's embedding and class, ``(B, C)``; in ``region`` form pooled for each class.

        The pool is that of :func:`region_logits`: the softmax over locations of ``region_scale * cos``.
        """
        if self.by_region:
            scale = self.region_scale
            return region_logits(embedded, self.text, self.text, scale=scale, weight=1 / scale)[
                :, POSITIVE
            ]
        with no_autocast(embedded):
            (embedded,) = full_precision(embedded)
            return F.normalize(embedded, dim=-1) @ self.text.T

    def feature_kind(self) -> str:
        """Return the encoder and whether by region."""
        return f"{super().feature_kind()} {'region' if self.by_region else 'global'}"

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return no group: nothing is learnt."""
        return {}


@torch.no_grad()
def template_features(
    clip: open_clip.CLIP, class_texts: Sequence[str], templates: Sequence[str]
) -> Tensor:
    """Return unit text features ``(C, E)``: the mean over templates of unit features, normalised again."""
    lacking = [template for template in templates if "{}" not in template]
    if lacking or not templates:
        raise UserError(
            f"templates are {list(templates)}; expected one or more texts, each with {{}} for the class"
        )
    total = torch.zeros(())
    for template in templates:
        texts = [template.replace("{}", text.rstrip(". ")) for text in class_texts]
        total = total + F.normalize(clip.encode_text(_tokens(clip, texts)), dim=-1)  # (C, E)
    return F.normalize(total, dim=-1)


def _tokens(clip: open_clip.CLIP, texts: Sequence[str]) -> Tensor:
    """Return token ids ``(C, L)``; a text that would be cut off is an error."""
    limit = clip.positional_embedding.shape[0]
    tokens = open_clip.tokenize(list(texts), context_length=limit + 1)  # (C, L + 1)
    for text, row in zip(texts, tokens, strict=True):
        if row[limit]:
            raise UserError(
                f"the text '{text}' has more than the {limit} tokens that fit; shorten it"
            )
    if int(tokens.max()) >= clip.token_embedding.num_embeddings:
        raise UserError(
            f"the backbone has {clip.token_embedding.num_embeddings} tokens, fewer than CLIP's tokenizer"
        )
    return tokens[:, :limit]
