"""Compare a benchmark's results with those of an earlier call, for example before a change."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.methods import report
from benchmarks.methods.page import Page
from benchmarks.methods.statistics import summarise
from core.errors import UserError

TABLE = "table.json"
METRIC = "mAP"


def compare_with(page: Page, earlier: Path) -> str:
    """Return a Markdown table of the paired differences to the results in a folder.

    The last column is half the width of the interval: a difference has to be larger to be resolved.

    Args:
        page: the results now.
        earlier: output folder of the earlier call.

    Raises:
        UserError: the folder has no results, or not those of the same seeds and splits.
    """
    before = read_table(earlier)
    shape = (len(page.splits), len(page.seeds))
    rows = []
    for method in page.methods:
        if method.name not in before:
            continue
        values = before[method.name][METRIC]
        if values.shape != shape:
            raise UserError(
                f"{earlier / TABLE} has {values.shape[0]} splits and {values.shape[1]} seeds; "
                f"expected {shape[0]} and {shape[1]}, as in this call"
            )
        now = page.values[method.name][METRIC]
        change = summarise(now - values)
        rows.append(
            [
                method.label,
                report.spread(summarise(values)),
                report.spread(summarise(now)),
                report.difference(change),
                f"{(change.high - change.low) / 2:.1f}",
            ]
        )
    if not rows:
        raise UserError(f"{earlier / TABLE} has no method of this plan")
    header = ["method", "before", "now", "difference of mAP", "resolves more than"]
    return report.markdown_table(header, rows)


def read_table(folder: Path) -> Mapping[str, Mapping[str, np.ndarray]]:
    """Return ``values[method][metric]``, ``(splits, seeds)``, of an earlier call.

    Raises:
        UserError: the folder has no readable results.
    """
    path = folder / TABLE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError(
            f"cannot read {path}; --against takes the --output folder of an earlier call"
        ) from None
    return {
        name: {metric: np.array(values) for metric, values in metrics.items()}
        for name, metrics in content.items()
    }
