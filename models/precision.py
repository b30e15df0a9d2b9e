"""Helpers for computations that need full precision under autocast."""

import torch
from torch import Tensor


def full_precision(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Return float16 and bfloat16 tensors in float32; float32 and float64 stay."""
    narrow = (torch.float16, torch.bfloat16)
    return tuple(t.float() if t.dtype in narrow else t for t in tensors)


def no_autocast(like: Tensor) -> torch.autocast:
    """Return a context in which autocast is off on the device of ``like``."""
    return torch.autocast(device_type=like.device.type, enabled=False)
