"""What all our loss modules share."""

from torch import nn


class WeightedLoss(nn.Module):
    """Keep the settings of a loss function and show them in ``repr``."""

    takes_pairs = True  # logits (B, 2, C), not (B, C)

    def __init__(self, weight: float, **settings: float) -> None:
        super().__init__()
        self.weight = weight
        self.settings = settings

    def extra_repr(self) -> str:
        return ", ".join(f"{k}={v}" for k, v in {**self.settings, "weight": self.weight}.items())
