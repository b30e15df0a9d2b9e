"""Optimisers over named parameter groups, and Dassl's learning-rate schedules by epoch."""

import bisect
import math
from collections.abc import Callable, Mapping

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError, not_accepted
from core.logging import get_logger

log = get_logger()

OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}

declare(
    "OPTIM",
    Key("NAME", "adam", "optimiser", choices=tuple(OPTIMIZERS)),
    Key("LR", 3e-4, "learning rate of the prompts and of groups without a multiplier", low=0.0),
    Key("WEIGHT_DECAY", 5e-4, "L2 penalty (decoupled in adamw)", low=0.0),
    Key("MOMENTUM", 0.9, "momentum of sgd", low=0.0, high=1.0),
    Key("SGD_DAMPNING", 0, "dampening of sgd", low=0.0),
    Key("SGD_NESTEROV", False, "Nesterov momentum of sgd"),
    Key("ADAM_BETA1", 0.9, "decay of the first moment of adam and adamw", low=0.0, high=1.0),
    Key("ADAM_BETA2", 0.999, "decay of the second moment of adam and adamw", low=0.0, high=1.0),
    Key(
        "LR_SCHEDULER",
        "single_step",
        "learning rate by epoch",
        choices=("single_step", "multi_step", "cosine"),
    ),
    Key("STEPSIZE", (-1,), "epochs per step, or the milestones of multi_step; -1: MAX_EPOCH"),
    Key("GAMMA", 0.1, "factor of a step", low=0.0),
    Key("MAX_EPOCH", 10, "epochs", low=1),
    Key("WARMUP_EPOCH", -1, "epochs of warm-up; -1 for none"),
    Key("WARMUP_TYPE", "linear", "learning rate during warm-up", choices=("linear", "constant")),
    Key("WARMUP_CONS_LR", 1e-5, "learning rate of every group in constant warm-up", low=0.0),
    Key(
        "WARMUP_MIN_LR",
        1e-5,
        "learning rate of every group in the first epoch of linear warm-up",
        low=0.0,
    ),
    Key(
        "WARMUP_RECOUNT",
        True,
        "start the schedule after warm-up (True) or run it from epoch 0 (False)",
    ),
)


def build_optimizer(
    groups: Mapping[str, list[nn.Parameter]],
    optim_cfg: CfgNode,
    lr_mults: Mapping[str, float] | None = None,
) -> torch.optim.Optimizer:
    """Build the optimiser ``optim_cfg.NAME`` over named parameter groups.

    Args:
        groups: parameters by group name; empty groups are left out. The optimiser has the name in
            ``param_groups[i]["name"]``.
        optim_cfg: section ``OPTIM`` of the configuration.
        lr_mults: factor of ``OPTIM.LR`` by group name; other groups have factor 1.

    Raises:
        UserError: all groups are empty, or a multiplier is for a group that does not exist.
    """
    mults = dict(lr_mults or {})
    for name in mults:
        if name not in groups:
            raise UserError(not_accepted("a group in lr_multipliers", name, groups))
    param_groups = []
    for name, params in groups.items():
        if params:
            lr = optim_cfg.LR * mults.get(name, 1.0)
            param_groups.append({"params": list(params), "lr": lr, "name": name})
    if not param_groups:
        raise UserError("nothing is learnable in this configuration; there is nothing to train")
    options = {"lr": optim_cfg.LR, "weight_decay": optim_cfg.WEIGHT_DECAY}
    if optim_cfg.NAME == "sgd":
        options["momentum"] = optim_cfg.MOMENTUM
        options["dampening"] = optim_cfg.SGD_DAMPNING
        options["nesterov"] = optim_cfg.SGD_NESTEROV
    else:
        options["betas"] = (optim_cfg.ADAM_BETA1, optim_cfg.ADAM_BETA2)
    return OPTIMIZERS[optim_cfg.NAME](param_groups, **options)


