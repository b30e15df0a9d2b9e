"""Train on several processes: equal start, averaged gradients, scores in order."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from core.distributed import all_gather_rows, check_identical, world_size


def wrap_network(network: nn.Module, *, static_graph: bool = True) -> nn.Module:
    """Return ``network`` with gradients averaged over the processes.

    Learnable parameters start with the values of rank 0. Frozen weights are not exchanged;
    :func:`check_same_start` makes sure that they are equal.

    Args:
        network: network on the device of this process.
        static_graph: True if all steps use the same parameters; a parameter may have no gradient if
            it never has one. False searches for unused parameters in every step, which is slower.

    Returns:
        The wrapped network; ``network`` itself on one process or if it has no learnable parameter.
    """
    learnable, frozen = [], []
    for name, parameter in network.named_parameters():
        group = learnable if parameter.requires_grad else frozen
        group.append(name)
    frozen += [name for name, _ in network.named_buffers()]
    if world_size() == 1 or not learnable:
        return network
    # torch warns of different strides of gradients of 1x1 convolutions. Both strides describe the
    # same layout, so nothing is slower.
    warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(network, frozen)
    return DistributedDataParallel(
        network,
        static_graph=static_graph,
        find_unused_parameters=not static_graph,
        gradient_as_bucket_view=True,
    )


def gather_split(
    index: Sequence[Tensor], scores: Sequence[Tensor], labels: Sequence[Tensor], *, num_classes: int
) -> tuple[Tensor, Tensor]:
    """Return scores and labels ``(N, C)`` of the whole split in its order, on every process.

    Args:
        index: places of the images in the split, ``(B,)`` int64 for each batch of this process;
            there may be no batch. An image must not be on two processes.
        scores: ``(B, C)`` for each batch.
        labels: ``(B, C)`` for each batch.
        num_classes: C.
    """
    device = labels[0].device if labels else scores_device()
    place = torch.cat([torch.empty(0, dtype=torch.int64), *index]).to(device)  # (N_r,)
    empty = torch.empty((0, num_classes), device=device)
    order = all_gather_rows(place).argsort()  # (N,)
    all_scores = all_gather_rows(torch.cat([empty, *scores]))[order]  # (N, C)
    all_labels = all_gather_rows(torch.cat([empty, *labels]))[order]  # (N, C)
    return all_scores, all_labels


def scores_device() -> torch.device:
    """Return the device of tensors for collectives: CUDA with NCCL, the CPU otherwise."""
    nccl = world_size() > 1 and torch.distributed.get_backend() == "nccl"
    return torch.device("cuda" if nccl else "cpu")


def check_same_start(settings: Mapping[str, Any], num_images: Sequence[int], digest: str) -> None:
    """Raise :class:`UserError` if the processes differ in settings, data or frozen weights.

    Args:
        settings: settings that the numbers of the run depend on.
        num_images: numbers of images in train, val and test.
        digest: digest of the frozen weights.
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
