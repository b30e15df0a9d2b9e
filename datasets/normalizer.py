"""The one place where pixels become the backbone's numbers."""

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
    """Return mean and standard deviation to normalise with: the backbone's unless ``INPUT.NORMALIZATION`` is pixel."""
    if cfg.INPUT.NORMALIZATION == "pixel":
        return tuple(cfg.INPUT.PIXEL_MEAN), tuple(cfg.INPUT.PIXEL_STD)
    return backbone


class Normalizer:
    """``(pixels x 1/255 - mean) / std`` per channel, on whatever device the batch is.

    The operations and their order are those of torchvision's ``ToDtype(scale=True)`` and ``Normalize``, so the result
    is the same to the last bit, whether an image is normalised alone or in a batch.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self.mean, self.std = tuple(mean), tuple(std)
        self._on_device: dict[torch.device, tuple[torch.Tensor, torch.Tensor]] = {}

    def __repr__(self) -> str:
        return f"Normalizer(mean={self.mean}, std={self.std})"

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Return float32 of uint8 images (..., 3, H, W); a floating-point batch is normalised already and stays."""
        if images.is_floating_point():
            return images
        mean, std = self._constants(images.device)
        scaled = images.to(torch.float32, memory_format=torch.contiguous_format).mul_(
            1 / 255
        )  # (..., 3, H, W)
        return scaled.sub_(mean).div_(std)

    def _constants(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and std (3, 1, 1); kept per device, because a copy to a GPU for each batch would wait for it."""
        if device not in self._on_device:
            self._on_device[device] = tuple(
                torch.tensor(v, device=device).view(3, 1, 1) for v in (self.mean, self.std)
            )
        return self._on_device[device]
