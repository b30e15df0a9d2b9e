"""Checkpoint files: written atomically, read with ``weights_only``, named as Dassl names them."""

import hashlib
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from core.errors import UserError
from core.logging import get_logger

log = get_logger()
POINTER = "checkpoint"  # text file that names the last checkpoint of its folder


def save_checkpoint(state: dict, path: Path, *, remember: bool = True) -> None:
    """Write ``state`` to ``path``; a crash leaves the old file. ``remember`` makes it the one to resume from."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_whole(path, lambda temporary: torch.save(state, temporary))
    if remember:
        _write_whole(
            path.with_name(POINTER),
            lambda temporary: temporary.write_text(f"{path.name}\n", "utf-8"),
        )
    log.info("Checkpoint saved to %s", path)


def copy_checkpoint(source: Path, folder: Path) -> None:
    """Copy a checkpoint file into ``folder`` under its name; a crash leaves the old file."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_whole(folder / source.name, lambda temporary: shutil.copyfile(source, temporary))


def _write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside ``path`` and move it there, so that there is always the old file or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        write(temporary)
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        temporary.unlink(missing_ok=True)
        raise UserError(
            f"cannot write the checkpoint {path}: {str(error).splitlines()[0]}"
        ) from error


def load_checkpoint(path: Path) -> dict:
    """Read a checkpoint to the CPU.

    Raises:
        UserError: the file is missing (the error names those that are there) or not a checkpoint.
    """
    if not path.is_file():
        found = (
            sorted(p.name for p in path.parent.glob("*pth.tar*")) if path.parent.is_dir() else []
        )
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
    """Return a digest of all that ``model`` does not learn: frozen parameters and buffers, and its modules' kinds.

    The kinds count because weights do not tell everything: number of heads, activation, epsilon.
    """
    trainable = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    digest = hashlib.blake2b(digest_size=16)
    for name, module in model.named_modules():
        kind = (
            type(module).__name__,
            getattr(module, "num_heads", None),
            getattr(module, "eps", None),
        )
        digest.update(f"{name} {kind}".encode())
    for name, tensor in sorted(model.state_dict().items()):
        if name not in trainable:
            digest.update(name.encode())
            digest.update(
                tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data
            )
    return digest.hexdigest()
