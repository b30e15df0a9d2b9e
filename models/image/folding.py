"""BatchNorm in eval mode, folded into the convolution before it."""

import copy

import torch
import torch.nn.functional as F
from open_clip.modified_resnet import Bottleneck
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


def folded(module: nn.Module) -> nn.Module:
    """Return a frozen copy with every BatchNorm folded into the convolution before it.

    Before means: registered just before it in the same module.
    """
    module = copy.deepcopy(module).eval()
    for parent in list(module.modules()):
        last: nn.Conv2d | None = None
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d):
                last = child
            elif isinstance(child, nn.BatchNorm2d):
                assert last is not None, f"no convolution before {name}"
                _fold(last, child)
                setattr(parent, name, nn.Identity())
                last = None
    return module.requires_grad_(False)


def _fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight,
        conv.bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
    )


def conv_norm(conv: nn.Conv2d, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """Return ``norm(conv(x))`` for a BatchNorm in eval mode, folded into the weights.

    Numbers and gradients (also of the affine parameters) are the same up to rounding, and no tensor
    of the size of ``x`` is computed or stored for the normalisation.
    """
    assert not norm.training, "only running statistics can be folded"
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)  # (D,)
    weight = conv.weight * scale[:, None, None, None]
    return F.conv2d(x, weight, norm.bias - norm.running_mean * scale, conv.stride, conv.padding)


def bottleneck(block: Bottleneck, x: Tensor) -> Tensor:
    """Return ``block(x)`` with its BatchNorms folded, which saves time and memory."""
    out = F.relu_(conv_norm(block.conv1, block.bn1, x))
    out = F.relu_(conv_norm(block.conv2, block.bn2, out))
    out = conv_norm(block.conv3, block.bn3, block.avgpool(out))
    if block.downsample is not None:
        pool, conv, norm = block.downsample
        x = conv_norm(conv, norm, pool(x))
    return F.relu_(out.add_(x))
