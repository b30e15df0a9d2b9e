"""The one place where uint8 pixels become the numbers that a backbone expects."""

from collections.abc import Sequence

import torch
from yacs.config import CfgNode

from core.config import Key, declare

declare(
    "INPUT",
    Key(
        "NORMALIZATION",
        "backbone",
        "mean and std of the backbone's training images, or PIXEL_MEAN and PIXEL_STD",
        choices=("backbone", "pixel"),
    ),
    Key(
        "PIXEL_MEAN", [0.485, 0.456, 0.406], "mean per channel for NORMALIZATION 'pixel'", length=3
    ),
    Key(
        "PIXEL_STD",
        [0.229, 0.224, 0.225],
        "standard deviation per channel for NORMALIZATION 'pixel'",
        low=1e-6,
        length=3,
    ),
)

Statistics = tuple[tuple[float, ...], tuple[float, ...]]  # mean and std per channel


def choose_statistics(cfg: CfgNode, backbone: Statistics) -> Statistics:
    """Return mean and standard deviation to normalise with: the backbone's unless
    ``INPUT.NORMALIZATION`` is pixel.
    """
    if cfg.INPUT.NORMALIZATION == "pixel":
        return tuple(cfg.INPUT.PIXEL_MEAN), tuple(cfg.INPUT.PIXEL_STD)
    return backbone


class Normalizer:
    """Compute ``(pixels x 1/255 - mean) / std`` per channel, on the device of the batch.

    The operations and their order are those of torchvision's ``ToDtype(scale=True)`` and
    ``Normalize``. The result is the same to the last bit for one image and for a batch.

    Args:
        mean: (3,) from 0 to 1.
        std: (3,), positive.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self.mean, self.std = tuple(mean), tuple(std)
        self._on_device: dict[torch.device, tuple[torch.Tensor, torch.Tensor]] = {}

    def __repr__(self) -> str:
        return f"Normalizer(mean={self.mean}, std={self.std})"

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Return float32 of uint8 images ``(..., 3, H, W)``; float images stay as they are."""
        if images.is_floating_point():
            return images
        mean, std = self._constants(images.device)
        pixels = images.to(torch.float32, memory_format=torch.contiguous_format)  # (..., 3, H, W)
        return pixels.mul_(1 / 255).sub_(mean).div_(std)

    def _constants(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and std ``(3, 1, 1)`` on ``device``."""
        if device not in self._on_device:  # a copy to the GPU per batch would wait for the GPU
            mean = torch.tensor(self.mean, device=device).view(3, 1, 1)
            std = torch.tensor(self.std, device=device).view(3, 1, 1)
            self._on_device[device] = (mean, std)
        return self._on_device[device]
