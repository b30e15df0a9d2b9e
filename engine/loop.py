"""Training steps: gradients, micro batches, loss scaling, update, and the reading of losses."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from core.config import Key, declare
from core.distributed import world_size
from core.errors import UserError
from engine.first_loss import first_loss
from engine.precision import Precision
from engine.reduction import global_loss, part_weight
from engine.speed import Inputs, batch_parts, text_once

declare(
    "SPEED",
    Key(
        "MICRO_BATCH",
        0,
        "images per forward and backward pass, on one process; the step is that of the whole "
        "batch; 0: all at once",
        low=0,
        may_change=True,
    ),
)
declare(
    "OPTIM",
    Key("CLIP_GRAD_NORM", 0.0, "largest norm of the gradient; 0 does not clip", low=0.0),
)


class TrainingStep:
    """Forward pass, loss, backward pass and update of one batch.

    Args:
        network: the network.
        parallel: ``network`` as a forward pass calls it: wrapped on several processes.
        loss: module with an attribute ``reduction``, "sum" or "mean" over images.
        optim: optimiser over the learnable parameters.
        precision: autocast and loss scaling.
        micro_batch: images per pass; 0: the whole batch. The gradient is the same.
        max_norm: largest norm of the gradient; 0: no limit.
    """

    def __init__(
        self,
        network: nn.Module,
        parallel: nn.Module,
        loss: nn.Module,
        optim: torch.optim.Optimizer,
        precision: Precision,
        *,
        micro_batch: int = 0,
        max_norm: float = 0.0,
    ) -> None:
        self.network = network
        self.parallel = parallel
        self.loss = loss
        self.optim = optim
        self.precision = precision
        self.micro_batch = micro_batch
        self.max_norm = max_norm
        self.is_checked = False

    def __call__(self, inputs: Inputs, label: Tensor) -> Tensor:
        """Train on one batch.

        Args:
            inputs: images ``(B, 3, H, W)`` or their frozen features.
            label: ``(B, C)``.

        Returns:
            The loss of the whole batch over all processes, a detached scalar. It stays on the
            device, because reading it would wait for the step.
        """
        # Cleared before the forward pass, so that activations can use the memory of the gradients.
        self.optim.zero_grad(set_to_none=True)
        parts = batch_parts(inputs, label, self.micro_batch)
        if len(parts) == 1:
            value = self.backward(inputs, label)
        else:
            value = self._backward_in_parts(parts, num_images=len(label))
        self.update()
        return value

    def _backward_in_parts(self, parts: list[tuple[Inputs, Tensor]], num_images: int) -> Tensor:
        """Add up the gradients of the parts; encode the texts, which all parts share, once."""
        total = parts[0][1].new_zeros(())
        with text_once(self.network, self.precision):
            for inputs, label in parts:
                weight = part_weight(self.loss.reduction, len(label), num_images)
                total = total + self.backward(inputs, label, weight)
        return total

    def backward(self, inputs: Inputs, label: Tensor, weight: float = 1.0) -> Tensor:
        """Add the gradients of a weighted loss to the present gradients.

        Args:
            inputs: images ``(B, 3, H, W)`` or their frozen features.
            label: ``(B, C)``.
            weight: factor of the loss.

        Returns:
            The weighted loss over all processes, detached.
        """
        with self.precision.autocast():
            loss = weight * self.loss_of(self.parallel(inputs), label)
        loss, value = global_loss(loss, reduction=self.loss.reduction, num_images=len(label))
        self.precision.scaler.scale(loss).backward()
        return value

    def loss_of(self, output: Tensor, label: Tensor) -> Tensor:
        """Return the loss of this process's images; the first one is checked."""
        if self.is_checked:
            return self.loss(output, label)
        loss = first_loss(self.loss, output, label)
        self.is_checked = True
        return loss

    def update(self) -> None:
        """Clip the gradients if ``max_norm`` is set, and step the optimiser."""
        scaler = self.precision.scaler
        if self.max_norm > 0:
            # The limit is for the true gradients, not for the scaled ones.
            scaler.unscale_(self.optim)
            learnable = []
            for group in self.optim.param_groups:
                learnable += group["params"]
            torch.nn.utils.clip_grad_norm_(learnable, self.max_norm)
        scaler.step(self.optim)
        scaler.update()


class StepValues:
    """Results of training steps, read when reading does not make the host wait.

    On a CPU every step is read at once. Results on another device are read together every ``every``
    steps and at the end of the epoch.

    Args:
        num_steps: steps of the epoch.
        every: steps between two readings.
    """

    def __init__(self, *, num_steps: int, every: int) -> None:
        self.num_steps = num_steps
        self.every = every
        self.num_added = 0
        self.unread: list[tuple[int, Mapping[str, float | Tensor]]] = []

    def add(self, values: Mapping[str, float | Tensor]) -> list[tuple[int, dict[str, float]]]:
        """Take the results of the next step and read the steps that are due.

        Args:
            values: scalars by name.

        Returns:
            ``(number of the step from 0, its results)`` for each step that is read now.
        """
        self.unread.append((self.num_added, values))
        self.num_added += 1
        due = self.num_added % self.every == 0 or self.num_added == self.num_steps
        if not due and any(_is_elsewhere(value) for value in values.values()):
            return []
        read = []
        for number, results in self.unread:
            read.append((number, {name: float(value) for name, value in results.items()}))
        self.unread.clear()
        return read


def check_micro_batch(size: int) -> None:
    """Raise :class:`UserError` for micro batches on several processes, which are not supported."""
    if size and world_size() > 1:
        raise UserError(
            f"SPEED.MICRO_BATCH is {size}; accepted on several processes: 0 (each process has only "
            "its part of the batch; start more processes if that does not fit)"
        )


def check_finite(loss: float, *, epoch: int, batch: int) -> None:
    """Raise :class:`UserError` if a loss is not finite; ``epoch`` and ``batch`` count from 0."""
    if not math.isfinite(loss):
        raise UserError(
            f"the loss is {loss} at epoch {epoch + 1}, batch {batch + 1}; "
            "lower OPTIM.LR, or set OPTIM.CLIP_GRAD_NORM or PREC fp32"
        )


def _is_elsewhere(value: float | Tensor) -> bool:
    return isinstance(value, Tensor) and value.device.type != "cpu"
