"""Compare an ONNX file with the network that it was made of.

Letters: B images, C classes, H x W pixels.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.errors import UserError
from core.seed import make_generator
from inference.export.description import INPUT, OUTPUT
from inference.export.packages import ONNX_PACKAGES, load, versions_of

TOLERANCE = 1e-4  # of a probability
BATCH_SIZES = (1, 2, 7)
SEED, STREAM = 0, 0  # of the pictures


def check_onnx(path: Path, trainer: Any) -> float:
    """Return the largest difference of a probability between an ONNX file and the network.

    Args:
        path: the ONNX file.
        trainer: from :func:`inference.open_run.open_run`, on the CPU and in float32.

    Raises:
        UserError: the difference is above :data:`TOLERANCE`, or onnxruntime cannot run the file.
    """
    pictures = comparison_pictures(trainer.cfg.INPUT.SIZE)  # (7, 3, H, W)
    largest = 0.0
    for size in BATCH_SIZES:
        part = pictures[-size:]
        expected = trainer.model_inference(trainer.dm.normalizer(part)).numpy()  # (B, C)
        difference = np.abs(run_onnx(path, part) - expected).max()
        if not difference <= TOLERANCE:  # NaN is no match
            raise UserError(
                f"the ONNX file is not kept: a probability differs from the network's by "
                f"{difference:.1e} in a batch of {size}, at most {TOLERANCE:g} is accepted "
                f"({versions_of('torch', *ONNX_PACKAGES)})"
            )
        largest = max(largest, float(difference))
    return largest


def comparison_pictures(size: tuple[int, int]) -> Tensor:
    """Return uint8 pictures ``(7, 3, H, W)``: black, white, three of noise, two of soft colours."""
    generator = make_generator(SEED, STREAM)
    noise = torch.rand(3, 3, *size, generator=generator)
    coarse = torch.rand(2, 3, 4, 4, generator=generator)
    soft = F.interpolate(coarse, size=tuple(size), mode="bilinear", align_corners=False)
    flat = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 3, *size)
    return torch.cat([flat, noise, soft]).mul(255).round().to(torch.uint8)


def run_onnx(path: Path, pictures: Tensor) -> np.ndarray:
    """Return the probabilities ``(B, C)`` that onnxruntime computes of uint8 ``(B, 3, H, W)``.

    Raises:
        UserError: onnxruntime cannot read or run the file.
    """
    runtime = load("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    images = pictures.numpy().astype(np.float32) / 255
    try:
        session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return session.run([OUTPUT], {INPUT: images})[0]
    except Exception as error:  # the runtime has types of its own
        raise UserError(
            f"the ONNX file is not kept: {versions_of('onnxruntime')} cannot run it: "
            f"{str(error).splitlines()[0]}"
        ) from error
