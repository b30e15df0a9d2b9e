"""Costs of a run: parameters, FLOPs, latency, throughput, peak memory, training time."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from core.logging import get_logger
from core.seed import random_state, set_random_state
from engine.precision import Precision
from engine.speed import text_once

log = get_logger()

LATENCY_SECONDS, LATENCY_RUNS = 0.5, 20
THROUGHPUT_SECONDS, THROUGHPUT_RUNS = 0.5, 5

Predict = Callable[[Tensor], Tensor]  # images (B, 3, H, W) -> scores (B, C)


def measure_costs(
    network: nn.Module,
    predict: Predict,
    *,
    input_size: Sequence[int],
    batch_size: int,
    device: torch.device,
    precision: Precision,
) -> dict[str, Any]:
    """Return the costs of a network on this machine; call it after the evaluation.

    Weights, modes and random states are as before. Prediction starts with normalised images on the
    device and ends with scores; the texts are encoded once before, as in an evaluation. Features
    from a cache are not used, so the whole image encoder counts.

    Args:
        network: the network.
        predict: function from images ``(B, 3, H, W)`` to scores, such as ``model_inference``.
        input_size: height and width of the images in pixels.
        batch_size: images per batch of the throughput; fewer on a device that is too slow to
            measure so many within :data:`THROUGHPUT_SECONDS`, or too small.
        device: device of the network.
        precision: precision of ``predict``.

    Returns:
        See :func:`count_parameters`, :func:`peak_memory` and :func:`measure_prediction`. If a
        network of somebody's own cannot predict such images, the log says why, and the last part is
        missing.
    """
    costs = {**count_parameters(network), **peak_memory(device)}
    costs |= {"input_size": list(input_size), "precision": _precision_name(precision)}
    try:
        with torch.no_grad(), _as_before(network):
            network.eval()
            images = _images(network, input_size, device)
            costs |= measure_prediction(network, predict, images, batch_size, precision)
    except Exception as error:  # the results of a long run must not be lost for their costs
        reason = " ".join(str(error).split())[:200]
        log.warning(
            "Latency and FLOPs were not measured: %s cannot predict images of size %s (%s: %s)",
            type(network).__name__,
            tuple(input_size),
            type(error).__name__,
            reason,
        )
    return costs


def training_time(start: float, *, epochs: int, num_images: int) -> dict[str, Any]:
    """Return the time of the epochs that this process trained, with their evaluations on val.

    Args:
        start: ``time.time()`` at the start of training.
        epochs: epochs since then; a resumed run has trained fewer than ``OPTIM.MAX_EPOCH`` here.
        num_images: images of an epoch.
    """
    seconds = round(time.time() - start, 1)
    if epochs == 0:  # a finished run that is only evaluated again
        return {}
    return {
        "training_seconds": seconds,
        "training_epochs": epochs,
        "training_images_per_epoch": num_images,
    }


def count_parameters(network: nn.Module) -> dict[str, int]:
    """Return ``learnable_parameters`` and ``total_parameters``; a shared one counts once."""
    parameters = list(network.parameters())
    learnable = sum(p.numel() for p in parameters if p.requires_grad)
    total = sum(p.numel() for p in parameters)
    return {"learnable_parameters": learnable, "total_parameters": total}


def peak_memory(device: torch.device) -> dict[str, Any]:
    """Return the peak memory of this process so far, in MiB.

    Returns:
        ``peak_memory_mib``, and ``peak_memory_of``: ``tensors on the GPU`` (PyTorch's allocator) or
        ``the whole process`` (largest resident set). Empty on a system that does not tell.
    """
    if device.type == "cuda":
        size = torch.cuda.max_memory_allocated(device)
        return {"peak_memory_mib": round(size / 2**20), "peak_memory_of": "tensors on the GPU"}
    try:
        import resource
    except ImportError:  # Windows
        return {}
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1 if sys.platform == "darwin" else 1024
    return {"peak_memory_mib": round(size * unit / 2**20), "peak_memory_of": "the whole process"}


def measure_prediction(
    network: nn.Module, predict: Predict, images: Tensor, batch_size: int, precision: Precision
) -> dict[str, Any]:
    """Return FLOPs and times of a prediction.

    Args:
        network: the network, in evaluation mode.
        predict: function from images to scores.
        images: one image ``(1, 3, H, W)`` on the device.
        batch_size: images per batch of the throughput.
        precision: precision of the texts.

    Returns:
        ``flops_per_image`` and ``flops_text``, the texts of all classes once (one multiply-add is
        two FLOPs); ``latency_ms``, median of ``latency_runs`` predictions of one image;
        ``throughput_images_per_second`` at ``throughput_batch_size``.
    """
    with ExitStack() as stack:
        with _count_flops() as counter:
            stack.enter_context(text_once(network, precision))
        flops_text = counter.get_total_flops()
        with _count_flops() as counter:
            predict(images)
        costs = {"flops_per_image": counter.get_total_flops(), "flops_text": flops_text}
        seconds, runs = _time(predict, images, LATENCY_SECONDS, LATENCY_RUNS)
        costs |= {"latency_ms": round(1e3 * seconds, 3), "latency_runs": runs}
        return costs | _measure_throughput(predict, images, batch_size, seconds)


def _measure_throughput(
    predict: Predict, image: Tensor, batch_size: int, seconds_per_image: float
) -> dict[str, Any]:
    """Return throughput and batch size; the batch is halved until it fits time and memory."""
    size = batch_size
    if image.device.type != "cuda":
        while size > 1 and size * seconds_per_image > THROUGHPUT_SECONDS:
            size //= 2
    while size > 1:
        try:
            batch = image.expand(size, -1, -1, -1).contiguous()
            seconds, _ = _time(predict, batch, THROUGHPUT_SECONDS, THROUGHPUT_RUNS)
            break
        except torch.OutOfMemoryError:
            size //= 2
    else:
        seconds = seconds_per_image
    return {
        "throughput_images_per_second": round(size / seconds, 2),
        "throughput_batch_size": size,
    }


def _time(predict: Predict, images: Tensor, limit: float, most: int) -> tuple[float, int]:
    """Return the median seconds of a prediction, and the number of timed ones.

    One prediction before them is not timed, unless it took longer than ``limit`` seconds itself.
    """
    device = images.device
    times = [seconds_of(lambda: predict(images), device)]
    if times[0] < limit:
        start = time.perf_counter()
        times = [seconds_of(lambda: predict(images), device)]
        while len(times) < most and time.perf_counter() - start < limit:
            times.append(seconds_of(lambda: predict(images), device))
    return median(times), len(times)


def seconds_of(function: Callable[[], object], device: torch.device) -> float:
    """Return how long a call takes, with the work that it leaves to the device."""
    _synchronize(device)
    start = time.perf_counter()
    function()
    _synchronize(device)
    return time.perf_counter() - start


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def _count_flops() -> Iterator[FlopCounterMode]:
    """Count FLOPs where no fused kernel hides products from the counter of PyTorch."""
    counter, fast = FlopCounterMode(display=False), torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        eager = torch.compiler.set_stance("force_eager")
        with sdpa_kernel(SDPBackend.MATH), eager, counter:
            yield counter
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


@contextmanager
def _as_before(network: nn.Module) -> Iterator[None]:
    """Restore the modes of all modules and the random states at the end."""
    modes = [(module, module.training) for module in network.modules()]
    state = random_state()
    try:
        yield
    finally:
        set_random_state(state)
        for module, training in modes:
            module.training = training


def _images(network: nn.Module, size: Sequence[int], device: torch.device) -> Tensor:
    """Return one random image ``(1, 3, H, W)`` in the type of the network's parameters."""
    dtype = torch.get_default_dtype()
    for parameter in network.parameters():
        dtype = parameter.dtype
        break
    # Its own generator, on the CPU: the same image on every device.
    generator = torch.Generator().manual_seed(0)
    image = torch.randn((1, 3, *size), generator=generator, dtype=torch.float32)
    return image.to(device=device, dtype=dtype)


def _precision_name(precision: Precision) -> str:
    dtype = precision.dtype or torch.get_default_dtype()
    return str(dtype).removeprefix("torch.")
