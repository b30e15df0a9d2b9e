"""Mixed precision: the autocast type of a setting, and loss scaling for fp16."""

import contextlib
from contextlib import AbstractContextManager

import torch

from core.logging import get_logger

log = get_logger()

# Accepted names and the type of autocast; amp is bf16 where the device has it, else fp16.
PRECISIONS: dict[str, torch.dtype | None] = {
    "fp32": None,
    "amp": None,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


class Precision:
    """Autocast and loss scaling of a run.

    Args:
        name: one of :data:`PRECISIONS`.
        device: device of the network.

    Attributes:
        dtype: type of autocast, None for full precision.
        scaler: scales the loss in fp16, whose small gradients would vanish; does nothing otherwise.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        if name == "amp":
            # GPUs before Ampere emulate bf16, slowly.
            emulated = device.type == "cuda" and not torch.cuda.is_bf16_supported(
                including_emulation=False
            )
            name = "fp16" if emulated else "bf16"
            log.info("Precision amp: %s", name)
        self.device_type = device.type
        self.dtype = PRECISIONS[name]
        self.scaler = torch.amp.GradScaler(device.type, enabled=name == "fp16")

    def autocast(self) -> AbstractContextManager:
        """Return a context for the forward pass and the loss."""
        if self.dtype is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device_type, dtype=self.dtype)
