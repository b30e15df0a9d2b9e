"""Sight and semantic branches over one CLIP image encoder.

Letters: B images, D channels of the encoder, E of the joint space, h x w locations, N = h * w, P a patch's side.
"""

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from open_clip.modified_resnet import AttentionPool2d, ModifiedResNet
from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from core.errors import UserError, not_accepted
from models.image.folding import bottleneck, folded

LAYERS = ("layer1", "layer2", "layer3", "layer4")
BRANCHES = ("both", "sight", "semantic")
DENSE_FORMS = ("value", "residual")

Maps = tuple[Tensor | None, Tensor | None]


def resize_grid(grid: Tensor, size: tuple[int, int]) -> Tensor:
    """Return ``grid (1, D, gh, gw)`` resized bicubically to ``(1, D, *size)``; as it is when the size is the same."""
    if tuple(grid.shape[2:]) == tuple(size):
        return grid
    return F.interpolate(grid, size=size, mode="bicubic", align_corners=False, antialias=False)


class DensePool(nn.Module):
    """CLIP's attention pool without query and key: ``c_proj(v_proj(x + position))`` for every location.

    Both projections and the positional embedding act on each location alone and linearly, and bicubic resizing acts on
    each channel alone, so they are one 1x1 convolution and one projected positional map; MaskCLIP (Zhou et al. 2022,
    section 3.2) for the value path. The pool's mean token is not part of the map and is never made.
    """

    def __init__(self, pool: AttentionPool2d) -> None:
        super().__init__()
        value, out = pool.v_proj, pool.c_proj
        with torch.no_grad():
            weight = out.weight.double() @ value.weight.double()  # (E, D)
            bias = out.weight.double() @ value.bias.double() + out.bias.double()  # (E,)
            position = pool.positional_embedding[1:].double() @ weight.T  # (N, E)
        side = round(position.shape[0] ** 0.5)
        dtype = out.weight.dtype  # the products are taken in float64, whatever the weights are
        self.weight = _frozen(weight[:, :, None, None].to(dtype))  # (E, D, 1, 1)
        self.bias = _frozen(bias.to(dtype))
        self.position = _frozen(
            position.T.reshape(1, -1, side, side).to(dtype)
        )  # (1, E, side, side)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, E, h, w)`` from ``(B, D, h, w)``."""
        position = resize_grid(self.position, x.shape[2:])  # (1, E, h, w)
        return F.conv2d(x, self.weight, self.bias) + position  # (B, E, h, w)


