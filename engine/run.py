"""The start of a run: the checks and log lines before a trainer is built."""

import argparse
import inspect
import platform

import torch
import torchvision
from yacs.config import CfgNode

from core.config import Components, declared_keys, is_component
from core.config_merge import flatten
from core.distributed import world_size
from core.errors import UserError, not_accepted
from core.logging import get_logger
from engine.run_settings import sections_in_use
from engine.runner import MultiLabelRunner

log = get_logger()


def find_trainer(cfg: CfgNode, registry: Components) -> type:
    """Return the configured trainer's class.

    Raises:
        UserError: there is none of that name, it lacks methods, or it cannot run on several
            processes.
    """
    names = registry.registered_names()
    name = cfg.TRAINER.NAME
    if not name:
        raise UserError(f"TRAINER.NAME is empty; give --trainer: {', '.join(sorted(names))}")
    if name not in names:
        raise UserError(not_accepted("TRAINER.NAME", name, names))
    cls = registry.get(name)
    if inspect.isabstract(cls):
        missing = ", ".join(sorted(cls.__abstractmethods__))
        raise UserError(
            f"the trainer {name} of {cls.__module__} has no {missing}; define what is missing"
        )
    if world_size() > 1 and not issubclass(cls, MultiLabelRunner):
        raise UserError(
            f"TRAINER.NAME '{name}' is no MultiLabelTrainer, so it runs on one process only; "
            "start it with python instead of torchrun"
        )
    return cls


def log_start(args: argparse.Namespace, cfg: CfgNode, base: str, trainer: type) -> None:
    """Log arguments and configuration (with ``VERBOSE``), system, base, and settings without
    effect.
    """
    if cfg.VERBOSE:
        given = []
        for name, value in sorted(vars(args).items()):
            if value not in (None, "", []):
                given.append(f"{name}: {value}")
        lines = "\n".join(given)
        log.info("***************\n** Arguments **\n***************\n%s", lines)
        log.info("************\n** Config **\n************\n%s", cfg)
    device = "CPU"
    if torch.cuda.is_available() and cfg.USE_CUDA:
        device = torch.cuda.get_device_name()
    log.info(
        "** System info **\nPython %s, torch %s, torchvision %s, device %s, processes %d",
        platform.python_version(), torch.__version__, torchvision.__version__, device, world_size(),
    )  # fmt: skip
    log.info(base)
    if cfg.SEED >= 0:
        log.info("Setting fixed seed: %d", cfg.SEED)
    ignored = ignored_settings(cfg, trainer)
    if ignored:
        log.info("Ignored, because another trainer or loss reads them: %s", ", ".join(ignored))


def ignored_settings(cfg: CfgNode, trainer: type) -> list[str]:
    """Return the keys that are set, but are options of a trainer or loss that is not in use."""
    used = sections_in_use(cfg, trainer)
    values = dict(flatten(cfg))
    ignored = []
    for name, key in declared_keys().items():
        if (
            is_component(key.section)
            and key.section not in used
            and values.get(name) != key.default
        ):
            ignored.append(name)
    return ignored
