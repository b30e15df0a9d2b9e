"""CLIP's vision transformers as a backbone family.

Letters: B images, D channels of the encoder, E of the joint space, h x w locations, N = h * w,
L = 1 + N tokens (class token first).
"""

import copy
from collections.abc import Sequence

import torch
from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from torch import Tensor, nn

from core.errors import UserError
from models.image.branches import BranchSettings, SightSemantic, frozen, resize_grid
from models.image.families import register_family


class ValueBlock(nn.Module):
    """A transformer block without mixing of tokens: its attention is reduced to the value path.

    ``value``: ``out(value(ln_1(x)))``. ``residual``: with both residual sums and the MLP
    (MaskCLIP, Zhou et al. 2022, section 3.2).
    """

    def __init__(self, block: ResidualAttentionBlock, dense_form: str) -> None:
        super().__init__()
        width = block.attn.embed_dim
        dtype = block.attn.in_proj_weight.dtype
        self.ln_1 = copy.deepcopy(block.ln_1)
        self.out_proj = nn.Linear(width, width, dtype=dtype)
        self.out_proj.load_state_dict(block.attn.out_proj.state_dict())
        self.value = nn.Linear(width, width, dtype=dtype)
        with torch.no_grad():  # the rows of in_proj are query, key, value
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


class PatchEmbedding(nn.Module):
    """Patches, class token and resized positional embedding of a CLIP ViT."""

    def __init__(self, visual: VisionTransformer) -> None:
        super().__init__()
        position = visual.positional_embedding.detach()  # (L, D)
        first = visual.class_embedding.detach() + position[0]  # (D,)
        self.conv1 = copy.deepcopy(visual.conv1)
        self.ln_pre = copy.deepcopy(visual.ln_pre)
        self.first = frozen(first[None, None])  # (1, 1, D)
        self.position = frozen(position[1:].T.reshape(1, -1, *visual.grid_size))  # (1, D, gh, gw)

    def forward(self, images: Tensor) -> Tensor:
        """Return tokens ``(B, L, D)`` of images ``(B, 3, H, W)``."""
        x = self.conv1(images)  # (B, D, h, w)
        x = (x + resize_grid(self.position, x.shape[2:])).flatten(2).transpose(1, 2)  # (B, N, D)
        first = self.first.to(x.dtype).expand(x.shape[0], -1, -1)  # (B, 1, D)
        return self.ln_pre(torch.cat([first, x], dim=1))  # (B, L, D)


class ClassToken(nn.Module):
    """The class token after the last block of a CLIP ViT, in the joint space."""

    def __init__(self, visual: VisionTransformer) -> None:
        super().__init__()
        self.block = copy.deepcopy(visual.transformer.resblocks[-1])
        self.ln_post = copy.deepcopy(visual.ln_post)
        self.proj = nn.Parameter(visual.proj.detach().clone())  # (D, E)

    def forward(self, shared: Tensor, tail: Tensor) -> Tensor:
        """Return ``(B, E)`` from the tokens before the last block, ``shared (B, L, D)``."""
        return self.ln_post(self.block(shared)[:, 0]) @ self.proj  # (B, E)


@register_family(VisionTransformer)
class SightSemanticViT(SightSemantic):
    """Both branches of a CLIP ViT: the last blocks twice, the very last one in dense form."""

    def __init__(self, visual: VisionTransformer, settings: BranchSettings) -> None:
        super().__init__(settings)
        blocks = list(visual.transformer.resblocks)
        _check_vit(visual, blocks, settings.num_semantic_blocks)
        start = len(blocks) - settings.num_semantic_blocks
        last = ValueBlock(blocks[-1], settings.dense_form)
        tail = nn.Sequential(*blocks[start:-1], last)
        self.patch_size = tuple(visual.patch_size)
        self.embed = PatchEmbedding(visual)
        self.trunk = copy.deepcopy(nn.Sequential(*blocks[:start]))
        if settings.branches != "semantic":
            self.sight = copy.deepcopy(tail)
        if settings.branches != "sight":
            self.semantic = copy.deepcopy(tail)
        self.ln_post = copy.deepcopy(visual.ln_post)
        self.proj = frozen(visual.proj)  # (D, E)
        self.embed_dim = visual.proj.shape[1]
        self._freeze()

    @staticmethod
    def build_global_pool(visual: VisionTransformer) -> ClassToken:
        """Return the class token's last block and projection."""
        return ClassToken(visual)

    def run_trunk(self, images: Tensor) -> Tensor:
        """Return tokens ``(B, L, D)`` of images ``(B, 3, H, W)``.

        Raises:
            UserError: a side of the images is not a multiple of the patch's.
        """
        if any(side % patch for side, patch in zip(images.shape[2:], self.patch_size, strict=True)):
            raise UserError(
                f"image size {tuple(images.shape[2:])} is not a multiple of the patch size "
                f"{self.patch_size}"
            )
        return self.trunk(self.embed(images))  # (B, L, D)

    def read(self, x: Tensor, size: Sequence[int]) -> Tensor:
        """Return ``(B, E, h, w)`` from tokens ``(B, L, D)``, without the class token."""
        grid = [side // patch for side, patch in zip(size, self.patch_size, strict=True)]
        x = self.ln_post(x[:, 1:]) @ self.proj  # (B, N, E)
        return x.transpose(1, 2).unflatten(2, grid)  # (B, E, h, w)

    def read_global(self, x: Tensor) -> Tensor:
        """Return the class token ``(B, E)`` in the dense form, from tokens ``(B, L, D)``."""
        return self.ln_post(x[:, 0]) @ self.proj  # (B, E)

    def split_point(self) -> str:
        """Return the number of trainable blocks."""
        return f"last {self.settings.num_semantic_blocks}"


def _check_vit(visual: VisionTransformer, blocks: list[nn.Module], num: int) -> None:
    """Raise :class:`UserError` unless ``visual`` is a plain CLIP ViT of ``num`` blocks or more."""
    if not 1 <= num <= len(blocks):
        raise UserError(
            f"the number of learnable blocks is {num}; accepted: 1 to {len(blocks)}, "
            "the blocks of this backbone"
        )
    plain_blocks = all(isinstance(block, ResidualAttentionBlock) for block in blocks)
    plain_pool = visual.attn_pool is None and visual.pool_type == "tok"
    if not (plain_blocks and plain_pool and visual.transformer.batch_first):
        raise UserError(
            "this ViT is not of CLIP's plain form (standard blocks, class token), "
            "so it has no dense map"
        )
