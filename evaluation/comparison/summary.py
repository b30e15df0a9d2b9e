"""Mean and standard deviation over the runs of a setting."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .run_groups import Setting


@dataclass(frozen=True)
class Summary:
    """A number over several runs.

    Attributes:
        mean: mean; NaN if a run has NaN.
        std: standard deviation, with ``count - 1`` in the denominator; NaN for one run.
        count: number of runs.
    """

    mean: float
    std: float
    count: int


def summarize_values(values: Sequence[float]) -> Summary:
    """Return the summary of at least one value."""
    std = math.nan
    if len(values) > 1:
        std = float(np.std(values, ddof=1))
    return Summary(float(np.mean(values)), std, len(values))


def summarize(setting: Setting, split: str) -> dict[str, Summary]:
    """Return the summary of each metric that all runs of the setting have on ``split``."""
    tables = [run.metrics[split] for run in setting.runs]
    summaries = {}
    for name in tables[0]:
        if all(name in table for table in tables):
            summaries[name] = summarize_values([table[name] for table in tables])
    return summaries
