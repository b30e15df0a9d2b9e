"""The losses against plain loops over float64 numbers."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import core.config
from core.errors import UserError
from losses import (
    LOSS_REGISTRY,
    asymmetric_pair_loss,
    asymmetric_sigmoid_loss,
    binary_pair_loss,
    binary_sigmoid_loss,
    build_loss,
    declare_options,
    option,
)


def reference(pos, neg, target, gamma_neg, gamma_pos, clip, eps, weight=None):
    """Return the sum and the weights by one loop; ``weight`` given means frozen."""
    total, weights = 0.0, np.zeros(target.shape)
    for i, y in np.ndenumerate(target):
        if y == -1:
            continue
        p, n = pos[i], min(neg[i] + clip, 1.0)
        p_t = y * p + (1 - y) * n
        if weight is None:
            w = max(1 - p_t, 0.0) ** (gamma_pos * y + gamma_neg * (1 - y))
        else:
            w = weight[i]
        weights[i] = w
        total -= w * (y * math.log(max(p, eps)) + (1 - y) * math.log(max(n, eps)))
    return total, weights


def pair_reference(logits, target, weight=None, gamma_neg=2.0, gamma_pos=1.0, clip=0.05, eps=1e-6):
    pos = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    neg = 1 / (1 + np.exp(logits[:, 1] - logits[:, 0]))
    return reference(pos, neg, target, gamma_neg, gamma_pos, clip, eps, weight)


def draw(seed, hard=True, shape=(4, 5)):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (shape[0], 2, shape[1]))
    values = [-1.0, 0.0, 1.0] if hard else [-1.0, 0.0, 1 / 3, 2 / 3, 1.0]
    return logits, rng.choice(values, shape)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    hard=st.booleans(),
    gamma_neg=st.sampled_from([0.0, 1.0, 2.0, 4.0]),
    gamma_pos=st.sampled_from([0.0, 1.0, 2.0]),
    clip=st.sampled_from([0.0, 0.05, 0.2]),
)
def test_pair_equals_the_plain_loop(seed, hard, gamma_neg, gamma_pos, clip):
    logits, target = draw(seed, hard)
    kwargs = {"gamma_neg": gamma_neg, "gamma_pos": gamma_pos, "clip": clip}
    expected, _ = pair_reference(logits, target, **kwargs)
    double = asymmetric_pair_loss(torch.tensor(logits), torch.tensor(target), **kwargs)
    single = asymmetric_pair_loss(
        torch.tensor(logits).float(), torch.tensor(target).float(), **kwargs
    )
    assert double.item() == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert single.dtype == torch.float32
    assert single.item() == pytest.approx(expected, rel=1e-4, abs=1e-4)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), hard=st.booleans())
def test_sigmoid_equals_the_published_form(seed, hard):
    logits, target = draw(seed, hard)
    logits = logits[:, 1]
    pos = 1 / (1 + np.exp(-logits))
    expected, _ = reference(pos, 1 - pos, target, 4.0, 1.0, 0.05, 1e-8)
    loss = asymmetric_sigmoid_loss(torch.tensor(logits), torch.tensor(target))
    assert loss.item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


def cross_entropy(margin, target):
    """Return the summed binary cross-entropy of the log-odds ``margin`` over known entries."""
    total = 0.0
    for i, y in np.ndenumerate(target):
        if y != -1:
            total += y * math.log1p(math.exp(-margin[i]))
            total += (1 - y) * math.log1p(math.exp(margin[i]))
    return total


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), hard=st.booleans())
def test_binary_losses_equal_the_plain_sum_of_cross_entropy(seed, hard):
    logits, target = draw(seed, hard)
    single, pair = torch.tensor(logits[:, 1]), torch.tensor(logits)
    expected = cross_entropy(logits[:, 1], target)
    double = binary_sigmoid_loss(single, torch.tensor(target))
    assert double.item() == pytest.approx(expected, rel=1e-9, abs=1e-9)
    in_float32 = binary_sigmoid_loss(single.float(), torch.tensor(target))
    assert in_float32.item() == pytest.approx(expected, rel=1e-5)
    expected = cross_entropy(logits[:, 1] - logits[:, 0], target)
    loss = binary_pair_loss(pair, torch.tensor(target), eps=1e-12)
    assert loss.item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_gradient_of_the_binary_sigmoid_loss_is_probability_minus_target():
    logits, target = draw(3, hard=False)
    tensor = torch.tensor(logits[:, 0], requires_grad=True)
    binary_sigmoid_loss(tensor, torch.tensor(target)).backward()
    expected = np.where(target == -1, 0.0, 1 / (1 + np.exp(-logits[:, 0])) - target)
    np.testing.assert_allclose(tensor.grad.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), -1e30])
def test_unknown_entries_of_the_binary_sigmoid_loss_are_left_out(broken):
    logits, target = torch.randn(3, 4), torch.randint(0, 2, (3, 4))
    target[1, 2] = -1
    expected = binary_sigmoid_loss(logits, target)
    logits[1, 2] = broken
    logits.requires_grad_()
    loss = binary_sigmoid_loss(logits, target)
    loss.backward()
    assert loss.item() == expected.item()
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[1, 2] == 0


@pytest.mark.parametrize("hard", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_gradient_is_that_of_the_log_with_a_frozen_weight(seed, hard):
    logits, target = draw(seed, hard, shape=(3, 4))
    tensor = torch.tensor(logits, requires_grad=True)
    asymmetric_pair_loss(tensor, torch.tensor(target)).backward()
    _, weight = pair_reference(logits, target)
    step, expected = 1e-6, np.zeros_like(logits)
    for i in np.ndindex(*logits.shape):
        up, down = logits.copy(), logits.copy()
        up[i] += step
        down[i] -= step
        difference = pair_reference(up, target, weight)[0] - pair_reference(down, target, weight)[0]
        expected[i] = difference / (2 * step)
    np.testing.assert_allclose(tensor.grad.numpy(), expected, atol=1e-6)


def test_pair_of_zero_and_x_is_the_sigmoid_of_x():
    x, target = torch.randn(4, 6, dtype=torch.float64), torch.randint(0, 2, (4, 6))
    pair = torch.stack([torch.zeros_like(x), x], dim=1)
    kwargs = {"gamma_neg": 4.0, "gamma_pos": 1.0, "clip": 0.05, "eps": 1e-8}
    torch.testing.assert_close(
        asymmetric_pair_loss(pair, target, **kwargs), asymmetric_sigmoid_loss(x, target)
    )


def test_binary_pair_is_binary_cross_entropy():
    logits, target = (
        torch.randn(4, 2, 6, dtype=torch.float64),
        torch.rand(4, 6, dtype=torch.float64),
    )
    margin = logits[:, 1] - logits[:, 0]
    expected = torch.nn.functional.binary_cross_entropy_with_logits(margin, target, reduction="sum")
    torch.testing.assert_close(binary_pair_loss(logits, target), expected)


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), 1e4])
def test_unknown_entries_give_neither_loss_nor_gradient(broken):
    logits, target = torch.randn(3, 2, 4), torch.randint(0, 2, (3, 4)).float()
    target[1, 2] = -1
    expected = asymmetric_pair_loss(logits, target)
    logits[1, :, 2] = broken
    logits.requires_grad_()
    loss = asymmetric_pair_loss(logits, target)
    loss.backward()
    assert loss.item() == expected.item()
    assert torch.isfinite(logits.grad).all()
    assert (logits.grad[1, :, 2] == 0).all()


def test_all_unknown_is_zero():
    assert asymmetric_pair_loss(torch.randn(2, 2, 3), -torch.ones(2, 3)).item() == 0
    assert (
        asymmetric_sigmoid_loss(torch.randn(2, 3), -torch.ones(2, 3, dtype=torch.long)).item() == 0
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("target_value", [0.0, 0.5, 1.0])
def test_extreme_logits_are_finite_under_autocast(dtype, target_value):
    values = torch.tensor([1e4, -1e4, 0.0, 30.0])
    pair = torch.stack([values, -values], dim=1)[:, :, None].to(dtype).requires_grad_()
    single = values[:, None].to(dtype).requires_grad_()
    target = torch.full((4, 1), target_value)
    with torch.autocast("cpu", dtype=dtype):
        loss = asymmetric_pair_loss(pair, target) + asymmetric_sigmoid_loss(single, target)
        loss = loss + binary_pair_loss(pair, target) + binary_sigmoid_loss(single, target)
    loss.backward()
    assert loss.dtype == torch.float32
    assert all(torch.isfinite(t).all() for t in (loss, pair.grad, single.grad))


def test_extreme_logits_cost_the_log_of_eps():
    logits = torch.tensor([[[1e4], [-1e4]]])
    assert asymmetric_pair_loss(logits, torch.ones(1, 1)).item() == pytest.approx(
        -math.log(1e-6), rel=1e-5
    )
    assert asymmetric_pair_loss(logits, torch.zeros(1, 1)).item() == 0


@pytest.mark.parametrize("name", LOSS_REGISTRY.registered_names())
def test_modules_multiply_by_their_weight(name):
    logits = torch.randn(3, 2, 4) if LOSS_REGISTRY.get(name).takes_pairs else torch.randn(3, 4)
    target = torch.randint(0, 2, (3, 4))
    one, half = build_loss(name, weight=1.0), build_loss(name, weight=0.5)
    torch.testing.assert_close(half(logits, target), 0.5 * one(logits, target))
    assert "weight=0.5" in repr(half)


def test_the_default_module_is_the_paper_setting():
    logits, target = torch.randn(3, 2, 4), torch.randint(0, 2, (3, 4))
    expected = 0.03 * asymmetric_pair_loss(
        logits, target, gamma_neg=2, gamma_pos=1, clip=0.05, eps=1e-6
    )
    torch.testing.assert_close(build_loss("AsymmetricPairLoss")(logits, target), expected)


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r"\(3, 2, 4\).*\(3, 5\)"):
        asymmetric_pair_loss(torch.zeros(3, 2, 4), torch.zeros(3, 5))
    with pytest.raises(ValueError, match=r"\(3, 3, 4\)"):
        asymmetric_pair_loss(torch.zeros(3, 3, 4), torch.zeros(3, 4))
    with pytest.raises(ValueError, match=r"\(3, 4\).*\(4, 3\)"):
        asymmetric_sigmoid_loss(torch.zeros(3, 4), torch.zeros(4, 3))
    with pytest.raises(ValueError, match=r"\(3, 2, 4\).*\(3, 4\)"):
        binary_sigmoid_loss(torch.zeros(3, 2, 4), torch.zeros(3, 4))


def test_an_unknown_name_brings_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'AsymmetricPairLoss'"):
        build_loss("AsymetricPairLoss")


def test_an_option_has_the_default_of_its_argument_alone(monkeypatch):
    class OwnLoss(torch.nn.Module):
        def __init__(self, *, gamma=2.0):
            super().__init__()

    monkeypatch.setattr(core.config, "_declared", dict(core.config.declared_keys()))
    message = r"default of GAMMA is 5\.0, but .* OwnLoss is 2\.0; declare it with losses\.option"
    with pytest.raises(TypeError, match=message):
        declare_options(OwnLoss, core.config.Key("GAMMA", 5.0, "exponent"))
    for key in (option("GAMMA", "exponent", low=0.0), core.config.Key("GAMMA", 2.0, "exponent")):
        declare_options(OwnLoss, key)
        assert core.config.declared_keys()["LOSS.OWNLOSS.GAMMA"].default == 2.0