def build_lr_scheduler(optimizer: torch.optim.Optimizer, optim_cfg: CfgNode) -> LambdaLR:
    """Return the schedule of :func:`lr_at_epoch`; call its ``step()`` once after each epoch.

    Args:
        optimizer: optimiser; the learning rate of each group is its base rate.
        optim_cfg: section ``OPTIM`` of the configuration.
    """
    factors = [_relative_rate(group["lr"], optim_cfg) for group in optimizer.param_groups]
    return LambdaLR(optimizer, factors)


def _relative_rate(base_lr: float, optim_cfg: CfgNode) -> Callable[[int], float]:
    """Return the function from epoch to factor of ``base_lr`` that torch's scheduler needs."""

    def factor(epoch: int) -> float:
        if base_lr == 0:
            return 0.0
        return lr_at_epoch(epoch, base_lr, optim_cfg) / base_lr

    return factor


def lr_at_epoch(epoch: int, base_lr: float, optim_cfg: CfgNode) -> float:
    """Return the learning rate of an epoch for a group with the base rate ``base_lr``.

    Warm-up is Dassl's. ``constant`` gives every group ``WARMUP_CONS_LR``. ``linear`` gives
    ``WARMUP_MIN_LR`` in the first epoch, then ``base_lr * epoch / WARMUP_EPOCH``. After warm-up the
    schedule starts at its epoch 0 if ``WARMUP_RECOUNT`` is True. Its length is ``MAX_EPOCH`` in
    either case.

    Args:
        epoch: number of the epoch, from 0.
        base_lr: learning rate of the group without a schedule.
        optim_cfg: section ``OPTIM`` of the configuration.
    """
    warmup = max(optim_cfg.WARMUP_EPOCH, 0)
    if epoch >= warmup:
        start = warmup if optim_cfg.WARMUP_RECOUNT else 0
        return base_lr * _schedule_factor(epoch - start, optim_cfg)
    if optim_cfg.WARMUP_TYPE == "constant":
        return optim_cfg.WARMUP_CONS_LR
    if epoch == 0:
        return optim_cfg.WARMUP_MIN_LR
    return base_lr * epoch / warmup


def _schedule_factor(epoch: int, optim_cfg: CfgNode) -> float:
    """Return the factor of the base rate, without warm-up; the schedules are torch's."""
    if optim_cfg.LR_SCHEDULER == "cosine":
        return 0.5 * (1 + math.cos(math.pi * epoch / optim_cfg.MAX_EPOCH))
    steps = [int(step) for step in optim_cfg.STEPSIZE]
    if optim_cfg.LR_SCHEDULER == "multi_step":
        return optim_cfg.GAMMA ** bisect.bisect_right(sorted(steps), epoch)
    # As in Dassl: no positive step size means a single step at the end, so a constant rate.
    size = steps[-1] if steps and steps[-1] > 0 else optim_cfg.MAX_EPOCH
    return optim_cfg.GAMMA ** (epoch // size)


def log_param_groups(optimizer: torch.optim.Optimizer, network: nn.Module) -> None:
    """Log the size and learning rate of each group, and the number of frozen values.

    Args:
        optimizer: optimiser of :func:`build_optimizer`.
        network: network whose parameters are in the groups or frozen.
    """
    log.info("Parameter groups:")
    for group in optimizer.param_groups:
        params = group["params"]
        num_values = sum(p.numel() for p in params)
        log.info(
            "  %-12s %4d tensors %12s values  lr %.3e",
            group["name"],
            len(params),
            f"{num_values:,}",
            # The rate before warm-up, which the schedule has already applied to "lr".
            group.get("initial_lr", group["lr"]),
        )
    num_frozen = sum(p.numel() for p in network.parameters() if not p.requires_grad)
    log.info("  %-12s %30s values  no gradient, no optimiser state", "frozen", f"{num_frozen:,}")
