"""A step in micro batches has the gradient of the whole batch, for sums and for means."""

import pytest
import torch
from torch import nn

from core.errors import UserError
from engine.loop import TrainingStep
from engine.precision import Precision
from engine.reduction import check_loss

IMAGES, LABELS = 16, 3


class PlainLoss(nn.Module):
    """Squared error, reduced over images as ``reduction`` says."""

    def __init__(self, reduction):
        super().__init__()
        self.reduction = reduction

    def forward(self, logits, target):
        per_image = (logits - target).square().sum(dim=1)
        return per_image.sum() if self.reduction == "sum" else per_image.mean()


def weight_after_a_step(reduction, micro_batch):
    torch.manual_seed(0)
    network = nn.Linear(4, LABELS).double()
    images, labels = torch.randn(IMAGES, 4).double(), torch.randn(IMAGES, LABELS).double()
    step = TrainingStep(
        network,
        network,
        PlainLoss(reduction),
        torch.optim.SGD(network.parameters(), lr=0.1),
        Precision("fp32", torch.device("cpu")),
        micro_batch=micro_batch,
    )
    loss = step(images, labels)
    return float(loss), network.weight.detach()


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("size", [4, 5, 15])
def test_loss_and_update_are_those_of_the_whole_batch(reduction, size):
    whole, expected = weight_after_a_step(reduction, 0)
    parts, weight = weight_after_a_step(reduction, size)
    assert parts == pytest.approx(whole, rel=1e-12)
    torch.testing.assert_close(weight, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("reduction", "message"), [(None, "reduction"), ("none", "accepted: mean, sum")]
)
def test_a_loss_without_a_known_reduction_is_refused_on_one_process(reduction, message):
    with pytest.raises(UserError, match=message):
        check_loss(PlainLoss(reduction))
