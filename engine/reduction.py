"""Loss of a whole batch from the losses of its parts: micro batches, and several processes.

Letters: N images of the batch, W processes, N_r images of the process of rank r.
"""

import torch
from torch import Tensor, nn

from core.distributed import all_reduce_sum, world_size
from core.errors import UserError, not_accepted

REDUCTIONS = ("sum", "mean")  # of a loss over the images


def check_loss(loss: nn.Module) -> None:
    """Raise :class:`UserError` unless ``loss.reduction`` is ``"sum"`` or ``"mean"``.

    With the wrong reduction micro batches and several processes would silently train on another
    gradient.
    """
    reduction, name = getattr(loss, "reduction", None), type(loss).__name__
    if reduction is None:
        raise UserError(
            f"the loss {name} has no attribute 'reduction'; declare reduction = \"sum\" or "
            '"mean", its reduction over the images of a batch'
        )
    if reduction not in REDUCTIONS:
        raise UserError(not_accepted(f"reduction of the loss {name}", reduction, REDUCTIONS))


def part_weight(reduction: str, num_images: int, num_all: int) -> float:
    """Return the factor of the loss of a part of a batch in the loss of the batch.

    Args:
        reduction: ``sum`` (factor 1) or ``mean`` (share of the images).
        num_images: images in the part.
        num_all: images in the batch.
    """
    return num_images / num_all if reduction == "mean" else 1.0


def global_loss(loss: Tensor, *, reduction: str, num_images: int) -> tuple[Tensor, Tensor]:
    """Return the loss to back-propagate on this process, and the loss of the global batch.

    :func:`engine.parallel.wrap_network` averages gradients over W processes. A sum over the batch
    is the sum of all processes, so each process multiplies its loss by W. A mean over N images
    weights the mean of a process with N_r images by ``N_r / N``, so the factor is ``W * N_r / N``.

    Args:
        loss: scalar, the loss of the images of this process.
        reduction: ``sum`` or ``mean`` over images.
        num_images: number of images of this process, N_r.

    Returns:
        The loss to back-propagate, and the detached global loss, both scalars on the device.
    """
    if world_size() == 1:
        return loss, loss.detach()
    share = float(num_images) if reduction == "mean" else 1.0
    parts = torch.stack([loss.detach().double() * share, loss.new_tensor(share).double()])  # (2,)
    total, num_shares = all_reduce_sum(parts)
    if reduction == "mean":
        return loss * (world_size() * share / num_shares).to(loss.dtype), total / num_shares
    return loss * world_size(), total
