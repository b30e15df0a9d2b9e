"""Optimisers over named parameter groups, and learning-rate schedules by epoch with Dassl's
meaning.
"""

import bisect
import math
from collections.abc import Mapping

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError
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
    """Build ``optim_cfg.NAME`` over ``{name: parameters}``; a group's learning rate is ``LR`` times
    its multiplier.

    Empty groups are left out. Each group keeps its name in ``param_groups[i]["name"]``.
    """
    mults = dict(lr_mults or {})
    unknown = set(mults) - set(groups)
    assert not unknown, f"learning-rate multipliers for unknown groups: {sorted(unknown)}"
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
    """Build the schedule; call ``step()`` once after every epoch."""
    lambdas = [
        lambda epoch, base=group["lr"]: lr_at_epoch(epoch, base, optim_cfg) / base if base else 0.0
        for group in optimizer.param_groups
    ]
    return LambdaLR(optimizer, lambdas)


def lr_at_epoch(epoch: int, base_lr: float, optim_cfg: CfgNode) -> float:
    """Return the learning rate of 0-based ``epoch`` for a group whose own rate is ``base_lr``.

    Warm-up as in Dassl: ``constant`` gives every group ``WARMUP_CONS_LR``; ``linear`` starts at
    ``WARMUP_MIN_LR`` and goes on with ``base_lr * epoch / WARMUP_EPOCH``. Then the schedule starts
    at its own epoch 0 (``WARMUP_RECOUNT``), its length being ``MAX_EPOCH`` all the same.
    """
    warmup = max(optim_cfg.WARMUP_EPOCH, 0)
    if epoch < warmup:
        if optim_cfg.WARMUP_TYPE == "constant":
            return optim_cfg.WARMUP_CONS_LR
        return optim_cfg.WARMUP_MIN_LR if epoch == 0 else base_lr * epoch / warmup
    return base_lr * _schedule_factor(
        epoch - warmup if optim_cfg.WARMUP_RECOUNT else epoch, optim_cfg
    )


def _schedule_factor(epoch: int, optim_cfg: CfgNode) -> float:
    if optim_cfg.LR_SCHEDULER == "cosine":
        return 0.5 * (1 + math.cos(math.pi * epoch / optim_cfg.MAX_EPOCH))
    steps = [int(step) for step in optim_cfg.STEPSIZE]
    if optim_cfg.LR_SCHEDULER == "multi_step":
        return optim_cfg.GAMMA ** bisect.bisect_right(sorted(steps), epoch)
    size = steps[-1] if steps and steps[-1] > 0 else optim_cfg.MAX_EPOCH
    return optim_cfg.GAMMA ** (epoch // size)


def log_param_groups(optimizer: torch.optim.Optimizer, num_frozen: int) -> None:
    """Log name, number of tensors and values, and learning rate of each group, and what is frozen."""
    log.info("Parameter groups:")
    for group in optimizer.param_groups:
        num_values = sum(p.numel() for p in group["params"])
        log.info(
            "  %-12s %4d tensors %12s values  lr %.3e", group["name"], len(group["params"]), f"{num_values:,}",
            group.get("initial_lr", group["lr"]),
        )  # fmt: skip
    log.info("  %-12s %30s values  no gradient, no optimiser state", "frozen", f"{num_frozen:,}")
