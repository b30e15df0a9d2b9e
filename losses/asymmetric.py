"""Asymmetric losses as modules: options and a weight around the functions in ``functional``."""

from torch import Tensor

from .build import LOSS_REGISTRY, declare_options, option
from .functional import asymmetric_pair_loss, asymmetric_sigmoid_loss
from .weighted import WEIGHT, WeightedLoss


@LOSS_REGISTRY.register()
class AsymmetricPairLoss(WeightedLoss):
    """Asymmetric loss on ``(B, 2, C)`` pairs of logits, times ``weight``.

    It is the loss of IntCLIP and DualCoOp. Arguments: :func:`losses.asymmetric_pair_loss`.
    """

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
    """Asymmetric loss in its published form on ``(B, C)`` logits, times ``weight``.

    Arguments: :func:`losses.asymmetric_sigmoid_loss`.
    """

    takes_pairs = False

    def __init__(
        self,
        *,
        gamma_neg: float = 4.0,
        gamma_pos: float = 1.0,
        clip: float = 0.05,
        eps: float = 1e-8,
        weight: float = 0.03,
    ) -> None:
        super().__init__(weight, gamma_neg=gamma_neg, gamma_pos=gamma_pos, clip=clip, eps=eps)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return self.weight * asymmetric_sigmoid_loss(logits, target, **self.settings)


for _loss in (AsymmetricPairLoss, AsymmetricSigmoidLoss):
    declare_options(
        _loss,
        option("GAMMA_NEG", "focusing exponent of negative entries", low=0.0),
        option("GAMMA_POS", "focusing exponent of positive entries", low=0.0),
        option("CLIP", "probability margin of negative entries", low=0.0, high=1.0),
        option("EPS", "smallest probability under the logarithm", low=1e-12),
        WEIGHT,
    )
