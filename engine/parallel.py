"""Training on several processes: the same start, gradients of the global batch, scores of the whole
split.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from core.distributed import all_gather_rows, all_reduce_sum, check_identical, world_size
from core.errors import UserError, not_accepted

REDUCTIONS = ("sum", "mean")


def wrap_network(network: nn.Module, *, static_graph: bool = True) -> nn.Module:
    """Return ``network`` with gradients averaged over the processes; itself on one process, or
    where nothing learns.

    Only what is learnt is synchronised: it starts as on rank 0. What is frozen is the same by
        construction (see
    :func:`check_same_start`). ``static_graph`` lets parameters be without a gradient as long as
    they always are;
    False looks for them in every step, which is slower.
    """
    learnt = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    if world_size() == 1 or not learnt:
        return network
    frozen = [
        name
        for name, _ in [*network.named_parameters(), *network.named_buffers()]
        if name not in learnt
    ]
    # The weights of 1x1 convolutions have one layout under two names; nothing is lost by what torch
    # warns of here.
    warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(network, frozen)
    return DistributedDataParallel(
        network,
        static_graph=static_graph,
        find_unused_parameters=not static_graph,
        gradient_as_bucket_view=True,
    )


def check_loss(loss: nn.Module) -> None:
    """Raise :class:`UserError` unless ``loss`` says how the losses of parts make up that of a
    batch.

    Micro batches and several processes need it: with the wrong factor they would train on another
        gradient, unnoticed.
    """
    reduction, name = getattr(loss, "reduction", None), type(loss).__name__
    if reduction is None:
        raise UserError(
            f'the loss {name} has no attribute \'reduction\'; declare reduction = "sum" or "mean", which says how it '
            "reduces over the images of a batch"
        )
    if reduction not in REDUCTIONS:
        raise UserError(not_accepted(f"reduction of the loss {name}", reduction, REDUCTIONS))


def global_loss(loss: Tensor, *, reduction: str | None, num_images: int) -> tuple[Tensor, Tensor]:
    """Return what this process back-propagates, and the loss of the global batch (detached, not
    waited for).

    The gradients are averaged over W processes. A sum over the batch is the sum of the processes'
    sums, so each multiplies its own by W; a mean over N images counts each process's by its share
    ``N_r / N``, so by ``W N_r / N``.

    Args:
        loss: scalar, of this process's ``num_images`` images.
        reduction: ``sum`` or ``mean`` (over images); on one process anything.
    """
    if world_size() == 1:
        return loss, loss.detach()
    share = float(num_images) if reduction == "mean" else 1.0
    parts = torch.stack([loss.detach().double() * share, loss.new_tensor(share).double()])  # (2,)
    total, num_shares = all_reduce_sum(parts)
    if reduction == "mean":
        return loss * (world_size() * share / num_shares).to(loss.dtype), total / num_shares
    return loss * world_size(), total


def gather_split(
    index: Sequence[Tensor], scores: Sequence[Tensor], labels: Sequence[Tensor], *, num_classes: int
) -> tuple[Tensor, Tensor]:
    """Return scores and labels ``(N, C)`` of the whole split in its order, on every process.

    ``index`` ``(B,)``, ``scores`` ``(B, C)`` and ``labels`` ``(B, C)`` are this process's batches,
    of which there may be none; no image may be on two processes.
    """
    device = labels[0].device if labels else scores_device()
    place = torch.cat([torch.empty(0, dtype=torch.int64), *index]).to(device)  # (N_r,)
    empty = torch.empty((0, num_classes), device=device)
    order = all_gather_rows(place).argsort()  # (N,)
    return tuple(all_gather_rows(torch.cat([empty, *parts]))[order] for parts in (scores, labels))


def scores_device() -> torch.device:
    """Return the device that collectives take tensors from."""
    nccl = world_size() > 1 and torch.distributed.get_backend() == "nccl"
    return torch.device("cuda" if nccl else "cpu")


def check_same_start(settings: Mapping[str, Any], num_images: Sequence[int], digest: str) -> None:
    """Raise :class:`UserError` if the processes (of several machines, say) are not set to do the
    same.
    """
    check_identical("settings", dict(settings), "give the same command on every machine")
    check_identical(
        "numbers of images (train, val, test)",
        tuple(num_images),
        "copy DATASET.ROOT to every machine whole",
    )
    check_identical(
        "frozen weights",
        digest,
        "put the same MODEL.BACKBONE.PATH (or cached download) and torch on every machine",
    )
