"""``train.py --dry-run``: build a run, look at its data, measure a few steps, train nothing.

A dry run writes no file into the output folder, the feature cache or the data set. Only CLIP's
weights are downloaded, if they are missing, as training would do.
"""

import argparse
import tempfile
from typing import Any

import torch
from yacs.config import CfgNode

from core.errors import UserError
from core.logging import get_logger, only_warnings, setup_logging
from engine.base_choice import build_trainer, describe_base
from engine.costs import peak_memory
from engine.dry_run.batch import (
    describe_batch,
    describe_cache,
    load_batch,
    measure_cache,
    with_features,
)
from engine.dry_run.data import describe_data
from engine.dry_run.folders import check_folders, describe_folder, find_earlier_run
from engine.dry_run.measure import measure_evaluation, measure_steps
from engine.dry_run.parameters import describe_checkpoint, describe_parameters, learns
from engine.dry_run.schedule import (
    Times,
    describe_memory,
    describe_prediction,
    describe_schedule,
    describe_step,
    make_schedule,
)
from engine.run import log_start

log = get_logger()


def dry_run(args: argparse.Namespace, cfg: CfgNode, trainer_class: type) -> None:
    """Check, build and measure a run, and log what training would do.

    Everything that the trainer writes goes to a temporary folder, which is deleted at the end.

    Args:
        args: parsed command line.
        cfg: configuration of the run.
        trainer_class: class of the trainer.

    Raises:
        UserError: training would end with this error, now or when it resumes, or a step does not
            fit into the memory of the GPU.
    """
    setup_logging()
    log.info("Dry run: nothing is trained, and no file is written.\n")
    check_folders(cfg)
    with tempfile.TemporaryDirectory(prefix="dry_run_") as folder:
        trial = trial_config(cfg, folder)
        log_start(args, trial, describe_base(), trainer_class)
        log.info("\nBuilding data set, network and optimiser ...\n")
        with only_warnings():
            trainer = build_trainer(trial)
        try:
            report(trainer, cfg)
        except torch.OutOfMemoryError as error:
            reason = str(error).split(". ")[0]
            raise UserError(
                f"a step does not fit into the memory of the GPU ({reason}); lower "
                "DATALOADER.TRAIN_X.BATCH_SIZE or DATALOADER.TEST.BATCH_SIZE, or set "
                "SPEED.MICRO_BATCH, SPEED.RECOMPUTE_SEMANTIC or PREC amp"
            ) from error


def trial_config(cfg: CfgNode, folder: str) -> CfgNode:
    """Return the configuration of a dry run: it writes to ``folder``, and to no feature cache."""
    trial = cfg.clone()
    trial.defrost()
    trial.OUTPUT_DIR = folder
    trial.TRAIN.FEATURE_CACHE = ""
    trial.VERBOSE = False  # --print-config shows the configuration
    trial.freeze()
    return trial


def report(trainer: Any, cfg: CfgNode) -> None:
    """Log the parts of the report, one after another.

    Args:
        trainer: trainer with the configuration of :func:`trial_config`.
        cfg: configuration of the run.

    Raises:
        UserError: see :func:`dry_run`.
    """
    log.info("%s\n", describe_data(trainer, cfg))
    log.info("%s\n", describe_parameters(trainer))
    times = measure(trainer, cfg)
    log.info("%s", describe_memory(peak_memory(trainer.device)))
    log.info("%s\n", describe_checkpoint(trainer))
    earlier = find_earlier_run(trainer, cfg)
    log.info("%s\n", describe_schedule(make_schedule(trainer, times, earlier.epochs)))
    log.info("%s", describe_folder(trainer, cfg, earlier))
    if earlier.refusal is not None:
        raise earlier.refusal


def measure(trainer: Any, cfg: CfgNode) -> Times:
    """Measure a batch of train and of val, as far as the run reads them, and log both."""
    steps = evaluation = cache = None
    split, loader = "val", trainer.val_loader
    if learns(trainer):
        split, loader = "train", trainer.train_loader_x
    batch = load_batch(loader)
    used = with_features(trainer, batch, cfg)
    log.info("%s\n", describe_batch(trainer, batch, used, split=split, root=cfg.DATASET.ROOT))
    if cfg.TRAIN.FEATURE_CACHE:
        cache = measure_cache(trainer, batch)
        log.info("%s", describe_cache(cache, cfg.TRAIN.FEATURE_CACHE))
    if learns(trainer):
        steps = measure_steps(trainer, used)
        log.info("%s", describe_step(steps))
    if trainer.val_loader is not None and not cfg.TEST.NO_TEST:
        if split != "val":
            used = with_features(trainer, load_batch(trainer.val_loader), cfg)
        evaluation = measure_evaluation(trainer, used)
        log.info("%s", describe_prediction(evaluation))
    return Times(steps, evaluation, 0.0 if cache is None else cache.seconds)
