"""Comparison of finished runs: read folders, group them by setting, test differences in pairs."""

from .compare import SECOND_RULE, Comparison, Pair, compare
from .run_folder import RunFolder, common_split, read_run
from .run_groups import Setting, group_runs, move_first

__all__ = [
    "SECOND_RULE",
    "Comparison",
    "Pair",
    "RunFolder",
    "Setting",
    "common_split",
    "compare",
    "group_runs",
    "move_first",
    "read_run",
]
