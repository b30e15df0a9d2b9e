"""Mixed precision: one autocast type per setting, loss scaling where fp16 needs it."""

import contextlib
from contextlib import AbstractContextManager

import torch

from core.logging import get_logger

log = get_logger()


class Precision:
    """``fp32``, ``bf16``, ``fp16`` (with loss scaling), or ``amp``: bf16 where the device has it, else fp16."""

    def __init__(self, name: str, device: torch.device) -> None:
        if name == "amp":
            has_bf16 = device.type != "cuda" or torch.cuda.is_bf16_supported(
                including_emulation=False
            )
            name = "bf16" if has_bf16 else "fp16"
            log.info("Precision amp: %s", name)
        self.device_type = device.type
        self.dtype = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[name]
        self.scaler = torch.amp.GradScaler(device.type, enabled=name == "fp16")

    def autocast(self) -> AbstractContextManager:
        """Return the context for forward and loss."""
        if self.dtype is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device_type, dtype=self.dtype)
