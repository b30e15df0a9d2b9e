"""Base class of the loss modules in this package."""

from torch import nn

from .build import option

WEIGHT = option("WEIGHT", "factor of the loss", low=0.0)


class WeightedLoss(nn.Module):
    """Keep the settings of a loss function and show them in ``repr``.

    Args:
        weight: factor of the loss.
        settings: keyword arguments of the loss function.
    """

    takes_pairs = True  # logits (B, 2, C), not (B, C)
    reduction = "sum"  # over the batch

    def __init__(self, weight: float, **settings: float) -> None:
        super().__init__()
        self.weight = weight
        self.settings = settings

    def extra_repr(self) -> str:
        settings = {**self.settings, "weight": self.weight}
        return ", ".join(f"{name}={value}" for name, value in settings.items())
