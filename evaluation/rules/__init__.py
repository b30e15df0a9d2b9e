"""Decision rules: from scores of the classes to predicted classes, fitted on val.

Importing the package registers every rule in it.
"""

import sys

from core.registry import import_submodules

from .base import (
    HEADLINE_RULE,
    RULE_REGISTRY,
    THRESHOLDS,
    DecisionRule,
    apply_rule,
    decision_rule,
    fit_rule,
    rule_name,
)
from .class_thresholds import PerClassThresholds, ShrunkThresholds
from .files import check_rule_name, is_rule_file, read_rule, write_rule
from .global_threshold import FixedThreshold, GlobalThreshold
from .prior import PriorCorrection
from .top_k import TopK

import_submodules(sys.modules[__name__])

__all__ = [
    "HEADLINE_RULE",
    "RULE_REGISTRY",
    "THRESHOLDS",
    "DecisionRule",
    "FixedThreshold",
    "GlobalThreshold",
    "PerClassThresholds",
    "PriorCorrection",
    "ShrunkThresholds",
    "TopK",
    "apply_rule",
    "check_rule_name",
    "decision_rule",
    "fit_rule",
    "is_rule_file",
    "read_rule",
    "rule_name",
    "write_rule",
]
