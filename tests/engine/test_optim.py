"""Schedules equal the schedulers of torch; optimisers have named groups."""

import pytest
import torch
from torch import nn

from core.config_merge import setup_cfg
from core.errors import UserError
from engine.optim import build_lr_scheduler, build_optimizer


def _optim(*opts):
    return setup_cfg([], opts=["OPTIM.NAME", "sgd", "OPTIM.LR", "0.1", *opts]).OPTIM


def _curve(optim_cfg, num_epochs, mults=None):
    groups = {"a": [nn.Parameter(torch.zeros(1))], "b": [nn.Parameter(torch.zeros(1))]}
    optimizer = build_optimizer(groups, optim_cfg, mults)
    scheduler = build_lr_scheduler(optimizer, optim_cfg)
    curve = []
    for _ in range(num_epochs):
        curve.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return curve


def _first_group(curve):
    return [rates[0] for rates in curve]


def _reference(make, num_epochs):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = make(optimizer)
    curve = []
    for _ in range(num_epochs):
        curve.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return curve


def test_cosine_with_constant_warmup_is_dassls():
    opts = ["OPTIM.LR_SCHEDULER", "cosine", "OPTIM.MAX_EPOCH", "6", "OPTIM.WARMUP_EPOCH", "1"]
    opts += ["OPTIM.WARMUP_TYPE", "constant", "OPTIM.WARMUP_CONS_LR", "1e-5"]
    curve = _curve(_optim(*opts), 6, {"b": 0.1})
    after = _reference(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 6), 5)
    assert curve[0] == pytest.approx([1e-5, 1e-5])
    expected = [[lr, 0.1 * lr] for lr in after]
    actual = torch.tensor(curve[1:], dtype=torch.float64)
    torch.testing.assert_close(actual, torch.tensor(expected, dtype=torch.float64))


def test_steps_are_torchs():
    single = _curve(_optim("OPTIM.LR_SCHEDULER", "single_step", "OPTIM.STEPSIZE", "(2,)"), 6)
    multi = _curve(_optim("OPTIM.LR_SCHEDULER", "multi_step", "OPTIM.STEPSIZE", "(2, 3)"), 6)
    every_second = _reference(lambda o: torch.optim.lr_scheduler.StepLR(o, 2), 6)
    milestones = _reference(lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [2, 3]), 6)
    assert _first_group(single) == pytest.approx(every_second)
    assert _first_group(multi) == pytest.approx(milestones)


def test_linear_warmup():
    opts = ["OPTIM.LR_SCHEDULER", "cosine", "OPTIM.WARMUP_EPOCH", "2"]
    opts += ["OPTIM.WARMUP_MIN_LR", "1e-3"]
    assert _first_group(_curve(_optim(*opts), 3)) == pytest.approx([1e-3, 0.05, 0.1])


def test_nothing_to_learn_is_a_users_error():
    with pytest.raises(UserError, match="nothing is learnable"):
        build_optimizer({"a": []}, _optim())


def test_a_multiplier_of_an_unknown_group_names_the_nearest_one():
    groups = {"prompts": [nn.Parameter(torch.zeros(1))]}
    with pytest.raises(UserError, match=r"lr_multipliers is 'promts'; .*mean 'prompts'"):
        build_optimizer(groups, _optim(), {"promts": 0.1})


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_every_optimiser_lowers_a_quadratic(name):
    weight = nn.Parameter(torch.ones(3))
    optimizer = build_optimizer({"w": [weight]}, _optim("OPTIM.NAME", name))
    for _ in range(20):
        optimizer.zero_grad()
        weight.square().sum().backward()
        optimizer.step()
    assert weight.square().sum() < 0.5
