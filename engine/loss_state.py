"""What of a loss outlasts a training step: its parameters and its buffers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import UserError, first_names


def check_parameters(loss: nn.Module, optim: torch.optim.Optimizer) -> None:
    """Raise :class:`UserError` if the loss has a learnable parameter that nothing trains.

    Args:
        loss: the loss.
        optim: optimiser of the run.
    """
    trained = {id(p) for group in optim.param_groups for p in group["params"]}
    names = []
    for name, parameter in loss.named_parameters():
        if parameter.requires_grad and id(parameter) not in trained:
            names.append(name)
    if names:
        raise UserError(
            f"the optimiser does not train these parameters of the loss {type(loss).__name__}: "
            f"{first_names(names)}. The network must hold everything that is learnt, and name it "
            "in parameter_groups(). A loss keeps other values with register_buffer."
        )


def loss_state(loss: nn.Module, network: nn.Module) -> dict[str, Any]:
    """Return the parameters and buffers of the loss that a checkpoint must hold.

    Args:
        loss: the loss.
        network: network of the run. What a loss shares with it is left out: its own weights are in
            the checkpoint, and those of the backbone would make the file large.
    """
    shared = {tensor.data_ptr() for tensor in network.state_dict().values()}
    state = {}
    for name, value in loss.state_dict().items():
        if not (isinstance(value, Tensor) and value.data_ptr() in shared):
            state[name] = value
    return state


def load_loss(loss: nn.Module, network: nn.Module, state: Mapping[str, Any], path: Path) -> None:
    """Load the state of a loss from a checkpoint; an empty one, as of earlier versions, is none.

    Args:
        loss: the loss.
        network: network of the run.
        state: :func:`loss_state` at the end of an epoch.
        path: file of the checkpoint, for the error.

    Raises:
        UserError: the state does not fit the loss.
    """
    if not state:
        return
    fault = ", ".join(sorted(state.keys() ^ loss_state(loss, network).keys()))
    try:
        if not fault:
            loss.load_state_dict(state, strict=False)
    except (RuntimeError, KeyError, ValueError) as error:
        fault = " ".join(str(error).split())[:300]
    if fault:
        raise UserError(
            f"{path} has another state of the loss than {type(loss).__name__}: {fault}; resume "
            "with the code that trained, or give another --output-dir"
        )
