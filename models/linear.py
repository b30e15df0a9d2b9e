"""Linear classifiers over CLIP's image encoder: on frozen features, and with learnable deep layers."""

from collections.abc import Sequence

import open_clip
import torch
from torch import Tensor, nn

from models.base import ClipNetwork, FrozenFeatures, assert_partition
from models.image.branches import build_encoder
from models.image.features import FrozenEncoder, normalize_features
from models.precision import full_precision, no_autocast


class _LinearHead(ClipNetwork):
    """Features, a norm, and one logistic regression per class, which starts at zero: all probabilities are 1/2."""

    def __init__(self, num_features: int, num_classes: int, norm: str, dtype: torch.dtype) -> None:
        super().__init__()
        self.norm = norm
        self.linear = nn.Linear(num_features, num_classes, dtype=dtype)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def classify(self, features: FrozenFeatures) -> Tensor:
        """Return logits ``(B, C)``, in fp32."""
        parts = self.parts(features)  # (B, E) each
        with no_autocast(parts[0]):
            normed = [normalize_features(x, self.norm) for x in full_precision(*parts)]
            return self.linear(torch.cat(normed, dim=1))  # (B, C)

    def parts(self, features: FrozenFeatures) -> Sequence[Tensor]:
        """Return what is classified, ``(B, E)`` each; each is normalised by itself."""
        raise NotImplementedError


class LinearProbe(_LinearHead):
    """Logistic regression on frozen features (the linear probe of Radford et al. 2021, section 3.2)."""

    def __init__(
        self,
        clip: open_clip.CLIP,
        num_classes: int,
        *,
        features: str = "global",
        norm: str = "standard",
    ) -> None:
        encoder = FrozenEncoder(clip.visual, features)
        super().__init__(
            encoder.num_parts * encoder.embed_dim, num_classes, norm, clip.text_projection.dtype
        )
        self.encoder, self.features = encoder, features
        self.parameter_groups()  # asserts that the partition is complete

    def frozen_features(self, images: Tensor) -> FrozenFeatures:
        """Return the frozen features, ``(B, E)`` each."""
        return FrozenFeatures(tuple(self.encoder(images)), tuple(images.shape[2:]))

    def parts(self, features: FrozenFeatures) -> Sequence[Tensor]:
        """Return the frozen features as they are."""
        return features.tensors

    def feature_kind(self) -> str:
        """Return the encoder and which of its features."""
        return f"{super().feature_kind()} {self.features}"

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the one group, ``linear``."""
        groups = {"linear": list(self.linear.parameters())}
        assert_partition(self.parameters(), groups)
        return groups


class FineTune(_LinearHead):
    """The last layers of one branch learn, with a linear classifier on the mean of the dense map."""

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
        self.parameter_groups()  # asserts that the partition is complete

    def frozen_features(self, images: Tensor) -> FrozenFeatures:
        """Return the shared layers' output."""
        return FrozenFeatures(self.encoder.frozen_features(images), tuple(images.shape[2:]))

    def parts(self, features: FrozenFeatures) -> Sequence[Tensor]:
        """Return the mean of the dense map over locations, ``(B, E)``."""
        _, dense = self.encoder.maps(*features)  # (B, E, h, w)
        return [dense.mean(dim=(2, 3))]

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the groups ``semantic``, the learnable layers, and ``linear``."""
        groups = {
            "semantic": list(self.encoder.semantic.parameters()),
            "linear": list(self.linear.parameters()),
        }
        assert_partition(self.parameters(), groups)
        return groups
