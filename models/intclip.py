"""IntCLIP (Yang, Ye, Tao, ECCV 2024): composition of encoder, aggregation, prompts and region pooling."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import open_clip
import torch
from torch import Tensor, nn

from core.labels import POSITIVE
from models.aggregation import build_aggregation
from models.base import ClipNetwork, FrozenFeatures, assert_partition
from models.image.branches import build_encoder
from models.precision import full_precision
from models.region_pooling import region_logits
from models.text.encoder import TextEncoder
from models.text.prompts import PromptLearner


class IntCLIP(ClipNetwork):
    """Images to pairs of logits per class; learns prompts, the semantic branch and the aggregation, nothing else.

    Without a semantic branch (``aggregation="sight"``) it is :class:`models.dualcoop.DualCoOp`.
    """

    def __init__(
        self,
        clip: open_clip.CLIP,
        class_texts: Sequence[str],
        *,
        semantic_layers: Sequence[str] = ("layer3", "layer4"),
        num_semantic_blocks: int = 1,
        dense_form: str = "value",
        aggregation: str = "sight_assisted",
        attention_from: str = "semantic",
        num_ctx_pos: int = 16,
        num_ctx_neg: int = 16,
        class_specific: bool = True,
        init_pos: str = "",
        init_neg: str = "",
        logit_scale: float = 20.0,
        pool_weight: float = 5.0,
        text_chunk_size: int = 0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.logit_scale, self.pool_weight, self.text_chunk_size = (
            logit_scale,
            pool_weight,
            text_chunk_size,
        )
        self.prompts = PromptLearner(
            clip,
            class_texts,
            num_ctx_pos=num_ctx_pos,
            num_ctx_neg=num_ctx_neg,
            class_specific=class_specific,
            init_pos=init_pos,
            init_neg=init_neg,
            generator=generator,
        )
        self.text_encoder = TextEncoder(clip)
        embed_dim = clip.text_projection.shape[1]
        self.aggregation = build_aggregation(aggregation, embed_dim, attention_from, generator)
        self.aggregation.to(clip.text_projection.dtype)
        self.encoder = build_encoder(
            clip.visual,
            semantic_layers=semantic_layers,
            num_semantic_blocks=num_semantic_blocks,
            dense_form=dense_form,
            branches=self.aggregation.branches,
        )
        self._text_cache: tuple[tuple, tuple[Tensor, Tensor]] | None = None
        self._text_held: tuple[Tensor, Tensor] | None = None
        self.parameter_groups()  # asserts that the partition is complete

    def frozen_features(self, images: Tensor) -> FrozenFeatures:
        """Return the shared layers' output and the sight map of images ``(B, 3, H, W)``, each where it is needed."""
        return FrozenFeatures(self.encoder.frozen_features(images), tuple(images.shape[2:]))

    def classify(self, features: FrozenFeatures) -> Tensor:
        """Return logits ``(B, 2, C)``; planes NEGATIVE and POSITIVE."""
        fused = self.aggregation(*self.encoder.maps(*features))  # (B, E, h, w)
        pos, neg = self.text_features()  # (C, E) each
        return region_logits(
            fused, pos, neg, scale=self.logit_scale, weight=self.pool_weight
        )  # (B, 2, C)

    def text_features(self) -> tuple[Tensor, Tensor]:
        """Return positive and negative text features, each ``(C, E)``.

        In eval mode without gradients they are computed once and kept until the contexts change, move, or training
        goes on.
        """
        if self._text_held is not None:
            return self._text_held
        if self.training or torch.is_grad_enabled():
            return self._encode_text()
        key = self._text_key()
        if self._text_cache is None or self._text_cache[0] != key:
            self._text_cache = (key, self._encode_text())
        return self._text_cache[1]

    @contextmanager
    def text_once(self) -> Iterator[None]:
        """Encode the texts once; at the end the gradients of all backward passes inside go on to the contexts, once."""
        text = self._encode_text()  # (C, E) each
        self._text_held = tuple(
            t.detach().requires_grad_(t.requires_grad) for t in map(_at_least_float32, text)
        )
        held = self._text_held
        try:
            yield
        finally:
            self._text_held = None
        if all(h.grad is not None for h in held):
            torch.autograd.backward(
                text, [h.grad.to(t.dtype) for h, t in zip(held, text, strict=True)]
            )

    def _encode_text(self) -> tuple[Tensor, Tensor]:
        pos, neg = self.text_encoder(self.prompts(), self.text_chunk_size).chunk(2)  # (C, E) each
        return pos, neg

    def _text_key(self) -> tuple:
        """Return what changes whenever a context is written to or moved, or the precision changes."""
        contexts = (self.prompts.ctx_pos, self.prompts.ctx_neg)
        kind = contexts[0].device.type
        state = tuple((c.data_ptr(), c._version, str(c.device), c.dtype) for c in contexts)
        precision = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
        return (*state, precision)

    def train(self, mode: bool = True) -> "IntCLIP":
        """Set the mode; frozen parts and BatchNorm stay in eval mode, and training forgets the text features."""
        if mode:
            self._text_cache = None
        return super().train(mode)

    def load_state_dict(
        self, state_dict: Mapping[str, Tensor], strict: bool = True, assign: bool = False
    ) -> object:
        """Load as any module does, and forget the text features."""
        self._text_cache = None
        return super().load_state_dict(state_dict, strict=strict, assign=assign)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the learnt parameters by name of group; a group that this composition does not learn is empty."""
        semantic = self.encoder.semantic
        groups = {
            "prompts": list(self.prompts.parameters()),
            "semantic": list(semantic.parameters()) if semantic is not None else [],
            "aggregation": list(self.aggregation.parameters()),
        }
        assert_partition(self.parameters(), groups)
        return groups

    def feature_kind(self) -> str:
        """Return the encoder and its branches."""
        return f"{super().feature_kind()} {self.encoder.branches}"

    @staticmethod
    def scores(logits: Tensor) -> Tensor:
        """Return each class's probability ``(B, C)``: the softmax over the pair of logits ``(B, 2, C)``."""
        return _at_least_float32(logits).softmax(dim=1)[:, POSITIVE]


def _at_least_float32(tensor: Tensor) -> Tensor:
    return full_precision(tensor)[0]
