"""Times of a dry run: training steps that change no weight, predictions, loading of images."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch

from core.cpu import usable_cores
from core.distributed import from_main, local_world_size
from engine.costs import seconds_of
from engine.loop import check_finite
from engine.speed import text_once

SECONDS, MOST_RUNS = 10.0, 5  # of the timed runs of a batch
LOADING_SECONDS, MOST_IMAGES = 3.0, 16


@dataclass(frozen=True)
class BatchTime:
    """Time of a batch.

    Attributes:
        seconds: median time on the device, without loading.
        num_runs: timed runs.
        loss: loss of the first training step; NaN for a prediction.
        once: seconds once per evaluation, before its first batch: encoding of the texts.
        loading: seconds in which one process loads one image; 0 for features from the cache.
    """

    seconds: float
    num_runs: int
    loss: float = float("nan")
    once: float = 0.0
    loading: float = 0.0


def measure_steps(trainer: Any, batch: dict) -> BatchTime:
    """Return loss and time of real training steps on a batch; all processes call this together.

    The optimiser steps with a learning rate of 0, so that time and memory are those of training
    and the weights stay as they are.

    Raises:
        UserError: the loss is not finite.
    """
    trainer.set_model_mode("train")
    trainer.epoch = trainer.batch_idx = 0
    # At least two, so that no trainer takes the batch for the last one and ends the epoch.
    trainer.num_batches = max(len(trainer.train_loader_x), 2)
    results: list[dict] = []
    with _zero_rates(trainer):
        seconds, num_runs = _time(
            lambda: results.append(trainer.forward_backward(batch)), trainer.device
        )
    first = results[0]
    loss = float(first["loss"] if "loss" in first else next(iter(first.values())))
    check_finite(loss, epoch=0, batch=0)
    loading = 0.0 if "features" in batch else loading_seconds(trainer.train_loader_x)
    return BatchTime(seconds, num_runs, loss=loss, loading=loading)


def measure_evaluation(trainer: Any, batch: dict) -> BatchTime:
    """Return the time of the prediction of a batch of val; all processes call this together."""
    trainer.set_model_mode("eval")

    def predict() -> None:
        trainer.model_inference(trainer.parse_batch_test(batch)[0])

    with torch.no_grad(), ExitStack() as stack:
        once = 0.0
        if hasattr(trainer, "precision"):
            texts = text_once(trainer.model, trainer.precision)
            once = seconds_of(lambda: stack.enter_context(texts), trainer.device)
        seconds, num_runs = _time(predict, trainer.device)
    loading = 0.0 if "features" in batch else loading_seconds(trainer.val_loader)
    return BatchTime(seconds, num_runs, once=once, loading=loading)


def with_loading(loader: Any, batch: BatchTime) -> float:
    """Return the seconds of a batch with its loading, which workers do at the same time.

    Args:
        loader: loader of the split.
        batch: time of the batch.
    """
    loading = batch.loading * min(loader.batch_size, len(loader.dataset))
    if loader.num_workers == 0:
        return batch.seconds + loading
    cores = max(1, usable_cores() // local_world_size())
    return max(batch.seconds, loading / min(loader.num_workers, cores))


def loading_seconds(loader: Any) -> float:
    """Return the mean seconds in which this process loads an image that it has not loaded yet."""
    order = list(loader.sampler)
    places = order[loader.batch_size :][:MOST_IMAGES] or order[:MOST_IMAGES]
    start, num_images = time.perf_counter(), 0
    for place in places:
        loader.dataset[place]
        num_images += 1
        if time.perf_counter() - start > LOADING_SECONDS:
            break
    return (time.perf_counter() - start) / num_images


def _time(function: Any, device: torch.device) -> tuple[float, int]:
    """Return the median seconds of a call, and the number of timed calls after a first one."""
    first = seconds_of(function, device)
    # Equal on all processes, which wait for each other in a training step.
    num_runs = from_main(lambda: min(MOST_RUNS, max(1, int(SECONDS / max(first, 1e-9)))))
    return median(seconds_of(function, device) for _ in range(num_runs)), num_runs


@contextmanager
def _zero_rates(trainer: Any) -> Iterator[None]:
    """Set the learning rate of all parameter groups to 0 inside."""
    groups = []
    for optim in filter(None, trainer._optims.values()):
        groups += optim.param_groups
    rates = [group["lr"] for group in groups]
    for group in groups:
        group["lr"] = 0.0
    try:
        yield
    finally:
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate
