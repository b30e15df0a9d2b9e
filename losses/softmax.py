"""Cross-entropy over the classes as modules, for one class per image or a distribution over them.

Both are means over the images of a batch, times ``weight``.
"""

from torch import Tensor

from core.labels import NEGATIVE, POSITIVE

from .build import LOSS_REGISTRY, declare_options, option
from .functional import class_probabilities, softmax_loss, softmax_pair_loss
from .weighted import WEIGHT, WeightedLoss


@LOSS_REGISTRY.register()
class SoftmaxLoss(WeightedLoss):
    """Cross-entropy over the classes on ``(B, C)`` logits, mean over images, times ``weight``."""

    takes_pairs = False
    reduction = "mean"

    def __init__(self, *, weight: float = 1.0) -> None:
        super().__init__(weight)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return self.weight * softmax_loss(logits, target) / len(target)

    @staticmethod
    def scores(logits: Tensor) -> Tensor:
        """Return the probability of each class ``(B, C)``, which sum to 1."""
        return class_probabilities(logits)


@LOSS_REGISTRY.register()
class SoftmaxPairLoss(WeightedLoss):
    """Cross-entropy over the classes on the differences of ``(B, 2, C)`` pairs of logits.

    The logit of a class is its positive minus its negative logit, times ``scale``; mean over
    images, times ``weight``.
    """

    reduction = "mean"

    def __init__(self, *, weight: float = 1.0, scale: float = 1.0) -> None:
        super().__init__(weight, scale=scale)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        loss = softmax_pair_loss(self.settings["scale"] * logits, target)
        return self.weight * loss / len(target)

    def scores(self, logits: Tensor) -> Tensor:
        """Return the probability of each class ``(B, C)``, which sum to 1."""
        single = self.settings["scale"] * (logits[:, POSITIVE] - logits[:, NEGATIVE])
        return class_probabilities(single)


declare_options(SoftmaxLoss, WEIGHT)
declare_options(
    SoftmaxPairLoss,
    WEIGHT,
    option("SCALE", "factor of the logits", low=1e-6),
)
