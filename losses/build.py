"""The registry of losses, its contract, and the options of a loss in the configuration."""

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
from core.registry import Registry

LOSS_REGISTRY = Registry("LOSS")
LOSS_REGISTRY.__doc__ = """
Losses by class name. A registered class is a ``torch.nn.Module`` that

- takes its settings as keyword arguments, each with a default, and declares those that a user may set with
  :func:`declare_options`; they are then keys of the section ``LOSS.<CLASS NAME IN CAPITALS>``;
- has ``forward(logits, target) -> scalar``, ``logits`` being ``(B, 2, C)`` (plane 0 negative, plane 1 positive) or, for
  models with one logit per class, ``(B, C)``, and ``target`` ``(B, C)`` in [0, 1] with -1 for unknown entries;
- says which of the two it takes by ``takes_pairs``: True (also where the attribute is missing) or False;
- declares ``reduction``, ``"sum"`` or ``"mean"`` over the batch's images, as torch's own losses do: micro batches and
  several processes need it to make up the loss of the whole batch;
- computes in float32 at least, also under autocast.
"""
declare_components("LOSS", LOSS_REGISTRY)

FROM_ARGUMENT = 0.0  # default of a key in declare_options: that of the class's keyword argument

# Names that the options of a loss had in the trainers' sections before losses had sections of their
# own
declare_alias("LOSS_WEIGHT", "WEIGHT")
declare_alias("ASL_GAMMA_NEG", "GAMMA_NEG")
declare_alias("ASL_GAMMA_POS", "GAMMA_POS")
declare_alias("ASL_CLIP", "CLIP")
declare_alias("ASL_EPS", "EPS")


def declare_options(cls: type[nn.Module], *keys: Key) -> None:
    """Declare keyword arguments of a loss as keys of its section: argument ``gamma`` is the key
        ``GAMMA``.

    The default of a key is the default of the argument, whatever the key itself says, so that it
    stands once: ``declare_options(Focal, Key("GAMMA", FROM_ARGUMENT, "focusing exponent",
    low=0.0))``.

    Raises:
        TypeError: the class has no such keyword argument, or the argument has no default.
    """
    arguments = inspect.signature(cls).parameters
    complete = []
    for key in keys:
        argument = arguments.get(key.name.lower())
        if argument is None or argument.default is argument.empty:
            raise TypeError(
                f"{cls.__name__} has no keyword argument {key.name.lower()} with a default"
            )
        complete.append(replace(key, default=argument.default))
    declare(class_section("LOSS", cls), *complete, owner=cls.__module__)


def loss_names(*, takes_pairs: bool) -> list[str]:
    """Return the registered losses over pairs of logits ``(B, 2, C)``, or over single ones ``(B,
    C)``.
    """
    names = []
    for name in LOSS_REGISTRY.registered_names():
        if getattr(LOSS_REGISTRY.get(name), "takes_pairs", True) == takes_pairs:
            names.append(name)
    return names


def build_loss(name: str, cfg: CfgNode | None = None, **settings: Any) -> nn.Module:
    """Return the loss registered as ``name``.

    Args:
        name: registered name; an unknown one raises ``UserError`` with the nearest match.
        cfg: configuration whose section of the loss gives its options; without it they have their
            defaults.
        settings: keyword arguments that win over ``cfg``.
    """
    cls = LOSS_REGISTRY.get(name)
    section = class_section("LOSS", cls)
    options = {}
    if cfg is not None:
        node = get_section(cfg, section)
        options = {key: node[key.upper()] for key in map(str.lower, keys_of(section))}
    return cls(**{**options, **settings})
