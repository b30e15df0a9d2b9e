"""Checkpoints of learnable weights: files that are whole or absent, and resuming from them.

A file holds the learnable weights, optimiser, schedule, loss scaling, random states and the best
result so far. Frozen weights stay in the backbone's own file; a digest of them tells whether the
same backbone is loaded. The names are Dassl's.
"""

import hashlib
import math
import pickle
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core import distributed
from core.distributed import from_main
from core.errors import UserError
from core.files import write_atomically, write_text
from core.logging import get_logger
from core.seed import random_state, set_random_state
from engine.run_settings import Settings, check_same_run

log = get_logger()

POINTER = "checkpoint"  # text file that names the last checkpoint of its folder
BEST, LAST = "model-best.pth.tar", "model-last.pth.tar"
NEEDED = ("optimizer", "scheduler", "scaler", "best_result", "random_states")  # for resuming


# Files --------------------------------------------------------------------------------------------


def save_checkpoint(state: dict, path: Path, *, remember: bool = True) -> None:
    """Write ``state`` to ``path``; a crash leaves the old file. ``remember`` makes it the one to
    resume from.

    Raises:
        UserError: the file cannot be written.
    """
    _write(path, lambda temporary: torch.save(state, temporary))
    if remember:
        write_text(path.with_name(POINTER), f"{path.name}\n")
    log.info("Checkpoint saved to %s", path)


def copy_checkpoint(source: Path, folder: Path) -> None:
    """Copy a checkpoint file into ``folder`` under its name; a crash leaves the old file."""
    _write(folder / source.name, lambda temporary: shutil.copyfile(source, temporary))


def _write(path: Path, write: Callable[[Path], object]) -> None:
    try:
        write_atomically(path, write)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        reason = str(error).splitlines()[0]
        raise UserError(f"cannot write the checkpoint {path}: {reason}") from error


