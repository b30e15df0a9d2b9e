"""Settings ``SPEED.*`` that change speed or memory of a run, but not its result."""

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

PARTS = ("trunk", "semantic", "text")  # parts of a network that torch.compile accepts

# A resumed run may change all of these but TF32, which changes numbers by more than rounding.
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
    """Apply ``cfg.SPEED`` to a network; a setting that the network does not support is a warning.

    Args:
        model: network on ``device``; its weights, their names and gradients stay the same.
        cfg: configuration of the run.
        device: device of the run.
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
    """Return the result of a method of ``model``, None if the network does not have it."""
    if not hasattr(model, method):
        return None
    return getattr(model, method)(*args)


def _warn_ignored(key: str, model: nn.Module) -> None:
    log.warning("%s is ignored: %s has no such part", key, type(model).__name__)


def set_tf32(value: str, device: torch.device) -> None:
    """Switch TF32 for fp32 products on CUDA ``on`` or ``off``; ``torch`` keeps torch's setting."""
    if value == "torch" or device.type != "cuda":
        return
    torch.set_float32_matmul_precision("high" if value == "on" else "highest")
    torch.backends.cudnn.allow_tf32 = value == "on"


def compile_parts(
    model: ClipNetwork, parts: Sequence[str], device: torch.device, backend: str = "inductor"
) -> None:
    """Compile parts of a network; if the compiler does not work here, warn and change nothing.

    Args:
        model: network; parts that it does not have are named in a warning.
        parts: names from :data:`PARTS`.
        device: device of the network.
        backend: backend of ``torch.compile``.
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
    """Return in one line why ``torch.compile`` fails on ``device``; empty if it works."""
    try:
        torch.compile(lambda x: x.sin() + 1, backend=backend)(torch.ones(8, device=device))
    except Exception as error:  # a missing compiler or driver raises errors of many types
        lines = str(error).strip().splitlines() or [""]
        return f"{type(error).__name__}: {lines[0][:160]}"
    return ""


def batch_parts(
    inputs: Inputs, label: torch.Tensor, size: int
) -> list[tuple[Inputs, torch.Tensor]]:
    """Split a batch into micro batches.

    Args:
        inputs: images ``(B, 3, H, W)`` or their frozen features.
        label: ``(B, C)``.
        size: images per micro batch; 0: one part with the whole batch.
    """
    if not 0 < size < len(label):
        return [(inputs, label)]
    return list(zip(inputs.split(size), label.split(size), strict=True))


@contextmanager
def text_once(model: ClipNetwork, precision: Precision) -> Iterator[None]:
    """Encode the texts once for all forward passes inside the context.

    The gradients of the texts are collected and reach the parameters at the end of the context.

    Args:
        model: network; one without texts is not changed.
        precision: precision in which the texts are encoded.
    """
    with ExitStack() as stack:
        if hasattr(model, "shared_text"):
            with precision.autocast():
                stack.enter_context(model.shared_text())
        yield
