"""The registry of evaluators and its contract."""

from typing import Any

from core.registry import Registry

EVALUATOR_REGISTRY = Registry("TEST.EVALUATOR")
EVALUATOR_REGISTRY.__doc__ = """
Evaluators by class name, with Dassl's contract: ``Evaluator(cfg, lab2cname=None, **kwargs)``, ``reset()``,
``process(scores, label)`` per batch, and ``evaluate() -> OrderedDict[str, float]`` whose first value is the one that
selects the best epoch (larger is better).
"""


def build_evaluator(cfg: Any, **kwargs: Any) -> Any:
    """Return the evaluator that ``cfg.TEST.EVALUATOR`` names."""
    return EVALUATOR_REGISTRY.get(cfg.TEST.EVALUATOR)(cfg, **kwargs)
