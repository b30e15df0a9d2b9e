"""Losses: pure functions on tensors (``functional``) and thin modules registered by name."""

import sys

from core.registry import import_submodules

from .build import (
    FROM_ARGUMENT,
    LOSS_REGISTRY,
    about_loss,
    build_loss,
    declare_options,
    loss_names,
    option,
)
from .functional import (
    asymmetric_pair_loss,
    asymmetric_sigmoid_loss,
    binary_pair_loss,
    binary_sigmoid_loss,
    softmax_loss,
    softmax_pair_loss,
)

import_submodules(sys.modules[__name__])

__all__ = [
    "FROM_ARGUMENT",
    "LOSS_REGISTRY",
    "about_loss",
    "asymmetric_pair_loss",
    "asymmetric_sigmoid_loss",
    "binary_pair_loss",
    "binary_sigmoid_loss",
    "build_loss",
    "declare_options",
    "loss_names",
    "option",
    "softmax_loss",
    "softmax_pair_loss",
]
