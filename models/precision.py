"""What must stay in full precision under autocast."""

import torch
from torch import Tensor


def full_precision(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Return the tensors in fp32 where they are narrower; fp64 stays."""
    return tuple(t.float() if t.dtype in (torch.float16, torch.bfloat16) else t for t in tensors)


def no_autocast(like: Tensor) -> torch.autocast:
    """Return a context in which autocast is off on the device of ``like``."""
    return torch.autocast(device_type=like.device.type, enabled=False)
