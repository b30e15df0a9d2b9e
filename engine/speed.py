"""What makes a run faster or smaller and leaves its result alone: the keys ``SPEED.*``."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import nn
from yacs.config import CfgNode

from core.config import Key, declare
from core.logging import get_logger
from engine.precision import Precision
from models.base import ClipNetwork, FrozenFeatures

log = get_logger()

PARTS = ("trunk", "semantic", "text")  # of a network, that torch.compile can be given

# None of these changes the numbers of a run but for rounding. TF32 does, so a resumed run must keep
# it.
declare(
    "SPEED",
    Key(
        "CHANNELS_LAST",
        True,
        "keep the channels of a location together in memory, for convolutions",
        may_change=True,
    ),
    Key(
        "RECOMPUTE_SEMANTIC",
        False,
        "recompute the activations of the learnable layers instead of keeping them",
        may_change=True,
    ),
    Key("COMPILE", (), "parts to give to torch.compile", choices=PARTS, may_change=True),
    Key(
        "TF32",
        "torch",
        "TF32 (10 bits of mantissa) in fp32 products on CUDA; torch: as torch has it, for "
        "convolutions alone",
        choices=("torch", "on", "off"),
    ),
)

Inputs = torch.Tensor | FrozenFeatures


def apply_speed(model: ClipNetwork, cfg: CfgNode, device: torch.device) -> None:
    """Apply ``cfg.SPEED`` to ``model``, which is on ``device``; values, names and gradients stay.

    A network without the part of a setting is named in a warning.
    """
    speed = cfg.SPEED
    set_tf32(speed.TF32, device)
    if speed.CHANNELS_LAST and not _call(model, "channels_last"):
        _warn_ignored("SPEED.CHANNELS_LAST", model)
    if speed.RECOMPUTE_SEMANTIC and not _call(model, "recompute"):
        _warn_ignored("SPEED.RECOMPUTE_SEMANTIC", model)
    if speed.COMPILE:
        compile_parts(model, speed.COMPILE, device)


def _call(model: nn.Module, method: str, *args: object) -> object:
    """Return the result of a method of ``model``, None where the network does not have it."""
    return getattr(model, method)(*args) if hasattr(model, method) else None


def _warn_ignored(key: str, model: nn.Module) -> None:
    log.warning("%s is ignored: %s has no such part", key, type(model).__name__)


def set_tf32(value: str, device: torch.device) -> None:
    """Let fp32 products on CUDA be computed in TF32 (``on``) or not (``off``); ``torch`` changes
    nothing.
    """
    if value == "torch" or device.type != "cuda":
        return
    torch.set_float32_matmul_precision("high" if value == "on" else "highest")
    torch.backends.cudnn.allow_tf32 = value == "on"


def compile_parts(
    model: ClipNetwork, parts: Sequence[str], device: torch.device, backend: str = "inductor"
) -> None:
    """Compile ``trunk``, ``semantic`` and ``text`` of ``model``; where the compiler does not work,
    say so and go on.
    """
    fault = compiler_fault(device, backend)
    if fault:
        log.warning("SPEED.COMPILE is ignored, torch.compile does not work here: %s", fault)
        return
    compiled = _call(model, "compile_parts", parts, backend) or set()
    for part in parts:
        if part not in compiled:
            _warn_ignored(f"SPEED.COMPILE '{part}'", model)


def compiler_fault(device: torch.device, backend: str = "inductor") -> str:
    """Return why ``torch.compile`` does not work on ``device``, in one line; empty where it works."""
    try:
        torch.compile(lambda x: x.sin() + 1, backend=backend)(torch.ones(8, device=device))
    except Exception as error:  # whatever a missing compiler or its driver raises
        lines = str(error).strip().splitlines() or [""]
        return f"{type(error).__name__}: {lines[0][:160]}"
    return ""


def batch_parts(
    inputs: Inputs, label: torch.Tensor, size: int
) -> list[tuple[Inputs, torch.Tensor]]:
    """Return a batch in parts of ``size`` images; whole where that is 0 or not smaller."""
    if not 0 < size < len(label):
        return [(inputs, label)]
    return list(zip(inputs.split(size), label.split(size), strict=True))


@contextmanager
def text_once(model: ClipNetwork, precision: Precision) -> Iterator[None]:
    """Encode the texts once for all batches, or parts of a batch, inside the context.

    Their gradients are sent on to the parameters once, at the end.
    """
    with ExitStack() as stack:
        if hasattr(model, "shared_text"):
            with precision.autocast():
                stack.enter_context(model.shared_text())
        yield


def part_weight(loss: nn.Module, num_images: int, num_all: int) -> float:
    """Return the factor of a part's loss in that of its batch: 1 for a sum over images, the share
    for a ``mean``.
    """
    return num_images / num_all if getattr(loss, "reduction", "sum") == "mean" else 1.0
