"""Evaluation: metrics, decision rules, evaluators and their reports.

``metrics`` are pure functions; ``table`` names those that are reported; ``benchmark_metrics`` and
``literature_metrics`` fill it; ``rules`` decide; ``evaluator`` puts them together; ``result`` is
handed to the engine; ``result_files`` writes files; ``uncertainty`` has intervals and tests;
``predictions`` reads given scores; ``comparison`` compares finished runs.
"""

import sys

from core.registry import import_submodules

from .benchmark_metrics import per_class_rows
from .build import EVALUATOR_REGISTRY, build_evaluator, evaluator_name
from .evaluated import EvaluatedRun, EvaluatedSplit, RuleResult
from .evaluator import Evaluator, MultiLabel
from .metrics import average_precision, f1_counts, f1_scores, mean_average_precision
from .result import SplitResult, evaluate_split
from .result_files import (
    format_table,
    write_metrics,
    write_per_class,
    write_predictions,
    write_scores,
)
from .rule_comparison import compare_rules
from .rules import (
    RULE_REGISTRY,
    THRESHOLDS,
    DecisionRule,
    FixedThreshold,
    GlobalThreshold,
    apply_rule,
    check_rule_name,
    decision_rule,
    fit_rule,
    is_rule_file,
    read_rule,
    rule_name,
    write_rule,
)
from .scored import Groups, Scored, groups_of
from .table import METRICS, compute_metrics, metric, metric_names
from .uncertainty.bootstrap import bootstrap_intervals, bootstrap_rules

import_submodules(sys.modules[__name__])

__all__ = [
    "EVALUATOR_REGISTRY",
    "METRICS",
    "RULE_REGISTRY",
    "THRESHOLDS",
    "DecisionRule",
    "EvaluatedRun",
    "EvaluatedSplit",
    "Evaluator",
    "FixedThreshold",
    "GlobalThreshold",
    "Groups",
    "MultiLabel",
    "RuleResult",
    "Scored",
    "SplitResult",
    "apply_rule",
    "average_precision",
    "bootstrap_intervals",
    "bootstrap_rules",
    "build_evaluator",
    "check_rule_name",
    "compare_rules",
    "compute_metrics",
    "decision_rule",
    "evaluate_split",
    "evaluator_name",
    "f1_counts",
    "f1_scores",
    "fit_rule",
    "format_table",
    "groups_of",
    "is_rule_file",
    "mean_average_precision",
    "metric",
    "metric_names",
    "per_class_rows",
    "read_rule",
    "rule_name",
    "write_metrics",
    "write_per_class",
    "write_predictions",
    "write_rule",
    "write_scores",
]
