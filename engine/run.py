"""Start of a run: checks and log lines before the trainer is built."""

import argparse
import inspect
import platform
from pathlib import Path

import torch
import torchvision
from yacs.config import CfgNode

from core.config import Components, declared_keys
from core.config_merge import flatten
from core.distributed import world_size
from core.errors import UserError, not_registered
from core.logging import get_logger
from engine.own_code import OwnCode
from engine.run_card import FILE as CARD_FILE
from engine.run_card import read_card
from engine.run_settings import unused_keys
from engine.runner import MultiLabelRunner
from engine.trainer_checkpoints import TrainerCheckpoints

OF_RESULTS = ("TRAINER.NAME", "DATASET.NAME")  # keys that tell whose results a folder has

log = get_logger()


def find_trainer(cfg: CfgNode, registry: Components) -> type:
    """Return the class of the configured trainer.

    Args:
        cfg: configuration of the run.
        registry: registry of the trainers.

    Raises:
        UserError: there is no trainer of this name, its class lacks a method, or it cannot run on
            several processes.
    """
    names = registry.registered_names()
    name = cfg.TRAINER.NAME
    if not name:
        raise UserError(f"TRAINER.NAME is empty; give --trainer: {', '.join(sorted(names))}")
    if name not in names:
        raise UserError(not_registered("TRAINER.NAME", name, names))
    cls = registry.get(name)
    if inspect.isabstract(cls):
        missing = ", ".join(sorted(cls.__abstractmethods__))
        raise UserError(
            f"the trainer {name} ({cls.__module__}) does not define {missing}; add it to the class"
        )
    # Other trainers of Dassl's kind know nothing of processes: each would write the same files.
    if world_size() > 1 and not issubclass(cls, MultiLabelRunner):
        raise UserError(
            f"TRAINER.NAME '{name}' is not a MultiLabelTrainer, so it runs on one process only; "
            "start it with python instead of torchrun"
        )
    return cls


def check_output_folder(cfg: CfgNode) -> None:
    """Check that the output folder has no results of another method or data set.

    Raises:
        UserError: it has, and the run would overwrite them.
    """
    folder = Path(cfg.OUTPUT_DIR)
    if not (folder / CARD_FILE).is_file():
        return
    card = read_card(folder)
    before, now = dict(flatten(card["config"])), dict(flatten(cfg))
    named = [f"{key} {before[key]}" for key in OF_RESULTS if before.get(key)]
    is_same = all(before.get(key, now[key]) == now[key] for key in OF_RESULTS)
    if card.get("kind") == "predictions" or not is_same:
        raise UserError(
            f"OUTPUT_DIR {folder} has the results of another run ({', '.join(named)}), which would "
            "be overwritten; give another folder (--output-dir)"
        )


def log_start(args: argparse.Namespace, cfg: CfgNode, base: str, trainer: type) -> None:
    """Log arguments and configuration (if ``VERBOSE``), system, base, and ignored settings.

    Args:
        args: parsed command line.
        cfg: configuration of the run.
        base: line about the base of the trainers.
        trainer: class of the trainer.
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
    folder = Path(cfg.OUTPUT_DIR)
    # A trainer with checkpoints compares its code with the checkpoint that it resumes.
    if (folder / CARD_FILE).is_file() and not issubclass(trainer, TrainerCheckpoints):
        OwnCode(cfg.IMPORTS).warn_of_changed_card(read_card(folder), folder)


def ignored_settings(cfg: CfgNode, trainer: type) -> list[str]:
    """Return the keys that are set but belong to a trainer or loss that the run does not use.

    Args:
        cfg: configuration of the run.
        trainer: class of the trainer.
    """
    values = dict(flatten(cfg))
    unused = unused_keys(cfg, trainer)
    ignored = []
    for name, key in declared_keys().items():
        if name in unused and values.get(name) != key.default:
            ignored.append(name)
    return ignored
