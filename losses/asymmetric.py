"""The asymmetric losses as modules: settings and a weight around the functions in ``functional``."""

from torch import Tensor

from .build import LOSS_REGISTRY
from .functional import asymmetric_pair_loss, asymmetric_sigmoid_loss
from .weighted import WeightedLoss


@LOSS_REGISTRY.register()
class AsymmetricPairLoss(WeightedLoss):
    """Asymmetric loss on ``(B, 2, C)`` pairs of logits, times ``weight`` (IntCLIP's and DualCoOp's loss)."""

    def __init__(
        self,
        *,
        gamma_neg: float = 2.0,
        gamma_pos: float = 1.0,
        clip: float = 0.05,
        eps: float = 1e-6,
        weight: float = 0.03,
    ) -> None:
        super().__init__(weight, gamma_neg=gamma_neg, gamma_pos=gamma_pos, clip=clip, eps=eps)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return self.weight * asymmetric_pair_loss(logits, target, **self.settings)


@LOSS_REGISTRY.register()
class AsymmetricSigmoidLoss(WeightedLoss):
    """The published asymmetric loss on ``(B, C)`` logits, times ``weight``."""

    takes_pairs = False

    def __init__(
        self,
        *,
        gamma_neg: float = 4.0,
        gamma_pos: float = 1.0,
        clip: float = 0.05,
        eps: float = 1e-8,
        weight: float = 1.0,
    ) -> None:
        super().__init__(weight, gamma_neg=gamma_neg, gamma_pos=gamma_pos, clip=clip, eps=eps)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return self.weight * asymmetric_sigmoid_loss(logits, target, **self.settings)
