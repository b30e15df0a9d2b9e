"""Linear classifiers over CLIP's image encoder: on frozen features, and with trainable layers.

Letters: B images, C classes, E of the joint space, h x w locations.
"""

from collections.abc import Sequence

import open_clip
import torch
from torch import Tensor, nn

from models.base import ClipNetwork, FrozenFeatures, trainable
from models.image.branches import BranchFeatures
from models.image.families import build_encoder
from models.image.features import FrozenEncoder, PooledFeatures, normalize_features
from models.precision import full_precision, no_autocast


class _LinearHead(ClipNetwork):
    """Features, a norm, and one logistic regression per class.

    The classifier starts at zero, so that all probabilities start at 1/2.
    """

    def __init__(self, num_features: int, num_classes: int, norm: str, dtype: torch.dtype) -> None:
        super().__init__()
        self.norm = norm
        self.linear = nn.Linear(num_features, num_classes, dtype=dtype)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def classify(self, features: FrozenFeatures) -> Tensor:
        """Return logits ``(B, C)``, in float32 at least."""
        parts = self.parts(features)  # (B, E) each
        with no_autocast(parts[0]):
            normed = [normalize_features(x, self.norm) for x in full_precision(*parts)]
            return self.linear(torch.cat(normed, dim=1))  # (B, C)

    def maps_reason(self) -> str:
        """Return why there are no maps."""
        return "a linear classifier reads one vector of the whole image and no text"

    def parts(self, features: FrozenFeatures) -> Sequence[Tensor]:
        """Return the vectors to classify, ``(B, E)`` each; each is normalised by itself."""
        raise NotImplementedError


class LinearProbeNetwork(_LinearHead):
    """Logistic regression on frozen features (linear probe, Radford et al. 2021, section 3.2).

    Args:
        clip: a CLIP.
        num_classes: C.
        features: ``global``, ``mean`` or ``concat``, see :class:`FrozenEncoder`.
        norm: see :func:`normalize_features`.
    """

    def __init__(
        self,
        clip: open_clip.CLIP,
        num_classes: int,
        *,
        features: str = "global",
        norm: str = "standard",
    ) -> None:
        encoder = FrozenEncoder(clip.visual, features)
        num_features = len(encoder.feature_names()) * encoder.embed_dim
        super().__init__(num_features, num_classes, norm, clip.text_projection.dtype)
        self.encoder = encoder

    def parts(self, features: PooledFeatures) -> Sequence[Tensor]:
        """Return the frozen vectors unchanged."""
        return features.tensors

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the one group, ``linear``."""
        return {"linear": trainable(self.linear)}


class FineTuneNetwork(_LinearHead):
    """A linear classifier on the mean of the dense map; the last layers of CLIP learn with it.

    Args:
        clip: a CLIP; it is copied where its layers change.
        num_classes: C.
        layers: trainable stages of a ResNet, the last ones.
        num_blocks: number of trainable blocks of a ViT, the last ones.
        dense_form: dense form of a ViT's last block, ``value`` or ``residual``.
        norm: see :func:`normalize_features`.
    """

    def __init__(
        self,
        clip: open_clip.CLIP,
        num_classes: int,
        *,
        layers: Sequence[str] = ("layer3", "layer4"),
        num_blocks: int = 1,
        dense_form: str = "value",
        norm: str = "standard",
    ) -> None:
        encoder = build_encoder(
            clip.visual,
            semantic_layers=layers,
            num_semantic_blocks=num_blocks,
            dense_form=dense_form,
            branches="semantic",
        )
        super().__init__(encoder.embed_dim, num_classes, norm, clip.text_projection.dtype)
        self.encoder = encoder

    def parts(self, features: BranchFeatures) -> Sequence[Tensor]:
        """Return the mean of the dense map over locations, ``(B, E)``."""
        dense = self.encoder.maps(features).semantic  # (B, E, h, w)
        return [dense.mean(dim=(2, 3))]

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the groups ``semantic``, the trainable layers, and ``linear``."""
        return {"semantic": trainable(self.encoder.semantic), "linear": trainable(self.linear)}
