"""The registry of evaluators, its contract, and the function that builds one."""

from collections.abc import Mapping
from typing import Any

from core.config import Key, declare
from core.registry import Registry

from .scored import Groups
from .signature import accepts

EVALUATOR_REGISTRY = Registry("TEST.EVALUATOR")
DASSL_DEFAULT = "Classification"  # in Dassl's tree, where nothing is set; it takes no label sets

declare(
    "TEST",
    Key(
        "EVALUATOR",
        "auto",
        "registered name of the evaluator; auto: MultiLabel, SingleLabel for one class per image, "
        "ZeroShot for classes that training does not know",
        choices=lambda: ["auto", *EVALUATOR_REGISTRY.registered_names()],
    ),
    Key(
        "SELECT_METRIC",
        "mean",
        "metric on val that picks the best epoch; 'mean': of macro, micro, samples F1 and mAP",
    ),
)
EVALUATOR_REGISTRY.__doc__ = """
Evaluators by class name, with Dassl's contract:

- ``Evaluator(cfg, lab2cname=None, **kwargs)``
- ``reset()`` before each split
- ``process(scores, label)`` for each batch, both tensors ``(B, C)``
- ``evaluate() -> dict[str, float]``; the first value selects the best epoch, larger is better

Nothing else is needed. An evaluator may offer more:

- a constructor argument ``groups``, the subsets and levels of the classes (``Groups``)
- ``evaluate(rule=None)``: decide by this ``DecisionRule``, or fit one when it is None (on val)
- attributes that ``evaluate`` leaves: ``rule``, the rule that was used, and ``per_class``,
  a list of dicts (the rows of per_class.csv)

``evaluation.Evaluator`` is a base class that declares all of it.
"""


def build_evaluator(
    cfg: Any,
    lab2cname: Mapping[int, str] | None = None,
    groups: Groups | None = None,
    *,
    name: str = "",
) -> Any:
    """Return the evaluator that ``cfg.TEST.EVALUATOR`` names.

    Args:
        cfg: the configuration.
        lab2cname: class index -> class name.
        groups: subsets and levels; not passed if the constructor has no such argument.
        name: result of :func:`evaluator_name`; empty: of the configuration.

    Raises:
        UserError: no evaluator has this name, or the evaluator does not accept the settings.
    """
    evaluator = EVALUATOR_REGISTRY.get(name or evaluator_name(cfg))
    if groups is not None and accepts(evaluator, "groups"):
        return evaluator(cfg, lab2cname=lab2cname, groups=groups)
    return evaluator(cfg, lab2cname=lab2cname)


def evaluator_name(cfg: Any, *, kind: str = "multi_label", zero_shot: bool = False) -> str:
    """Return the registered name of the evaluator.

    Args:
        cfg: the configuration.
        kind: ``multi_label`` or ``single_label``, of the data set.
        zero_shot: training does not know some of the classes.
    """
    name = cfg.TEST.EVALUATOR
    if name not in ("auto", DASSL_DEFAULT):
        return name
    if zero_shot:
        return "ZeroShot"
    return "SingleLabel" if kind == "single_label" else "MultiLabel"
