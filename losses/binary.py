"""Binary cross-entropy as modules: a weight around the functions in ``functional``.

Like the asymmetric losses, both are sums over all known entries of the batch, times ``weight``. For
the mean over B images and C classes set ``weight = 1 / (B * C)``.
"""

from torch import Tensor

from .build import LOSS_REGISTRY, declare_options, option
from .functional import binary_pair_loss, binary_sigmoid_loss
from .weighted import WEIGHT, WeightedLoss


@LOSS_REGISTRY.register()
class BinaryPairLoss(WeightedLoss):
    """Binary cross-entropy on ``(B, 2, C)`` pairs of logits, summed, times ``weight``."""

    def __init__(self, *, eps: float = 1e-6, weight: float = 0.03) -> None:
        super().__init__(weight, eps=eps)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return self.weight * binary_pair_loss(logits, target, **self.settings)


@LOSS_REGISTRY.register()
class BinarySigmoidLoss(WeightedLoss):
    """Binary cross-entropy on ``(B, C)`` logits, summed, times ``weight``."""

    takes_pairs = False

    def __init__(self, *, weight: float = 0.03) -> None:
        super().__init__(weight)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return self.weight * binary_sigmoid_loss(logits, target)


declare_options(
    BinaryPairLoss,
    option("EPS", "smallest probability under the logarithm", low=1e-12),
    WEIGHT,
)
declare_options(BinarySigmoidLoss, WEIGHT)