def load_checkpoint(path: Path) -> dict:
    """Read a checkpoint to the CPU.

    Raises:
        UserError: the file is missing (the error names those that are there) or not a checkpoint.
    """
    if not path.is_file():
        found = sorted(p.name for p in path.parent.glob("*pth.tar*"))
        there = (
            f"the folder has {', '.join(found)}"
            if found
            else f"no checkpoint lies in {path.parent}"
        )
        raise UserError(f"no checkpoint at {path}; {there}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines() or ["unreadable"]
        raise UserError(f"{path} is not a checkpoint that can be read: {reason[0]}") from error
    if not isinstance(state, dict) or not {"state_dict", "epoch"} <= state.keys():
        raise UserError(
            f"{path} is not a checkpoint of a trainer; expected the keys state_dict and epoch"
        )
    return state


def read_last_name(folder: Path) -> Path | None:
    """Return the last checkpoint of ``folder`` that its pointer file names, or None."""
    pointer = folder / POINTER
    if not pointer.is_file():
        return None
    name = pointer.read_text(encoding="utf-8").strip()
    return folder / name if name else None


def frozen_digest(model: nn.Module) -> str:
    """Return a digest of the frozen parameters and buffers of ``model`` and of the kinds of its
    modules.

    The kinds count because weights do not tell everything: number of heads, activation, epsilon.
    """
    learnable = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    digest = hashlib.blake2b(digest_size=16)
    for name, module in model.named_modules():
        kind = (
            type(module).__name__,
            getattr(module, "num_heads", None),
            getattr(module, "eps", None),
        )
        digest.update(f"{name} {kind}".encode())
    for name, tensor in sorted(model.state_dict().items()):
        if name not in learnable:
            digest.update(name.encode())
            flat = tensor.detach().cpu().contiguous().view(-1)
            digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


# Saving and resuming a run ------------------------------------------------------------------------


@dataclass(frozen=True)
class Resumed:
    """Where a resumed run continues: number of finished epochs and the best result so far (-inf:
    none).
    """

    num_epochs: int = 0
    best_result: float = -math.inf


class Checkpointer:
    """Save, load and resume the objects of one run, below ``<output folder>/<name>/``.

    Args:
        name: folder of the checkpoints.
        network: has ``trainable_state_dict()`` and ``load_trainable_state_dict(state)``.
        optim: optimiser.
        sched: learning-rate schedule.
        scaler: loss scaling.
        settings: what a resumed run must not change (:func:`engine.run_settings.run_settings`).
        digest: identifies the frozen weights and the classes.
    """

    def __init__(
        self,
        name: str,
        *,
        network: Any,
        optim: torch.optim.Optimizer,
        sched: Any,
        scaler: torch.amp.GradScaler,
        settings: Settings,
        digest: str,
    ) -> None:
        self.name = name
        self.network = network
        self.optim = optim
        self.sched = sched
        self.scaler = scaler
        self.settings = settings
        self.digest = digest

    def save(
        self,
        folder: str | Path,
        file: str,
        *,
        num_epochs: int,
        best_result: float,
        val_result: float | None = None,
    ) -> None:
        """Write ``<folder>/<name>/<file>`` after ``num_epochs`` epochs; all processes call it, the
        main one writes.
        """
        state = {
            "state_dict": self.network.trainable_state_dict(),
            "epoch": num_epochs,
            "optimizer": self.optim.state_dict(),
            "scheduler": self.sched.state_dict(),
            "val_result": val_result,
            "best_result": float(best_result),
            "scaler": self.scaler.state_dict(),
            "random_states": distributed.gather_objects(random_state()) or [],  # of each process
            "settings": self.settings,
            "source_digest": self.digest,
        }
        path = Path(folder, self.name, file)
        from_main(lambda: save_checkpoint(state, path, remember=file != BEST))

    def load(self, folder: str | Path, epoch: int | None = None) -> int:
        """Load the best weights of ``folder``, or those of ``epoch``, for evaluation; return the
        number of epochs.

        Raises:
            UserError: there is no such checkpoint, or it does not fit this network.
        """
        path = Path(folder, self.name, BEST if epoch is None else f"model.pth.tar-{epoch}")
        checkpoint = from_main(lambda: load_checkpoint(path))
        self._load_weights(checkpoint, path)
        log.info(
            "Load %s (epoch=%d, val_result=%s)",
            path,
            checkpoint["epoch"],
            checkpoint.get("val_result"),
        )
        return checkpoint["epoch"]

    def resume(
        self, folder: str | Path, *, own_folder: str | Path, max_epoch: int, required: bool
    ) -> Resumed:
        """Restore weights, optimiser, schedule and random state from the last checkpoint of
        ``folder``.

        Args:
            folder: output folder to resume from.
            own_folder: output folder of this run; the best checkpoint is copied there where it is
                another one.
            max_epoch: length of the run.
            required: a folder without a checkpoint is an error, not a run from scratch.

        Raises:
            UserError: the checkpoint is of a run with other settings or weights, or cannot be
                resumed.
        """
        path, checkpoint = from_main(lambda: self._read_last(Path(folder, self.name), required))
        if path is None:
            log.info("No checkpoint found, train from scratch")
            return Resumed()
        missing = [name for name in NEEDED if name not in checkpoint]
        if missing:
            raise UserError(
                f"{path} can be evaluated (--eval-only) but not resumed: it lacks "
                f"{', '.join(missing)}, which this "
                "version needs; give another --output-dir"
            )
        self._load_weights(checkpoint, path)
        own = Path(own_folder, self.name)
        from_main(lambda: _bring_along(path, checkpoint, own, max_epoch))
        self._restore(checkpoint)
        log.info("Resume from %s (epoch %d is done)", path, checkpoint["epoch"])
        return Resumed(checkpoint["epoch"], checkpoint["best_result"])

    def _read_last(self, folder: Path, required: bool) -> tuple[Path | None, dict]:
        """Return path and content of the last checkpoint of ``folder``; None where there is none."""
        path = read_last_name(folder)
        if path is None:
            if required:
                raise UserError(f"RESUME is '{folder.parent}', but {folder} holds no checkpoint")
            return None, {}
        checkpoint = load_checkpoint(path)
        check_same_run(checkpoint.get("settings", {}), self.settings, path)
        return path, checkpoint

    def _restore(self, checkpoint: dict) -> None:
        self.optim.load_state_dict(checkpoint["optimizer"])
        self.sched.load_state_dict(checkpoint["scheduler"])
        if checkpoint["scaler"]:  # empty without loss scaling: PREC amp on another kind of GPU
            self.scaler.load_state_dict(checkpoint["scaler"])
        states, rank = checkpoint["random_states"], distributed.rank()
        if rank < len(states):  # there may have been fewer processes
            set_random_state(states[rank])

    def _load_weights(self, checkpoint: dict, path: Path) -> None:
        try:
            self.network.load_trainable_state_dict(checkpoint["state_dict"])
        except (RuntimeError, KeyError, ValueError) as error:
            reason = " ".join(str(error).split())[:300]
            raise UserError(
                f"{path} does not fit this configuration (backbone, classes, prompts): {reason}"
            ) from error
        if checkpoint.get("source_digest", self.digest) != self.digest:
            raise UserError(
                f"{path} was trained on other frozen weights or classes; expected the same "
                "MODEL.BACKBONE.PATH or NAME "
                "(and --seed, where the backbone starts from random weights) and words of "
                "DATASET.HIERARCHY"
            )


def _bring_along(path: Path, checkpoint: dict, own: Path, max_epoch: int) -> None:
    """Copy what the end of the run may need from the folder of ``path`` to ``own``, where that is
    another folder.
    """
    if path.parent.resolve() == own.resolve():
        return
    best = path.with_name(BEST)
    if best.is_file():
        copy_checkpoint(best, own)
    elif math.isfinite(checkpoint.get("best_result", -math.inf)):
        raise UserError(
            f"{path.parent} has no {BEST}, so the best epoch so far is lost; copy it there"
        )
    if checkpoint["epoch"] >= max_epoch:
        copy_checkpoint(path, own)
