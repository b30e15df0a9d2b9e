"""Sight and semantic branches over one CLIP image encoder: the part that all families share.

Letters: B images, D channels of the encoder, E of the joint space, h x w locations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from core.errors import UserError, not_accepted
from models.base import FrozenFeatures, ImageEncoder

BRANCHES = ("both", "sight", "semantic")
DENSE_FORMS = ("value", "residual")


@dataclass(frozen=True)
class BranchSettings:
    """Settings of both branches; a family reads those that apply to it.

    Attributes:
        semantic_layers: trainable stages of a ResNet, the last ones.
        num_semantic_blocks: number of trainable blocks of a ViT, the last ones.
        dense_form: last block of a ViT: its value path, or with residual and MLP.
        branches: the branches that are built: both, sight or semantic.
        with_global: whether each branch also gives one global vector per image.
    """

    semantic_layers: Sequence[str] = ("layer3", "layer4")
    num_semantic_blocks: int = 2
    dense_form: str = "value"
    branches: str = "both"
    with_global: bool = False

    def check(self) -> None:
        """Raise :class:`UserError` for an unknown choice."""
        if self.branches not in BRANCHES:
            raise UserError(not_accepted("branches", self.branches, BRANCHES))
        if self.dense_form not in DENSE_FORMS:
            raise UserError(not_accepted("dense_form", self.dense_form, DENSE_FORMS))


@dataclass(frozen=True)
class BranchFeatures(FrozenFeatures):
    """Frozen features of both branches.

    Attributes:
        shared: output of the layers before the branches; None without a semantic branch.
        sight: dense map ``(B, E, h, w)`` of the sight branch; None without one.
        sight_global: global vector ``(B, E)`` of the sight branch; None where nothing reads it.
    """

    shared: Tensor | None = None
    sight: Tensor | None = None
    sight_global: Tensor | None = None


class BranchMaps(NamedTuple):
    """Dense maps ``(B, E, h, w)`` and global vectors ``(B, E)``; None where not built."""

    sight: Tensor | None
    semantic: Tensor | None
    sight_global: Tensor | None = None
    semantic_global: Tensor | None = None


class SightSemantic(ImageEncoder):
    """A frozen trunk, a frozen ``sight`` tail and a trainable ``semantic`` tail.

    The base of all backbone families; :mod:`models.image.families` states what a family adds.
    Only ``semantic`` is trainable. All parts stay in eval mode, so BatchNorm keeps its statistics.
    """

    features_class = BranchFeatures

    def __init__(self, settings: BranchSettings) -> None:
        super().__init__()
        settings.check()
        self.settings = settings
        self.sight: nn.Module | None = None
        self.semantic: nn.Module | None = None
        self._recomputes = False
        self._channels_last = False

    # A family implements these

    @staticmethod
    def build_global_pool(visual: nn.Module) -> nn.Module:
        """Return a module that maps trunk and tail outputs to CLIP's own embedding ``(B, E)``.

        It is used with only the last layer or block in the tail.
        """
        raise NotImplementedError

    def run_trunk(self, images: Tensor) -> Tensor:
        """Return the output of the shared layers for images ``(B, 3, H, W)``."""
        raise NotImplementedError

    def read(self, x: Tensor, size: Sequence[int]) -> Tensor:
        """Return the map ``(B, E, h, w)`` from a tail's output for images of ``size`` (H, W)."""
        raise NotImplementedError

    def read_global(self, x: Tensor) -> Tensor:
        """Return one global vector ``(B, E)`` from a tail's output, in the form of the map."""
        raise NotImplementedError

    def cell_size(self, image_size: tuple[int, int], grid: tuple[int, int]) -> tuple[float, float]:
        """Return height and width in pixels of the part of an image that a location stands for.

        Args:
            image_size: height and width of the images.
            grid: number of locations, (h, w). They divide the image evenly unless a family says
                otherwise.
        """
        return image_size[0] / grid[0], image_size[1] / grid[1]

    def semantic_blocks(self) -> list[nn.Module]:
        """Return the trainable blocks in order."""
        return list(self.semantic)

    def run_block(self, block: nn.Module, x: Tensor) -> Tensor:
        """Return the output of one trainable block."""
        return block(x)

    def split_point(self) -> str:
        """Return a text that tells where the semantic branch starts."""
        raise NotImplementedError

    # All families share the rest

    def _freeze(self) -> None:
        self.requires_grad_(False)
        if self.semantic is not None:
            self.semantic.requires_grad_(True)
        self.train()

    def train(self, mode: bool = True) -> "SightSemantic":
        """Set the flag of this module only: everything inside stays in eval mode."""
        super().train(False)
        self.training = mode
        return self

    def forward(self, images: Tensor) -> BranchMaps:
        """Return the maps of images ``(B, 3, H, W)``."""
        return self.maps(self.frozen_features(images))

    @torch.no_grad()
    def frozen_features(self, images: Tensor) -> BranchFeatures:
        """Return the shared output where the semantic branch needs it, and the sight output."""
        size = (images.shape[2], images.shape[3])
        trunk = self.run_trunk(images)
        shared = None if self.semantic is None else trunk
        if self.sight is None:
            return BranchFeatures(size, shared)
        tail = self.sight(trunk)
        # One memory layout, cached or not: sums in another order differ in rounding.
        sight = self.read(tail, size).contiguous()  # (B, E, h, w)
        sight_global = self.read_global(tail) if self.settings.with_global else None  # (B, E)
        return BranchFeatures(size, shared, sight, sight_global)

    def feature_names(self) -> tuple[str, ...]:
        """Return the names of the tensors of :meth:`frozen_features`."""
        names = []
        if self.semantic is not None:
            names.append("shared")
        if self.sight is not None:
            names.append("sight")
            if self.settings.with_global:
                names.append("sight_global")
        return tuple(names)

    def feature_cache_key_part(self) -> str:
        """Return family, branches, dense form and the names of the tensors.

        The start of the semantic branch counts only where its input is a feature.
        """
        parts = [type(self).__name__, self.settings.branches, self.settings.dense_form]
        if self.semantic is not None:
            parts.append(self.split_point())
        return " ".join([*parts, *self.feature_names()])

    def maps(self, features: BranchFeatures) -> BranchMaps:
        """Return the maps of both branches from the frozen features."""
        if self.semantic is None:
            return BranchMaps(features.sight, None, features.sight_global)
        tail = self.run_semantic(features.shared)
        semantic = self.read(tail, features.image_size)  # (B, E, h, w)
        semantic_global = self.read_global(tail) if self.settings.with_global else None  # (B, E)
        return BranchMaps(features.sight, semantic, features.sight_global, semantic_global)

    def run_semantic(self, x: Tensor) -> Tensor:
        """Return the output of the semantic tail from the output of the trunk."""
        if self._channels_last and x.dim() == 4:  # cached features have the layout of the file
            x = x.contiguous(memory_format=torch.channels_last)
        recomputes = self._recomputes and torch.is_grad_enabled()
        for block in self.semantic_blocks():
            if recomputes:
                x = checkpoint(self.run_block, block, x, use_reentrant=False)
            else:
                x = self.run_block(block, x)
        return x

    # Speed

    def channels_last(self) -> bool:
        """Store weights with channels last, so that convolutions need no copies."""
        self._channels_last = True
        self.to(memory_format=torch.channels_last)
        return True

    def recompute(self) -> bool:
        """Store only each trainable block's input; return False where no block is trainable."""
        self._recomputes = self.semantic is not None
        return self._recomputes

    def compile_parts(self, parts: Sequence[str], backend: str = "inductor") -> set[str]:
        """Compile ``trunk`` (with the sight tail) and ``semantic``; return those it has."""
        compiled = set()
        if "trunk" in parts:
            self.run_trunk = torch.compile(self.run_trunk, backend=backend)
            if self.sight is not None:
                self.sight.compile(backend=backend)
            compiled.add("trunk")
        if "semantic" in parts and self.semantic is not None:
            self.run_semantic = torch.compile(self.run_semantic, backend=backend)
            compiled.add("semantic")
        return compiled


def resize_grid(grid: Tensor, size: tuple[int, int]) -> Tensor:
    """Return ``grid (1, D, gh, gw)`` resized bicubically to ``(1, D, *size)``.

    The grid itself is returned when it already has that size.
    """
    if tuple(grid.shape[2:]) == tuple(size):
        return grid
    return F.interpolate(grid, size=size, mode="bicubic", align_corners=False, antialias=False)


def frozen(tensor: Tensor) -> nn.Parameter:
    """Return a copy of ``tensor`` as a parameter that does not learn."""
    return nn.Parameter(tensor.detach().clone(), requires_grad=False)
