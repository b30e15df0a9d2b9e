"""The start of a run: what is checked and logged before a trainer is built."""

import argparse
import platform

import torch
import torchvision
from yacs.config import CfgNode

from core.distributed import world_size
from core.errors import UserError, not_accepted
from core.logging import get_logger
from engine.trainer import MultiLabelTrainer

log = get_logger()


def check_trainer_name(cfg: CfgNode, registry: object) -> None:
    """Raise :class:`UserError` if no trainer has the configured name."""
    names = registry.registered_names()
    if not cfg.TRAINER.NAME:
        raise UserError(f"TRAINER.NAME is empty; give --trainer: {', '.join(sorted(names))}")
    if cfg.TRAINER.NAME not in names:
        raise UserError(not_accepted("TRAINER.NAME", cfg.TRAINER.NAME, names))
    if world_size() > 1 and not issubclass(registry.get(cfg.TRAINER.NAME), MultiLabelTrainer):
        raise UserError(
            f"TRAINER.NAME '{cfg.TRAINER.NAME}' is no MultiLabelTrainer, so it runs on one process only; "
            "start it with python instead of torchrun"
        )


def log_start(args: argparse.Namespace, cfg: CfgNode, base: str) -> None:
    """Log arguments, configuration, system and base."""
    given = "\n".join(
        f"{name}: {value}"
        for name, value in sorted(vars(args).items())
        if value not in (None, "", [])
    )
    log.info("***************\n** Arguments **\n***************\n%s", given)
    log.info("************\n** Config **\n************\n%s", cfg)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() and cfg.USE_CUDA else "CPU"
    log.info(
        "** System info **\nPython %s, torch %s, torchvision %s, device %s, processes %d",
        platform.python_version(), torch.__version__, torchvision.__version__, device, world_size(),
    )  # fmt: skip
    log.info(base)
    if cfg.SEED >= 0:
        log.info("Setting fixed seed: %d", cfg.SEED)
