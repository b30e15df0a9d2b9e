"""Base of all networks: parameter groups, the state of a checkpoint, frozen features, scores.

Letters: B images, C classes, H x W pixels.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields, replace

from torch import Tensor, nn

from core.errors import UserError, first_names
from models.precision import full_precision
from models.region_maps import RegionMaps

# Names of parameters in checkpoints of earlier versions, and their names today.
RENAMED = {
    "prompts.ctx_pos": "text.prompts.ctx_pos",
    "prompts.ctx_neg": "text.prompts.ctx_neg",
    "prompts.pos": "text.positive",
    "prompts.neg": "text.negative",
}


@dataclass(frozen=True)
class FrozenFeatures:
    """Output of the frozen part of a network for B images; the same in every epoch.

    A subclass declares its tensors, each ``(B, ...)`` or None where a network does not need it.

    Attributes:
        image_size: height and width of the images in pixels.
    """

    image_size: tuple[int, int]

    def named_tensors(self) -> dict[str, Tensor]:
        """Return the tensors that are not None by name, in the order of declaration."""
        named = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                named[field.name] = value
        return named

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The tensors without names; :meth:`ClipNetwork.restore_features` is the way back."""
        return tuple(self.named_tensors().values())

    def map(self, function: Callable[[Tensor], Tensor]) -> "FrozenFeatures":
        """Return a copy with ``function`` applied to each tensor."""
        changed = {name: function(value) for name, value in self.named_tensors().items()}
        return replace(self, **changed)

    def split(self, size: int) -> list["FrozenFeatures"]:
        """Return the features in parts of ``size`` images, as ``Tensor.split`` does."""
        names = self.named_tensors().keys()
        parts = []
        for piece in zip(*(tensor.split(size) for tensor in self.tensors), strict=True):
            parts.append(replace(self, **dict(zip(names, piece, strict=True))))
        return parts


class ImageEncoder(nn.Module):
    """Contract of a network's image encoder: images to frozen features.

    Attributes:
        features_class: the :class:`FrozenFeatures` that it gives.
        embed_dim: E, the width of the joint space.
    """

    features_class: type[FrozenFeatures]
    embed_dim: int

    def frozen_features(self, images: Tensor) -> FrozenFeatures:
        """Return the frozen features of images ``(B, 3, H, W)``, without gradient."""
        raise NotImplementedError

    def feature_names(self) -> tuple[str, ...]:
        """Return the names of the tensors that :meth:`frozen_features` gives, in order."""
        raise NotImplementedError

    def feature_cache_key_part(self) -> str:
        """Return an identifier for the feature cache key.

        Two encoders over the same CLIP with the same identifier give the same frozen features.
        """
        raise NotImplementedError


