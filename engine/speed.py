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
from models.image.branches import SightSemantic
from models.text.encoder import TextEncoder

log = get_logger()

PARTS = ("trunk", "semantic", "text")  # of a network, that torch.compile can be given

# None of these changes the numbers of a run but for rounding. TF32 does, so a resumed run must keep it.
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
        "TF32 (10 bits of mantissa) in fp32 products on CUDA; torch: as torch has it, for convolutions alone",
        choices=("torch", "on", "off"),
    ),
)

Inputs = torch.Tensor | FrozenFeatures


def apply_speed(model: ClipNetwork, cfg: CfgNode, device: torch.device) -> None:
    """Set ``model``, which is on ``device``, up as ``cfg.SPEED`` says; values, names and gradients stay the same."""
    speed = cfg.SPEED
    set_tf32(speed.TF32, device)
    encoders = [module for module in model.modules() if isinstance(module, SightSemantic)]
    for encoder in encoders:
        encoder.recompute = speed.RECOMPUTE_SEMANTIC
        if speed.CHANNELS_LAST:
            encoder.use_channels_last()
    if speed.COMPILE:
        compile_parts(model, speed.COMPILE, device)


def set_tf32(value: str, device: torch.device) -> None:
    """Let fp32 products on CUDA be computed in TF32 (``on``) or not (``off``); ``torch`` changes nothing."""
    if value == "torch" or device.type != "cuda":
        return
    torch.set_float32_matmul_precision("high" if value == "on" else "highest")
    torch.backends.cudnn.allow_tf32 = value == "on"


def compile_parts(
    model: nn.Module, parts: Sequence[str], device: torch.device, backend: str = "inductor"
) -> None:
    """Compile ``trunk``, ``semantic`` and ``text`` of ``model``; where the compiler does not work, say so and go on."""
    fault = compiler_fault(device, backend)
    if fault:
        log.warning("SPEED.COMPILE is ignored, torch.compile does not work here: %s", fault)
        return
    for module in model.modules():
        if isinstance(module, SightSemantic):
            if "trunk" in parts:
                module.run_trunk = torch.compile(module.run_trunk, backend=backend)
                if module.sight is not None:
                    module.sight.compile(backend=backend)
            if "semantic" in parts and module.semantic is not None:
                module.run_semantic = torch.compile(module.run_semantic, backend=backend)
        elif isinstance(module, TextEncoder) and "text" in parts:
            module.encode = torch.compile(module.encode, backend=backend)


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
    if not isinstance(inputs, FrozenFeatures):
        return list(zip(inputs.split(size), label.split(size), strict=True))
    tensors = zip(*(tensor.split(size) for tensor in inputs.tensors), strict=True)
    return [
        (FrozenFeatures(t, inputs.image_size), part)
        for t, part in zip(tensors, label.split(size), strict=True)
    ]


@contextmanager
def text_once(model: ClipNetwork, precision: Precision) -> Iterator[None]:
    """Share the text features among the parts of a batch: encoded at the start, their gradients sent on at the end."""
    with ExitStack() as stack:
        with precision.autocast():
            stack.enter_context(model.text_once())
        yield


def part_weight(loss: nn.Module, num_images: int, num_all: int) -> float:
    """Return the factor of a part's loss in that of its batch: 1 for a sum over images, the share for a ``mean``."""
    return num_images / num_all if getattr(loss, "reduction", "sum") == "mean" else 1.0
