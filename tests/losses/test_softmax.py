"""The softmax losses against torch's cross-entropy, and entries that nobody judged."""

import pytest
import torch
import torch.nn.functional as F

from losses import build_loss, softmax_loss, softmax_pair_loss


@pytest.fixture
def logits():
    return torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_hard_targets_give_cross_entropy(logits):
    classes = torch.tensor([0, 3, 1, 1, 2, 0])
    target = F.one_hot(classes, 4).double()
    expected = F.cross_entropy(logits, classes, reduction="sum")
    torch.testing.assert_close(softmax_loss(logits, target), expected)


def test_soft_targets_are_divided_by_their_sum(logits):
    target = torch.rand(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = F.cross_entropy(logits, target / target.sum(1, keepdim=True), reduction="sum")
    torch.testing.assert_close(softmax_loss(logits, target), expected)


def test_pairs_use_the_difference_of_the_planes(logits):
    negative = logits.flip(0)
    target = F.one_hot(torch.tensor([0, 3, 1, 1, 2, 0]), 4).double()
    pairs = torch.stack([negative, logits], dim=1)
    torch.testing.assert_close(
        softmax_pair_loss(pairs, target), softmax_loss(logits - negative, target)
    )


def test_unknown_classes_are_left_out_of_the_softmax(logits):
    target = F.one_hot(torch.tensor([0, 2, 1, 1, 2, 0]), 4).double()
    target[:, 3] = -1
    torch.testing.assert_close(
        softmax_loss(logits, target), softmax_loss(logits[:, :3], target[:, :3])
    )


def test_rows_without_a_known_positive_add_nothing_and_have_no_gradient(logits):
    target = torch.full((6, 4), -1.0, dtype=torch.float64)
    target[0] = 0
    logits.requires_grad_()
    value = softmax_loss(logits, target)
    value.backward()
    assert value.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@pytest.mark.parametrize("name", ["SoftmaxLoss", "SoftmaxPairLoss"])
def test_modules_average_over_images_and_give_probabilities_that_sum_to_1(name, logits):
    loss = build_loss(name, weight=2.0)
    output = logits if name == "SoftmaxLoss" else torch.stack([-logits, logits], dim=1)
    target = F.one_hot(torch.tensor([0, 3, 1, 1, 2, 0]), 4).double()
    single = logits if name == "SoftmaxLoss" else 2 * logits
    expected = 2 * softmax_loss(single, target) / 6
    torch.testing.assert_close(loss(output, target), expected)
    assert loss.reduction == "mean"
    torch.testing.assert_close(loss.scores(output), single.softmax(dim=1))


def test_shapes_that_do_not_fit_raise(logits):
    with pytest.raises(ValueError, match="must be"):
        softmax_loss(logits, logits[:, :2])
    with pytest.raises(ValueError, match="must be"):
        softmax_pair_loss(logits, logits)