class ClipNetwork(nn.Module):
    """Images ``(B, 3, H, W)`` to logits over a frozen CLIP; a subclass says which layers learn.

    A subclass sets ``encoder`` and implements :meth:`classify` and :meth:`parameter_groups`.
    """

    encoder: ImageEncoder

    def forward(self, inputs: Tensor | FrozenFeatures) -> Tensor:
        """Return the logits of images, or of the result of :meth:`frozen_features` for them."""
        if not isinstance(inputs, FrozenFeatures):
            inputs = self.frozen_features(inputs)
        return self.classify(inputs)

    def classify(self, features: FrozenFeatures) -> Tensor:
        """Return the logits ``(B, C)`` or ``(B, 2, C)``."""
        raise NotImplementedError

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the trainable parameters by name of group: each exactly once, no frozen one.

        :func:`learnable_groups` checks this before training.
        """
        raise NotImplementedError

    # Frozen features

    def frozen_features(self, images: Tensor) -> FrozenFeatures:
        """Return the features of images ``(B, 3, H, W)`` that no epoch changes."""
        return self.encoder.frozen_features(images)

    def restore_features(
        self, tensors: Sequence[Tensor], image_size: tuple[int, int]
    ) -> FrozenFeatures:
        """Return the frozen features whose ``tensors`` are given, e.g. read from the cache."""
        named = dict(zip(self.encoder.feature_names(), tensors, strict=True))
        return self.encoder.features_class(image_size=image_size, **named)

    def feature_cache_key_part(self) -> str:
        """Return an identifier for the feature cache key."""
        return self.encoder.feature_cache_key_part()

    # Maps

    def maps_reason(self) -> str:
        """Return why the network has no :meth:`region_maps`; empty: it has."""
        return "it compares no locations of the image with texts"

    def region_maps(self, features: FrozenFeatures) -> RegionMaps:
        """Return the scores of all locations; only where :meth:`maps_reason` is empty."""
        raise NotImplementedError

    # Text

    def shared_text(self) -> AbstractContextManager:
        """Return a context in which all forward and backward passes share one text encoding.

        See :meth:`models.text.features.TextComponent.shared`. A network without text does nothing.
        """
        return nullcontext()

    # Speed: values, names and gradients stay the same

    def channels_last(self) -> bool:
        """Store images and convolution weights with channels last; return whether a part can."""
        done = [part.channels_last() for part in self._parts_with("channels_last")]
        return any(done)

    def recompute(self) -> bool:
        """Recompute the trainable layers' activations in the backward pass instead of storing them.

        Return whether a part can.
        """
        done = [part.recompute() for part in self._parts_with("recompute")]
        return any(done)

    def compile_parts(self, parts: Sequence[str], backend: str = "inductor") -> set[str]:
        """Compile ``parts`` (of ``trunk``, ``semantic``, ``text``) with ``torch.compile``.

        Return the names of the parts that this network has and compiled.
        """
        compiled: set[str] = set()
        for part in self._parts_with("compile_parts"):
            compiled |= part.compile_parts(parts, backend)
        return compiled

    def _parts_with(self, method: str) -> list[nn.Module]:
        return [part for part in self.children() if hasattr(part, method)]

    # Checkpoints

    def trainable_state_dict(self) -> dict[str, Tensor]:
        """Return the trainable parameters by name: what a checkpoint needs beside the backbone."""
        return {name: p.detach() for name, p in self.named_parameters() if p.requires_grad}

    def load_trainable_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Load the result of :meth:`trainable_state_dict`, also with names of earlier versions.

        Raises:
            UserError: a parameter is missing, unknown or of another shape.
        """
        state = {RENAMED.get(name, name): value for name, value in state.items()}
        faults = _faults(state, self.trainable_state_dict())
        if faults:
            raise UserError(
                f"the checkpoint does not fit this model, {len(faults)} faults: "
                f"{'; '.join(faults[:5])}"
            )
        self.load_state_dict(state, strict=False)

    @staticmethod
    def scores(logits: Tensor) -> Tensor:
        """Return each class's probability ``(B, C)``: the sigmoid of logits ``(B, C)``."""
        return full_precision(logits)[0].sigmoid()


def _faults(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
    """Return what of ``state`` does not fit the parameters ``wanted``."""
    faults = []
    for key, value in wanted.items():
        if key not in state:
            faults.append(f"missing {key}")
        elif state[key].shape != value.shape:
            faults.append(f"{key} is {tuple(state[key].shape)}, not {tuple(value.shape)}")
    faults += [f"unexpected {key}" for key in state if key not in wanted]
    return faults


def trainable(module: nn.Module | None) -> list[nn.Parameter]:
    """Return the trainable parameters of ``module`` in order; none where there is no module."""
    if module is None:
        return []
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def learnable_groups(network: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Return ``network.parameter_groups()``, checked: a forgotten layer would stay untrained.

    Raises:
        UserError: a trainable parameter is in no group or in two, or a group holds a frozen one or
            one of another module; the error names them. Or the groups are no dict by name.
    """
    given = network.parameter_groups()
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise UserError(
            f"parameter_groups() of {type(network).__name__} returned a {type(given).__name__}; "
            'expected lists of parameters by name of the group, such as {"mlp": [...]}'
        )
    groups = {name: list(group) for name, group in given.items()}
    grouped = [parameter for group in groups.values() for parameter in group]
    counts = Counter(map(id, grouped))
    learnable = {id(p): name for name, p in network.named_parameters() if p.requires_grad}
    names = {id(p): name for name, p in network.named_parameters()}
    others = [p for p in grouped if id(p) not in learnable]
    faults = {
        "missing": [name for key, name in learnable.items() if key not in counts],
        "more than once": [name for key, name in learnable.items() if counts[key] > 1],
        "frozen": [names[id(p)] for p in others if id(p) in names],
        "of another module": [str(tuple(p.shape)) for p in others if id(p) not in names],
    }
    said = [f"{fault}: {first_names(found)}" for fault, found in faults.items() if found]
    if said:
        raise UserError(
            f"parameter_groups() of {type(network).__name__} does not fit the network ("
            f"{'; '.join(said)}); expected each parameter with requires_grad True exactly once"
        )
    return groups
