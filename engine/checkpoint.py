"""Save checkpoints of learnable weights atomically, and resume runs from them.

A file contains the learnable weights, optimiser, schedule, loss scaling, the buffers of the loss,
random states and the best result so far. Frozen weights stay in the file of the backbone; their
digest in the checkpoint shows whether the same backbone is loaded. File names and basic keys are
Dassl's.
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
from core.config import Key, declare
from core.distributed import from_main
from core.errors import UserError
from core.files import write_atomically, write_text
from core.logging import get_logger
from core.seed import random_state, set_random_state
from engine.loss_state import load_loss, loss_state
from engine.own_code import OwnCode
from engine.run_settings import Settings, check_same_run

log = get_logger()

POINTER = "checkpoint"  # text file that names the last checkpoint of its folder
BEST, LAST = "model-best.pth.tar", "model-last.pth.tar"
NEEDED = ("optimizer", "scheduler", "scaler", "best_result", "random_states")  # for resuming

declare(
    "TRAIN",
    Key(
        "CHECKPOINT_FREQ",
        0,
        "also keep a checkpoint every N epochs; 0 keeps last and best",
        may_change=True,
    ),
)


# Files --------------------------------------------------------------------------------------------


def save_checkpoint(state: dict, path: Path, *, remember: bool = True) -> None:
    """Write a checkpoint; a crash leaves the old file.

    Args:
        state: content, with at least the keys ``state_dict`` and ``epoch``.
        path: file to write.
        remember: name the file in the pointer of its folder; resuming then starts from it.

    Raises:
        UserError: the file cannot be written.
    """
    _write(path, lambda temporary: torch.save(state, temporary))
    if remember:
        write_text(path.with_name(POINTER), f"{path.name}\n")
    log.info("Checkpoint saved to %s", path)


def copy_checkpoint(source: Path, folder: Path) -> None:
    """Copy a checkpoint file into ``folder`` under the same name; a crash leaves the old file."""
    _write(folder / source.name, lambda temporary: shutil.copyfile(source, temporary))


def _write(path: Path, write: Callable[[Path], object]) -> None:
    try:
        write_atomically(path, write)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        reason = str(error).splitlines()[0]
        raise UserError(f"cannot write the checkpoint {path}: {reason}") from error


def load_checkpoint(path: Path) -> dict:
    """Return the content of a checkpoint, with its tensors on the CPU.

    Raises:
        UserError: the file is missing (the error names the existing ones) or not a checkpoint.
    """
    if not path.is_file():
        found = sorted(p.name for p in path.parent.glob("*pth.tar*"))
        there = f"no checkpoint lies in {path.parent}"
        if not path.parent.parent.is_dir():
            there = f"there is no folder {path.parent.parent}"
        if found:
            there = f"the folder has {', '.join(found)}"
        raise UserError(f"no checkpoint at {path}; {there}")
    try:
        # Without weights_only, pickle would run code from the file.
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
    """Return the path in the pointer file of ``folder``, None where there is no pointer."""
    pointer = folder / POINTER
    if not pointer.is_file():
        return None
    name = pointer.read_text(encoding="utf-8").strip()
    return folder / name if name else None


def frozen_digest(model: nn.Module) -> str:
    """Return a digest of the frozen parameters, the buffers and the module types of ``model``.

    The types and settings of the modules count too, because equal weights can give other outputs:
    with another number of heads, activation or epsilon.
    """
    learnable = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    digest = hashlib.blake2b(digest_size=16)
    for name, module in model.named_modules():
        num_heads, eps = getattr(module, "num_heads", None), getattr(module, "eps", None)
        kind = (type(module).__name__, num_heads, eps)
        digest.update(f"{name} {kind}".encode())
    for name, tensor in sorted(model.state_dict().items()):
        if name not in learnable:
            digest.update(name.encode())
            # As bytes, because NumPy has no bfloat16.
            flat = tensor.detach().cpu().contiguous().view(-1)
            digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


# Saving and resuming a run ------------------------------------------------------------------------


def is_better(value: float, best: float) -> bool:
    """Return True if an epoch with ``value`` on val becomes the best one.

    Until an epoch has a number, the newest epoch is the best: NaN must not keep later epochs out,
    and there is always a best checkpoint.

    Args:
        value: selecting metric of the epoch; NaN where the metric has no value.
        best: that of the best epoch so far; -inf: none.
    """
    has_number = best > -math.inf  # False for NaN, too
    return value > best or not has_number


@dataclass(frozen=True)
class Resumed:
    """Point from which a run continues.

    Attributes:
        num_epochs: number of finished epochs.
        best_result: best value of the selecting metric on val so far; -inf: none.
    """

    num_epochs: int = 0
    best_result: float = -math.inf


class Checkpointer:
    """Save, load and resume the objects of one run in ``<output folder>/<name>/``.

    All processes call its methods. The main process reads and writes the files.

    Args:
        name: folder of the checkpoints.
        network: network with ``trainable_state_dict()`` and ``load_trainable_state_dict(state)``.
        optim: optimiser.
        sched: learning-rate schedule.
        scaler: loss scaling.
        settings: settings that a resumed run must not change; see
            :func:`engine.run_settings.run_settings`.
        digest: identifies the frozen weights and the classes.
        open_digest: identifies the frozen weights alone, if the learnable ones can score other
            classes; empty: they cannot.
        closed_set_reason: why they cannot, for an error.
        loss: loss, whose buffers a resumed run continues with; None: it has none.
        own_code: the user's own modules; None: there are none.
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
        open_digest: str = "",
        closed_set_reason: str = "",
        loss: nn.Module | None = None,
        own_code: OwnCode | None = None,
    ) -> None:
        self.name = name
        self.network = network
        self.optim = optim
        self.sched = sched
        self.scaler = scaler
        self.settings = settings
        self.digest = digest
        self.open_digest = open_digest
        self.closed_set_reason = closed_set_reason
        self.loss = nn.Module() if loss is None else loss
        self.own_code = own_code or OwnCode()

    def save(
        self,
        folder: str | Path,
        file: str,
        *,
        num_epochs: int,
        best_result: float,
        val_result: float | None = None,
    ) -> None:
        """Write the checkpoint ``<folder>/<name>/<file>``.

        Args:
            folder: output folder.
            file: file name; every name but :data:`BEST` becomes the checkpoint to resume from.
            num_epochs: number of finished epochs.
            best_result: best value of the selecting metric so far.
            val_result: value of the selecting metric after this epoch.

        Raises:
            UserError: the file cannot be written.
        """
        state = self.state(num_epochs, best_result, val_result)
        path = Path(folder, self.name, file)
        from_main(lambda: save_checkpoint(state, path, remember=file != BEST))

    def state(self, num_epochs: int, best_result: float, val_result: float | None) -> dict:
        """Return the content of a checkpoint; arguments as in :meth:`save`."""
        return {
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
            "open_digest": self.open_digest,
            "loss": loss_state(self.loss, self.network),
            "imports": self.own_code.digests,
        }

    def load(self, folder: str | Path, epoch: int | None = None) -> int:
        """Load weights for evaluation and return after how many epochs they were saved.

        Weights that do not belong to classes, such as shared prompts, also load for other classes.

        Args:
            folder: output folder of a run.
            epoch: epoch to load, from 1; None: the best one.

        Raises:
            UserError: there is no such checkpoint, or it does not fit this network.
        """
        path = Path(folder, self.name, BEST if epoch is None else f"model.pth.tar-{epoch}")
        checkpoint = from_main(lambda: load_checkpoint(path))
        self._load_weights(checkpoint, path, other_classes=True)
        if hasattr(self.loss, "scores"):  # the evaluation calls it
            load_loss(self.loss, self.network, checkpoint.get("loss", {}), path)
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
        """Restore weights, optimiser, schedule and random state from the last checkpoint.

        Args:
            folder: output folder to resume from.
            own_folder: output folder of this run; if it is another one, the best checkpoint is
                copied there.
            max_epoch: number of epochs of the run.
            required: True makes a folder without a checkpoint an error; False starts from scratch.

        Raises:
            UserError: the checkpoint comes from a run with other settings or frozen weights, or
                lacks a part that resuming needs.
        """
        path, checkpoint = from_main(lambda: self._read_last(Path(folder, self.name), required))
        if path is None:
            log.info("No checkpoint found, train from scratch")
            return Resumed()
        missing = [name for name in NEEDED if name not in checkpoint]
        if missing:
            raise UserError(
                f"{path} can be evaluated (--eval-only) but not resumed: it lacks "
                f"{', '.join(missing)}, which this version needs; give another --output-dir"
            )
        self._load_weights(checkpoint, path)
        own = Path(own_folder, self.name)
        from_main(lambda: _bring_along(path, checkpoint, own, max_epoch))
        self._restore(checkpoint, path)
        log.info("Resume from %s (epoch %d is done)", path, checkpoint["epoch"])
        return Resumed(checkpoint["epoch"], checkpoint["best_result"])

    def _read_last(self, folder: Path, required: bool) -> tuple[Path | None, dict]:
        """Return path and content of the last checkpoint in ``folder``, (None, {}) without one."""
        path = read_last_name(folder)
        if path is None:
            if required:
                raise UserError(f"RESUME is '{folder.parent}', but {folder} holds no checkpoint")
            return None, {}
        checkpoint = load_checkpoint(path)
        check_same_run(checkpoint.get("settings", {}), self.settings, path)
        return path, checkpoint

    def _restore(self, checkpoint: dict, path: Path) -> None:
        load_loss(self.loss, self.network, checkpoint.get("loss", {}), path)
        self.optim.load_state_dict(checkpoint["optimizer"])
        self.sched.load_state_dict(checkpoint["scheduler"])
        # Empty if the run before had no loss scaling: PREC amp depends on the GPU.
        if checkpoint["scaler"]:
            self.scaler.load_state_dict(checkpoint["scaler"])
        states, rank = checkpoint["random_states"], distributed.rank()
        if rank < len(states):  # the run before may have had fewer processes
            set_random_state(states[rank])

    def _load_weights(self, checkpoint: dict, path: Path, *, other_classes: bool = False) -> None:
        try:
            self.network.load_trainable_state_dict(checkpoint["state_dict"])
        except (RuntimeError, KeyError, ValueError) as error:
            reason = " ".join(str(error).split())[:300]
            raise UserError(
                f"{path} does not fit this configuration (backbone, classes, prompts): {reason}"
                f"{self._about_classes()}"
            ) from error
        self.own_code.warn_of_changes(checkpoint.get("imports", {}), f"{path} was trained")
        if checkpoint.get("source_digest", self.digest) == self.digest:
            return
        open_digest = checkpoint.get("open_digest", "")
        if other_classes and open_digest and open_digest == self.open_digest:
            log.info("%s was trained on other classes: its shared weights score these", path)
        else:
            raise UserError(
                f"{path} was trained on other frozen weights or classes; expected the same "
                "MODEL.BACKBONE.PATH or NAME (and --seed, if the backbone has random weights) and "
                f"words of DATASET.HIERARCHY{self._about_classes()}"
            )

    def _about_classes(self) -> str:
        """Return why other classes than those of training cannot be scored, for an error."""
        if not self.closed_set_reason:
            return ""
        return f". Other classes than in training cannot be evaluated: {self.closed_set_reason}"


def _bring_along(path: Path, checkpoint: dict, own: Path, max_epoch: int) -> None:
    """Copy the files that the end of the run may load from the resumed folder to ``own``."""
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
