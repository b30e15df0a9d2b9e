"""What every network of a trainer has: named parameter groups, a state of what is learnt, scores."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from torch import Tensor, nn

from core.errors import UserError
from models.precision import full_precision


class FrozenFeatures(NamedTuple):
    """What the frozen part of a network makes of B images of ``image_size`` (H, W); each tensor is ``(B, ...)``."""

    tensors: tuple[Tensor, ...]
    image_size: tuple[int, int]


class ClipNetwork(nn.Module):
    """Images ``(B, 3, H, W)`` to logits, over a CLIP that is frozen but for what a subclass puts in its groups.

    A subclass has its image encoder at ``encoder`` and gives ``frozen_features`` and ``classify``.
    """

    encoder: nn.Module

    def forward(self, inputs: Tensor | FrozenFeatures) -> Tensor:
        """Return the logits of images, or of what :meth:`frozen_features` made of them before."""
        return self.classify(
            inputs if isinstance(inputs, FrozenFeatures) else self.frozen_features(inputs)
        )

    def frozen_features(self, images: Tensor) -> FrozenFeatures:
        """Return all that is the same in every epoch for images ``(B, 3, H, W)``, without gradient."""
        raise NotImplementedError

    def classify(self, features: FrozenFeatures) -> Tensor:
        """Return the logits ``(B, C)`` or ``(B, 2, C)``."""
        raise NotImplementedError

    def text_once(self) -> AbstractContextManager:
        """Return a context in which several forward and backward passes share what is the same for all images."""
        return nullcontext()

    def feature_kind(self) -> str:
        """Return what tells these frozen features from others of the same weights."""
        return type(self.encoder).__name__

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the learnt parameters by name of group: each exactly once, no frozen one."""
        raise NotImplementedError

    def trainable_state_dict(self) -> dict[str, Tensor]:
        """Return the learnt parameters alone, by name: all that a checkpoint needs beside the backbone."""
        return {name: p.detach() for name, p in self.named_parameters() if p.requires_grad}

    def load_trainable_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Load what :meth:`trainable_state_dict` returned; anything missing, unknown or mis-shaped is an error."""
        wanted = self.trainable_state_dict()
        faults = [f"missing {key}" for key in wanted if key not in state]
        faults += [f"unexpected {key}" for key in state if key not in wanted]
        faults += [
            f"{key} is {tuple(state[key].shape)}, not {tuple(value.shape)}"
            for key, value in wanted.items()
            if key in state and state[key].shape != value.shape
        ]
        if faults:
            raise UserError(
                f"the checkpoint does not fit this model, {len(faults)} faults: {'; '.join(faults[:5])}"
            )
        self.load_state_dict(state, strict=False)

    @staticmethod
    def scores(logits: Tensor) -> Tensor:
        """Return each class's probability ``(B, C)``: the sigmoid of logits ``(B, C)``."""
        return full_precision(logits)[0].sigmoid()


def assert_partition(
    parameters: Iterable[nn.Parameter], groups: Mapping[str, list[nn.Parameter]]
) -> None:
    """Assert that ``groups`` hold every trainable parameter exactly once and no frozen one."""
    grouped = [id(parameter) for group in groups.values() for parameter in group]
    trainable = {id(parameter) for parameter in parameters if parameter.requires_grad}
    assert len(grouped) == len(set(grouped)), "a parameter is in two groups"
    assert set(grouped) == trainable, "groups and trainable parameters differ"
