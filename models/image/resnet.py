"""CLIP's ResNets as a backbone family.

Letters: B images, D channels of the encoder, E of the joint space, h x w locations, N = h * w,
H heads.
"""

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from open_clip.modified_resnet import AttentionPool2d, ModifiedResNet
from torch import Tensor, nn

from core.errors import UserError
from models.image.branches import BranchSettings, SightSemantic, frozen, resize_grid
from models.image.families import register_family
from models.image.folding import bottleneck, folded

LAYERS = ("layer1", "layer2", "layer3", "layer4")
STRIDE = 32  # pixels between two locations: 4 by the stem, 2 by each of the last three layers
_STEM = ("conv1", "bn1", "act1", "conv2", "bn2", "act2", "conv3", "bn3", "act3", "avgpool")


class DensePool(nn.Module):
    """CLIP's attention pool without query and key: ``c_proj(v_proj(x + position))`` per location.

    Both projections and the positional embedding act linearly on each location, and bicubic
    resizing acts on each channel, so one 1x1 convolution and one projected positional map are
    enough. The value path follows MaskCLIP (Zhou et al. 2022, section 3.2).
    """

    def __init__(self, pool: AttentionPool2d) -> None:
        super().__init__()
        value, out = pool.v_proj, pool.c_proj
        with torch.no_grad():  # the products are taken in float64, whatever the weights are
            weight = out.weight.double() @ value.weight.double()  # (E, D)
            bias = out.weight.double() @ value.bias.double() + out.bias.double()  # (E,)
            position = pool.positional_embedding.double() @ weight.T  # (1 + N, E)
        side = round((position.shape[0] - 1) ** 0.5)
        grid = position[1:].T.reshape(1, -1, side, side)  # (1, E, side, side)
        dtype = out.weight.dtype
        self.weight = frozen(weight[:, :, None, None].to(dtype))  # (E, D, 1, 1)
        self.bias = frozen(bias.to(dtype))  # (E,)
        self.position = frozen(grid.to(dtype))  # (1, E, side, side)
        self.mean_position = frozen(position[0].to(dtype))  # (E,)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, E, h, w)`` from ``(B, D, h, w)``."""
        position = resize_grid(self.position, x.shape[2:])  # (1, E, h, w)
        return F.conv2d(x, self.weight, self.bias) + position  # (B, E, h, w)

    def mean_token(self, x: Tensor) -> Tensor:
        """Return the value path of the pool's mean token, ``(B, E)`` from ``(B, D, h, w)``.

        It is ``c_proj(v_proj(mean of x over locations + positional_embedding[0]))``.
        """
        weight = self.weight.flatten(1)  # (E, D)
        return F.linear(x.mean(dim=(2, 3)), weight, self.bias) + self.mean_position  # (B, E)


class GlobalPool(nn.Module):
    """CLIP's attention pool (Radford et al. 2021, section 2.4) for any grid.

    The mean token is the only query.
    """

    def __init__(self, pool: AttentionPool2d) -> None:
        super().__init__()
        self.pool = copy.deepcopy(pool)

    def forward(self, shared: Tensor, tail: Tensor) -> Tensor:
        """Return ``(B, E)`` from the output of layer4, ``tail (B, D, h, w)``."""
        pool = self.pool
        tokens = tail.flatten(2).transpose(1, 2)  # (B, N, D)
        tokens = torch.cat([tokens.mean(dim=1, keepdim=True), tokens], dim=1)  # (B, 1 + N, D)
        tokens = tokens + self._positions(tail.shape[2:])
        query = self._heads(pool.q_proj(tokens[:, :1]))  # (B, H, 1, D / H)
        key = self._heads(pool.k_proj(tokens))  # (B, H, 1 + N, D / H)
        value = self._heads(pool.v_proj(tokens))  # (B, H, 1 + N, D / H)
        pooled = F.scaled_dot_product_attention(query, key, value)  # (B, H, 1, D / H)
        return pool.c_proj(pooled.transpose(1, 2).flatten(1))  # (B, E)

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.pool.num_heads, -1)).transpose(1, 2)

    def _positions(self, size: tuple[int, int]) -> Tensor:
        position = self.pool.positional_embedding  # (1 + side^2, D)
        side = round((position.shape[0] - 1) ** 0.5)
        grid = resize_grid(position[1:].T.reshape(1, -1, side, side), size)  # (1, D, h, w)
        return torch.cat([position[:1], grid[0].flatten(1).T])  # (1 + N, D)


@register_family(ModifiedResNet)
class SightSemanticResNet(SightSemantic):
    """Both branches of a CLIP ResNet: shared layers once, trainable ones twice, one dense pool.

    All convolutions run with their BatchNorm folded in: the frozen ones are folded once, the
    trainable ones in every step. This changes only rounding.
    """

    def __init__(self, visual: ModifiedResNet, settings: BranchSettings) -> None:
        super().__init__(settings)
        names = tuple(settings.semantic_layers)
        _check_layers(names)
        shared = [getattr(visual, name) for name in (*_STEM, *LAYERS[: -len(names)])]
        tail = nn.Sequential(*(getattr(visual, name) for name in names))
        self.trunk = folded(nn.Sequential(*shared))
        if settings.branches != "semantic":
            self.sight = folded(tail)
        if settings.branches != "sight":
            self.semantic = copy.deepcopy(tail)
        self.pool = DensePool(visual.attnpool)
        self.embed_dim = visual.output_dim
        self._freeze()

    @staticmethod
    def build_global_pool(visual: ModifiedResNet) -> GlobalPool:
        """Return CLIP's attention pool."""
        return GlobalPool(visual.attnpool)

    def run_trunk(self, images: Tensor) -> Tensor:
        """Return the output of the shared layers for images ``(B, 3, H, W)``."""
        return self.trunk(images)

    def cell_size(self, image_size: tuple[int, int], grid: tuple[int, int]) -> tuple[float, float]:
        """Return the stride of layer4's output.

        Where a side of the image is no multiple of it, the last pixels belong to no location.
        """
        return float(STRIDE), float(STRIDE)

    def semantic_blocks(self) -> list[nn.Module]:
        """Return the bottlenecks of all trainable stages."""
        return [block for stage in self.semantic for block in stage]

    def run_block(self, block: nn.Module, x: Tensor) -> Tensor:
        """Return the output of one bottleneck."""
        return bottleneck(block, x)

    def read(self, x: Tensor, size: Sequence[int]) -> Tensor:
        """Return ``(B, E, h, w)`` from the output of layer4, ``(B, D, h, w)``."""
        return self.pool(x)

    def read_global(self, x: Tensor) -> Tensor:
        """Return the mean token's vector ``(B, E)`` from the output of layer4, ``(B, D, h, w)``."""
        return self.pool.mean_token(x)

    def split_point(self) -> str:
        """Return the first trainable stage."""
        return f"from {self.settings.semantic_layers[0]}"


def _check_layers(names: tuple[str, ...]) -> None:
    """Raise :class:`UserError` unless ``names`` are the last stages, in order."""
    if names and names == LAYERS[-len(names) :]:
        return
    accepted = "; ".join(", ".join(LAYERS[-n:]) for n in (1, 2, 3, 4))
    raise UserError(
        f"the learnable layers are '{', '.join(names)}'; accepted, the last ones: {accepted}"
    )
