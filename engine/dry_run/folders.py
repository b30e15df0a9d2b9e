"""The folders of a dry run: can they be written, and is a run there that training would resume?"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yacs.config import CfgNode

from core.errors import UserError
from core.logging import only_warnings
from engine.checkpoint import read_last_name
from engine.dry_run.parameters import learns


@dataclass(frozen=True)
class EarlierRun:
    """The run in the output folder.

    Attributes:
        checkpoint: its last checkpoint; None: there is none.
        epochs: its finished epochs.
        refusal: why training would refuse to resume it; None: it would not.
    """

    checkpoint: Path | None = None
    epochs: int = 0
    refusal: UserError | None = None


def check_folders(cfg: CfgNode) -> None:
    """Check without writing that training can create and write its folders.

    Raises:
        UserError: a folder cannot be written.
    """
    _check_writable("OUTPUT_DIR", cfg.OUTPUT_DIR)
    if cfg.TRAIN.FEATURE_CACHE:
        _check_writable("TRAIN.FEATURE_CACHE", cfg.TRAIN.FEATURE_CACHE)


def _check_writable(key: str, folder: str) -> None:
    path = Path(folder).expanduser().absolute()
    while not path.exists():
        path = path.parent
    if not path.is_dir():
        raise UserError(f"{key} '{folder}' cannot be written: {path} is a file")
    if not os.access(path, os.W_OK | os.X_OK):
        raise UserError(f"{key} '{folder}' cannot be written: no permission in {path}")


def find_earlier_run(trainer: Any, cfg: CfgNode) -> EarlierRun:
    """Return the run that training would resume, by resuming it in memory.

    Args:
        trainer: trainer of the dry run; its weights are those of the earlier run afterwards.
        cfg: configuration of the run.
    """
    if not learns(trainer):
        return EarlierRun()
    folder = cfg.RESUME or cfg.OUTPUT_DIR
    names = [read_last_name(Path(folder, name)) for name in trainer.get_model_names()]
    found = [path for path in names if path is not None]
    if not cfg.RESUME:  # a run in its own folder needs no copy of its files, so nothing is written
        trainer.output_dir = cfg.OUTPUT_DIR
    try:
        with only_warnings():
            epochs = trainer.resume_model_if_exist(folder)
    except UserError as error:
        return EarlierRun(found[0] if found else None, refusal=error)
    return EarlierRun(found[0] if found else None, epochs)


def describe_folder(trainer: Any, cfg: CfgNode, earlier: EarlierRun) -> str:
    """Return what training would find in the output folder."""
    folder = cfg.OUTPUT_DIR
    if earlier.refusal is not None:
        return f"Output folder {folder}: training would refuse to start there:"
    if earlier.checkpoint is not None:
        return f"Output folder {folder}: {_describe_resumed(earlier, cfg.OPTIM.MAX_EPOCH)}"
    if not Path(folder).is_dir() or not any(Path(folder).iterdir()):
        return f"Output folder {folder}: new"
    start = "training would start from scratch" if learns(trainer) else "the run would start"
    return f"Output folder {folder}: holds files, but no run to resume; {start} and replace results"


def _describe_resumed(earlier: EarlierRun, max_epoch: int) -> str:
    done = f"training would resume {earlier.checkpoint}"
    if earlier.epochs >= max_epoch:
        return f"{done}, which is complete ({max_epoch} epochs): it would only evaluate"
    return f"{done} after epoch {earlier.epochs} of {max_epoch}"
