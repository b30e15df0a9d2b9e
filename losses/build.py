"""The registry of losses and its contract."""

from typing import Any

from torch import nn

from core.registry import Registry

LOSS_REGISTRY = Registry("LOSS")
LOSS_REGISTRY.__doc__ = """
Losses by class name. A registered class is a ``torch.nn.Module`` that

- takes its settings as keyword arguments, each with a default (no configuration tree);
- has ``forward(logits, target) -> scalar``, ``logits`` being ``(B, 2, C)`` (plane 0 negative, plane 1 positive) or, for
  models with one logit per class, ``(B, C)``, and ``target`` ``(B, C)`` in [0, 1] with -1 for unknown entries;
- says which of the two it takes by ``takes_pairs``: True (also where the attribute is missing) or False;
- multiplies the result by its keyword ``weight``, and computes in float32 at least, whatever the autocast state.
"""


def build_loss(name: str, **kwargs: Any) -> nn.Module:
    """Return the loss registered as ``name``, made with ``kwargs``."""
    return LOSS_REGISTRY.get(name)(**kwargs)