class SightSemantic(nn.Module):
    """A frozen trunk, a frozen ``sight`` tail, a learnt ``semantic`` tail: subclasses say how to run and to read them.

    Nothing but ``semantic`` is trainable. All parts stay in eval mode, so BatchNorm keeps its statistics.
    """

    def __init__(self, branches: str) -> None:
        super().__init__()
        if branches not in BRANCHES:
            raise UserError(not_accepted("branches", branches, BRANCHES))
        self.branches = branches
        self.sight: nn.Module | None = None
        self.semantic: nn.Module | None = None
        self.recompute = False  # keep only each learnt block's input for the backward pass, which runs the block again
        self.channels_last = False

    def _freeze(self) -> None:
        self.requires_grad_(False)
        if self.semantic is not None:
            self.semantic.requires_grad_(True)
        self.train()

    def train(self, mode: bool = True) -> "SightSemantic":
        """Set the flag of this module alone: everything inside stays in eval mode."""
        super().train(False)
        self.training = mode
        return self

    def use_channels_last(self) -> None:
        """Keep the channels of a location together in memory: what convolutions work on without copying."""
        self.channels_last = True
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Maps:
        """Return (sight, semantic), each ``(B, E, h, w)`` or None where ``branches`` leaves it out."""
        return self.maps(self.frozen_features(images), images.shape[2:])

    @torch.no_grad()
    def frozen_features(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return what does not learn: the shared layers' output where the semantic branch needs it, the sight map."""
        shared = self.run_trunk(images)
        features = () if self.semantic is None else (shared,)
        if self.sight is not None:
            sight = self.read(self.sight(shared), images.shape[2:])  # (B, E, h, w)
            features += (
                sight.contiguous(),
            )  # in one layout, cached or not: sums in another order differ in rounding
        return features

    def maps(self, features: tuple[Tensor, ...], size: Sequence[int]) -> Maps:
        """Return (sight, semantic) from the frozen features of images of ``size`` (H, W)."""
        sight = features[-1] if self.sight is not None else None  # (B, E, h, w)
        if self.semantic is None:
            return sight, None
        return sight, self.read(self.run_semantic(features[0]), size)  # (B, E, h, w)

    def run_semantic(self, x: Tensor) -> Tensor:
        """Return the semantic tail's output from the trunk's."""
        if self.channels_last and x.dim() == 4:  # cached features come as they lie on the disk
            x = x.contiguous(memory_format=torch.channels_last)
        for block in self.semantic_blocks():
            if self.recompute and torch.is_grad_enabled():
                x = checkpoint(self.run_block, block, x, use_reentrant=False)
            else:
                x = self.run_block(block, x)
        return x

    def semantic_blocks(self) -> list[nn.Module]:
        """Return the learnt blocks in order."""
        return list(self.semantic)

    def run_block(self, block: nn.Module, x: Tensor) -> Tensor:
        """Return the output of one learnt block."""
        return block(x)

    def run_trunk(self, images: Tensor) -> Tensor:
        """Return the features that both tails start from."""
        raise NotImplementedError

    def read(self, x: Tensor, size: Sequence[int]) -> Tensor:
        """Return the map ``(B, E, h, w)`` from a tail's output on images of ``size`` (H, W)."""
        raise NotImplementedError


class SightSemanticResNet(SightSemantic):
    """Both branches of a CLIP ResNet: shared layers once, ``semantic_layers`` twice, one frozen dense pool.

    All convolutions run with their BatchNorm folded in, the frozen ones once and for all, the learnt ones in every
    step; that changes nothing but rounding.
    """

    def __init__(
        self,
        visual: ModifiedResNet,
        *,
        semantic_layers: Sequence[str] = ("layer3", "layer4"),
        branches: str = "both",
    ) -> None:
        super().__init__(branches)
        names = tuple(semantic_layers)
        if not names or names != LAYERS[-len(names) :]:
            accepted = "; ".join(", ".join(LAYERS[-n:]) for n in (1, 2, 3, 4))
            raise UserError(
                f"the learnable layers are '{', '.join(names)}'; accepted, the last ones: {accepted}"
            )
        tail = nn.Sequential(*(getattr(visual, name) for name in names))
        shared = (getattr(visual, name) for name in LAYERS[: -len(names)])
        self.trunk = folded(nn.Sequential(*_stem(visual), *shared))
        self.sight = folded(tail) if branches != "semantic" else None
        self.semantic = copy.deepcopy(tail) if branches != "sight" else None
        self.pool = DensePool(visual.attnpool)
        self.embed_dim: int = visual.output_dim
        self._freeze()

    def run_trunk(self, images: Tensor) -> Tensor:
        """Return the shared layers' output of images ``(B, 3, H, W)``."""
        return self.trunk(images)

    def semantic_blocks(self) -> list[nn.Module]:
        """Return the bottlenecks of all learnt stages."""
        return [block for stage in self.semantic for block in stage]

    def run_block(self, block: nn.Module, x: Tensor) -> Tensor:
        """Return the output of one bottleneck."""
        return bottleneck(block, x)

    def read(self, x: Tensor, size: Sequence[int]) -> Tensor:
        """Return ``(B, E, h, w)`` from layer4's ``(B, D, h, w)``."""
        return self.pool(x)


class ValueBlock(nn.Module):
    """A transformer block's attention reduced to its value path, so that every token speaks for itself alone.

    ``value``: ``out(value(ln_1(x)))``. ``residual``: with both residuals and the MLP (MaskCLIP, Zhou et al. 2022).
    """

    def __init__(self, block: ResidualAttentionBlock, dense_form: str) -> None:
        super().__init__()
        width = block.attn.embed_dim
        dtype = block.attn.in_proj_weight.dtype
        self.ln_1 = copy.deepcopy(block.ln_1)
        self.out_proj = nn.Linear(width, width, dtype=dtype)
        self.out_proj.load_state_dict(block.attn.out_proj.state_dict())
        self.value = nn.Linear(width, width, dtype=dtype)
        with torch.no_grad():
            self.value.weight.copy_(block.attn.in_proj_weight[2 * width :])
            self.value.bias.copy_(block.attn.in_proj_bias[2 * width :])
        self.residual = dense_form == "residual"
        if self.residual:
            for name in ("ls_1", "ln_2", "mlp", "ls_2"):
                self.add_module(name, copy.deepcopy(getattr(block, name)))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, L, D)`` from ``(B, L, D)``."""
        attended = self.out_proj(self.value(self.ln_1(x)))  # (B, L, D)
        if not self.residual:
            return attended
        x = x + self.ls_1(attended)
        return x + self.ls_2(self.mlp(self.ln_2(x)))


class _PatchEmbedding(nn.Module):
    """Patches, class token and resized positional embedding of a CLIP ViT."""

    def __init__(self, visual: VisionTransformer) -> None:
        super().__init__()
        self.conv1, self.ln_pre = copy.deepcopy(visual.conv1), copy.deepcopy(visual.ln_pre)
        position = visual.positional_embedding.detach()  # (1 + N, D)
        self.first = _frozen(
            (visual.class_embedding.detach() + position[0])[None, None]
        )  # (1, 1, D)
        self.position = _frozen(position[1:].T.reshape(1, -1, *visual.grid_size))  # (1, D, gh, gw)

    def forward(self, images: Tensor) -> Tensor:
        """Return tokens ``(B, 1 + N, D)`` of images ``(B, 3, H, W)``."""
        x = self.conv1(images)  # (B, D, h, w)
        x = (x + resize_grid(self.position, x.shape[2:])).flatten(2).transpose(1, 2)  # (B, N, D)
        first = self.first.to(x.dtype).expand(x.shape[0], -1, -1)  # (B, 1, D)
        return self.ln_pre(torch.cat([first, x], dim=1))  # (B, 1 + N, D)


class SightSemanticViT(SightSemantic):
    """Both branches of a CLIP ViT: the last ``num_semantic_blocks`` blocks twice, the last of them in dense form."""

    def __init__(
        self,
        visual: VisionTransformer,
        *,
        num_semantic_blocks: int = 1,
        dense_form: str = "value",
        branches: str = "both",
    ) -> None:
        super().__init__(branches)
        blocks = list(visual.transformer.resblocks)
        _check_vit(visual, blocks, num_semantic_blocks, dense_form)
        *tail, last = blocks[-num_semantic_blocks:]
        tail = nn.Sequential(*tail, ValueBlock(last, dense_form))
        self.patch_size = tuple(visual.patch_size)
        self.embed = _PatchEmbedding(visual)
        self.trunk = copy.deepcopy(nn.Sequential(*blocks[:-num_semantic_blocks]))
        self.sight = copy.deepcopy(tail) if branches != "semantic" else None
        self.semantic = copy.deepcopy(tail) if branches != "sight" else None
        self.ln_post = copy.deepcopy(visual.ln_post)
        self.proj = _frozen(visual.proj.detach())  # (D, E)
        self.embed_dim: int = visual.proj.shape[1]
        self._freeze()

    def run_trunk(self, images: Tensor) -> Tensor:
        """Return tokens ``(B, 1 + N, D)`` of images ``(B, 3, H, W)`` whose sides are multiples of the patch's."""
        if any(side % patch for side, patch in zip(images.shape[2:], self.patch_size, strict=True)):
            raise UserError(
                f"image size {tuple(images.shape[2:])} is not a multiple of the patch size {self.patch_size}"
            )
        return self.trunk(self.embed(images))  # (B, 1 + N, D)

    def read(self, x: Tensor, size: Sequence[int]) -> Tensor:
        """Return ``(B, E, h, w)`` from tokens ``(B, 1 + N, D)``; the class token is dropped."""
        grid = [side // patch for side, patch in zip(size, self.patch_size, strict=True)]
        x = self.ln_post(x[:, 1:]) @ self.proj  # (B, N, E)
        return x.transpose(1, 2).unflatten(2, grid)  # (B, E, h, w)


def build_encoder(
    visual: nn.Module,
    *,
    semantic_layers: Sequence[str] = ("layer3", "layer4"),
    num_semantic_blocks: int = 1,
    dense_form: str = "value",
    branches: str = "both",
) -> SightSemanticResNet | SightSemanticViT:
    """Return the encoder that fits ``visual``: ``semantic_layers`` is for ResNets, the two after it for ViTs."""
    if isinstance(visual, ModifiedResNet):
        return SightSemanticResNet(visual, semantic_layers=semantic_layers, branches=branches)
    if isinstance(visual, VisionTransformer):
        return SightSemanticViT(
            visual,
            num_semantic_blocks=num_semantic_blocks,
            dense_form=dense_form,
            branches=branches,
        )
    raise UserError(
        f"image encoder {type(visual).__name__} has no dense form here; accepted: CLIP ResNets and CLIP ViTs"
    )


def _check_vit(
    visual: VisionTransformer, blocks: list[nn.Module], num: int, dense_form: str
) -> None:
    if dense_form not in DENSE_FORMS:
        raise UserError(not_accepted("dense_form", dense_form, DENSE_FORMS))
    if not 1 <= num <= len(blocks):
        raise UserError(
            f"the number of learnable blocks is {num}; accepted: 1 to {len(blocks)}, the blocks of this backbone"
        )
    plain = (
        all(isinstance(block, ResidualAttentionBlock) for block in blocks)
        and visual.transformer.batch_first
    )
    if not plain or visual.attn_pool is not None or visual.pool_type != "tok":
        raise UserError(
            "this ViT is not of CLIP's plain form (standard blocks, class token), so it has no dense map"
        )


def _frozen(tensor: Tensor) -> nn.Parameter:
    return nn.Parameter(tensor.detach().clone(), requires_grad=False)


def _stem(visual: ModifiedResNet) -> list[nn.Module]:
    names = ("conv1", "bn1", "act1", "conv2", "bn2", "act2", "conv3", "bn3", "act3", "avgpool")
    return [getattr(visual, name) for name in names]
