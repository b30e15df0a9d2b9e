"""Evaluation: metrics, decision rules, evaluators and their reports.

``metrics`` are pure functions; ``table`` names those that are reported; ``protocol`` fills it with
the benchmark's; ``rules`` decide; ``evaluator`` puts them together; ``result`` is handed to the
engine; ``report`` writes files.
"""

import sys

from core.registry import import_submodules

from .build import EVALUATOR_REGISTRY, build_evaluator
from .evaluator import Evaluator, MultiLabel
from .metrics import average_precision, f1_counts, f1_scores, mean_average_precision
from .protocol import per_class_rows
from .report import format_table, write_metrics, write_per_class, write_predictions
from .result import SplitResult, evaluate_split
from .rules import THRESHOLDS, DecisionRule, GlobalThreshold
from .scored import Groups, Scored
from .table import METRICS, compute_metrics, metric, metric_names

import_submodules(sys.modules[__name__])

__all__ = [
    "EVALUATOR_REGISTRY",
    "METRICS",
    "THRESHOLDS",
    "DecisionRule",
    "Evaluator",
    "GlobalThreshold",
    "Groups",
    "MultiLabel",
    "Scored",
    "SplitResult",
    "average_precision",
    "build_evaluator",
    "compute_metrics",
    "evaluate_split",
    "f1_counts",
    "f1_scores",
    "format_table",
    "mean_average_precision",
    "metric",
    "metric_names",
    "per_class_rows",
    "write_metrics",
    "write_per_class",
    "write_predictions",
]
