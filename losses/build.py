"""Registry of losses, its contract, and the options of a loss in the configuration."""

import inspect
from dataclasses import replace
from typing import Any

from torch import nn
from yacs.config import CfgNode

from core.config import (
    Key,
    class_section,
    declare,
    declare_alias,
    declare_components,
    get_section,
    keys_of,
)
from core.errors import OWN_NAME
from core.registry import Registry

LOSS_REGISTRY = Registry("LOSS")
LOSS_REGISTRY.__doc__ = """
Losses by class name. A registered class is a ``torch.nn.Module`` with these properties:

- Its settings are keyword arguments with defaults. :func:`declare_options` makes those that a user
  may set keys of the section ``LOSS.<CLASS NAME IN CAPITALS>``.
- ``forward(logits, target)`` returns a scalar. ``target`` is ``(B, C)`` in [0, 1], with -1 for
  unknown entries. ``logits`` are pairs ``(B, 2, C)`` (plane 0 negative, plane 1 positive) if the
  attribute ``takes_pairs`` is True or missing, and ``(B, C)`` if it is False.
- The attribute ``reduction`` is ``"sum"`` or ``"mean"`` over the images of a batch, as in losses of
  torch. Micro batches and several processes need it to compute the loss of the whole batch.
- It computes in float32 at least, also under autocast.
- A method ``scores(logits)`` is optional: probabilities ``(B, C)`` for the evaluation, where they
  are not those of the network, as with a softmax over the classes.
"""
declare_components("LOSS", LOSS_REGISTRY)

FROM_ARGUMENT: Any = object()  # default of a key of :func:`option`, until declare_options

# Earlier versions had the options of a loss in the sections of the trainers, under these names.
declare_alias("LOSS_WEIGHT", "WEIGHT")
declare_alias("ASL_GAMMA_NEG", "GAMMA_NEG")
declare_alias("ASL_GAMMA_POS", "GAMMA_POS")
declare_alias("ASL_CLIP", "CLIP")
declare_alias("ASL_EPS", "EPS")


def option(name: str, help: str, **limits: Any) -> Key:
    """Return the key of a keyword argument of a loss, for :func:`declare_options`.

    Args:
        name: name of the argument, in capitals.
        help: meaning and unit, for the documentation.
        limits: accepted values, such as ``low=0.0``; see :class:`core.config.Key`.
    """
    return Key(name, FROM_ARGUMENT, help, **limits)


def declare_options(cls: type[nn.Module], *options: Key) -> None:
    """Declare keyword arguments of a loss as keys of its section.

    The default of a key is the default of the argument, so that it is written once.

    Args:
        cls: class of the loss.
        options: keys by :func:`option`, named as the arguments.

    Raises:
        TypeError: the class has no such keyword argument, the argument has no default, or the key
            has another default.

    Example:
        ``declare_options(Focal, option("GAMMA", "focusing exponent", low=0.0))``
    """
    arguments = inspect.signature(cls).parameters
    complete = []
    for key in options:
        argument = arguments.get(key.name.lower())
        if argument is None or argument.default is argument.empty:
            raise TypeError(
                f"{cls.__name__} has no keyword argument {key.name.lower()} with a default"
            )
        if key.default is not FROM_ARGUMENT and key.default != argument.default:
            raise TypeError(
                f"the default of {key.name} is {key.default!r}, but that of the argument of "
                f"{cls.__name__} is {argument.default!r}; declare it with "
                f"losses.option('{key.name}', ...), which has no default of its own"
            )
        complete.append(replace(key, default=argument.default))
    declare(class_section("LOSS", cls), *complete, owner=cls.__module__)


def loss_names(*, takes_pairs: bool) -> list[str]:
    """Return the names of the losses over pairs ``(B, 2, C)`` or over single logits ``(B, C)``."""
    names = []
    for name in LOSS_REGISTRY.registered_names():
        if getattr(LOSS_REGISTRY.get(name), "takes_pairs", True) == takes_pairs:
            names.append(name)
    return names


def about_loss(name: str, *, takes_pairs: bool) -> str:
    """Return a sentence about a name that is none of :func:`loss_names`, for an error."""
    if name not in LOSS_REGISTRY.registered_names():
        return OWN_NAME
    forms = {True: "pairs of logits (B, 2, C)", False: "single logits (B, C)"}
    return (
        f" The loss '{name}' takes {forms[not takes_pairs]}, but this trainer has "
        f"{forms[takes_pairs]}."
    )


def build_loss(name: str, cfg: CfgNode | None = None, **settings: Any) -> nn.Module:
    """Return the loss registered as ``name``.

    Args:
        name: registered name.
        cfg: configuration with the section of the loss; None: all options have their defaults.
        settings: keyword arguments of the loss; they win over ``cfg``.

    Raises:
        UserError: there is no loss of this name; the error names the nearest match.
    """
    cls = LOSS_REGISTRY.get(name)
    section = class_section("LOSS", cls)
    options = {}
    if cfg is not None:
        node = get_section(cfg, section)
        for key in keys_of(section):
            options[key.lower()] = node[key]
    return cls(**{**options, **settings})
