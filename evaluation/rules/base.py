"""The contract of decision rules and their registry. N: images, C: classes."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import fields, is_dataclass

import numpy as np

from core.errors import UserError
from core.registry import Registry

from ..metrics import Array
from ..signature import accepts, failures_of

THRESHOLDS = np.arange(1, 20) / 20  # 0.05, 0.10, ..., 0.95
HEADLINE_RULE = "global"  # registered name of the rule that the headline is reported at

RULE_REGISTRY = Registry("TEST.RULE")
RULE_REGISTRY.__doc__ = """
Decision rules by name: subclasses of ``DecisionRule``.

A rule is a frozen dataclass. Its fields are numbers, text or float arrays ``(C,)``; they are what
``rule.json`` stores. A rule of your own is registered under its class name with
``@RULE_REGISTRY.register()``, in a module that ``IMPORTS`` names.
"""


class DecisionRule(ABC):
    """A rule that decides which classes an image has.

    A rule is fitted on val and then applied to test. It must pickle: it travels between processes.

    Attributes:
        tuned: False if ``fit`` does not read its arguments, so that the rule works without val.
        needs_train: True if ``fit`` is an error without ``train_prior``.
    """

    tuned = True
    needs_train = False

    @classmethod
    @abstractmethod
    def fit(cls, scores: Array, labels: Array) -> "DecisionRule":
        """Return the rule that decides best on scores ``(N, C)`` float64 and labels ``(N, C)``.

        Labels are positive above 0, negative at 0 and unknown at -1. A rule that also needs the
        share of positives in train has a keyword argument ``train_prior``: ``(C,)``, or None when
        train is not known.

        Raises:
            UserError: the rule cannot be fitted to these labels.
        """

    @abstractmethod
    def decide(self, scores: Array) -> Array:
        """Return the decisions, ``(N, C)`` bool, for scores ``(N, C)``."""

    @abstractmethod
    def describe(self) -> str:
        """Return the rule in a few words, for logs."""

    def numbers(self) -> dict[str, float]:
        """Return the rule's own numbers, which metrics.json lists as they are (not in percent)."""
        return {}

    def thresholds(self, num_classes: int) -> Array | None:
        """Return the threshold of each class ``(C,)``; None if the rule has no thresholds."""
        return None

    def select(self, classes: list[int]) -> "DecisionRule":
        """Return the rule for the classes at these indices, in this order.

        Fields that are arrays ``(C,)`` are indexed; a rule that stores its classes otherwise
        overrides this method.
        """
        if not is_dataclass(self):
            return self
        values = {}
        for field in fields(self):
            if not field.init:
                continue
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value = value[classes]
            values[field.name] = value
        return type(self)(**values)


def decision_rule(name: str) -> Callable[[type[DecisionRule]], type[DecisionRule]]:
    """Register the decorated rule under ``name`` instead of the name of its class."""

    def decorator(rule: type[DecisionRule]) -> type[DecisionRule]:
        RULE_REGISTRY._do_register(name, rule)
        return rule

    return decorator


def rule_name(rule: type[DecisionRule]) -> str:
    """Return the registered name of a rule's class; the name of the class if it has none."""
    for name in RULE_REGISTRY.registered_names():
        if RULE_REGISTRY.get(name) is rule:
            return name
    return rule.__name__


def fit_rule(
    rule: type[DecisionRule], scores: Array, labels: Array, train_prior: Array | None = None
) -> DecisionRule:
    """Fit a rule; pass ``train_prior`` on if its ``fit`` accepts it.

    Args:
        rule: class of the rule.
        scores: ``(N, C)`` on val.
        labels: ``(N, C)`` on val.
        train_prior: share of positives of each class in train, ``(C,)``, NaN for a class without a
            known label; None if train is not known.

    Raises:
        UserError: the rule cannot be fitted, or its code fails; the message names class and file.
    """
    given = {"train_prior": train_prior} if accepts(rule.fit, "train_prior") else {}
    with failures_of(f"fit() of {source_of(rule)}"):
        fitted = rule.fit(scores, labels, **given)
    if not isinstance(fitted, DecisionRule):
        raise UserError(f"{source_of(rule)}.fit() returned {fitted!r}; expected a DecisionRule")
    return fitted


def apply_rule(rule: DecisionRule, scores: Array) -> Array:
    """Return the checked decisions of a rule, ``(N, C)`` bool.

    Args:
        rule: fitted rule.
        scores: ``(N, C)``.

    Raises:
        UserError: ``decide`` fails or does not return a boolean array ``(N, C)``.
    """
    # In float64 before the rule decides: a float32 score near a threshold rounds differently.
    scores = np.asarray(scores, dtype=np.float64)
    with failures_of(f"decide() of {source_of(type(rule))}"):
        pred = np.asarray(rule.decide(scores))
    if pred.shape != scores.shape or pred.dtype != bool:
        raise UserError(
            f"{type(rule).__name__}.decide() returned {pred.dtype} {pred.shape}; "
            f"expected bool {scores.shape}"
        )
    return pred


def source_of(rule: type[DecisionRule]) -> str:
    """Return name and file of a rule's class, for errors."""
    try:
        return f"decision rule {rule.__name__} of {inspect.getfile(rule)}"
    except (OSError, TypeError):  # a class that was made without a file
        return f"decision rule {rule.__name__}"


def check_positives(labels: Array) -> None:
    """Raise :class:`UserError` if no class has a positive label to tune a threshold on."""
    if not (np.asarray(labels) > 0).any():
        raise UserError(
            "a threshold cannot be tuned: no class has a positive label in val; "
            "see DATASET.LABEL_POLICY"
        )
