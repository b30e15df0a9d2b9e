"""Evaluation: metrics on arrays, the benchmark's protocol, the evaluator and its reports."""

import sys

from core.registry import import_submodules

from .build import EVALUATOR_REGISTRY, build_evaluator
from .metrics import average_precision, f1_counts, f1_scores, mean_average_precision
from .protocol import THRESHOLDS, best_threshold, evaluate_protocol, metric_names, per_class_rows
from .report import format_table, write_metrics, write_per_class, write_predictions

import_submodules(sys.modules[__name__])

__all__ = [
    "EVALUATOR_REGISTRY",
    "THRESHOLDS",
    "average_precision",
    "best_threshold",
    "build_evaluator",
    "evaluate_protocol",
    "f1_counts",
    "f1_scores",
    "format_table",
    "mean_average_precision",
    "metric_names",
    "per_class_rows",
    "write_metrics",
    "write_per_class",
    "write_predictions",
]
