"""The table of metrics: what is reported, in which order, and what can select epochs.

A new metric is one function, also in a module outside the project that ``IMPORTS`` names:

    from evaluation import Scored, metric

    @metric("exact_match", at_fixed=True)
    def exact_match(split: Scored) -> float:
        right = split.pred == (split.labels > 0)
        return float(right.all(axis=1).mean())
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from core.errors import UserError

from .rules import DecisionRule
from .scored import FIXED_THRESHOLD, Groups, Scored
from .signature import failures_of

MetricFunction = Callable[[Scored], float]


@dataclass(frozen=True)
class Metric:
    """An entry of the table: a function, and the views of a split that it is also reported for."""

    name: str
    function: MetricFunction
    at_fixed: bool = False
    per_subset: bool = False
    per_level: bool = False
    listed: bool = True
    smaller_is_better: bool = False
    needs_levels: bool = False

    def compute(self, split: Scored) -> float:
        """Return the metric of ``split`` as a fraction.

        Raises:
            UserError: the function fails or returns no float; the message names metric and file.
        """
        place = f"metric '{self.name}' of {inspect.getfile(self.function)}"
        with failures_of(place):
            value = self.function(split)
        if not isinstance(value, (float, np.floating)):
            raise UserError(
                f"{place} returned {value!r} of type {type(value).__name__}; expected a float"
            )
        return float(value)


METRICS: dict[str, Metric] = {}  # the order of registration is the order of the report


def metric(
    name: str,
    *,
    at_fixed: bool = False,
    per_subset: bool = False,
    per_level: bool = False,
    listed: bool = True,
    smaller_is_better: bool = False,
    needs_levels: bool = False,
) -> Callable[[MetricFunction], MetricFunction]:
    """Register the decorated function as a metric to report and to select epochs by.

    The function takes a :class:`Scored` and returns a fraction, which is reported in percent. NaN
    means that the split has nothing to compute it on.

    Args:
        name: name in metrics.json and for ``TEST.SELECT_METRIC``, without ``@`` and ``/``.
        at_fixed: also report ``name@0.5``, with the decisions ``score > 0.5``.
        per_subset: also report ``name/<subset>`` for each subset of classes.
        per_level: also report ``name/<level>`` for each level of the hierarchy.
        listed: show the metric in the log and in the table of splits; False keeps it for
            metrics.json and the report.
        smaller_is_better: the metric is an error, so it cannot select epochs.
        needs_levels: leave the metric out for classes without a hierarchy.

    Raises:
        KeyError: ``name`` is taken; the message names both files.
        ValueError: ``name`` has a reserved character.
    """
    if "@" in name or "/" in name:
        raise ValueError(f"the metric's name '{name}' has '@' or '/', which mark derived names")

    def decorator(function: MetricFunction) -> MetricFunction:
        if name in METRICS:
            known = inspect.getfile(METRICS[name].function)
            raise KeyError(
                f"metric '{name}' of {inspect.getfile(function)} is already registered by {known}; "
                "rename one of them"
            )
        METRICS[name] = Metric(
            name=name,
            function=function,
            at_fixed=at_fixed,
            per_subset=per_subset,
            per_level=per_level,
            listed=listed,
            smaller_is_better=smaller_is_better,
            needs_levels=needs_levels,
        )
        return function

    return decorator


def compute_metrics(split: Scored, rule: DecisionRule, groups: Groups) -> dict[str, float]:
    """Return all metrics of the table in percent, and the rule's numbers as they are.

    The order is: all metrics at the rule's decisions, the rule's numbers, the metrics at the fixed
    decisions, per subset, per level. Without the rule's numbers, the names are ``metric_names``.

    Args:
        split: the split, with the decisions of ``rule``.
        rule: the decision rule; only its ``numbers()`` are read.
        groups: subsets and levels to report.

    Raises:
        UserError: a metric fails, returns no float, or has the name of one of the rule's numbers.
    """
    result: dict[str, float] = {}
    for section in _sections(groups):
        view = section.view(split)
        for entry in section.metrics:
            result[entry.name + section.suffix] = 100 * entry.compute(view)
        if not section.suffix:
            _add_numbers(result, rule)
    return result


def metric_names(groups: Groups) -> list[str]:
    """Return the names that are reported for ``groups``, in order."""
    names = []
    for section in _sections(groups):
        names += [entry.name + section.suffix for entry in section.metrics]
    return names


def entry_of(name: str) -> Metric | None:
    """Return the entry of a reported name, such as ``macro_f1`` for ``macro_f1/easy``."""
    return METRICS.get(name.partition("@")[0].partition("/")[0])


def selecting_names(groups: Groups) -> list[str]:
    """Return the names that can select epochs: those of which a larger value is better."""
    return [name for name in metric_names(groups) if not entry_of(name).smaller_is_better]


@dataclass(frozen=True)
class _Section:
    """A part of the report: the suffix of its names, its metrics, the view they are computed on."""

    suffix: str
    metrics: list[Metric]
    view: Callable[[Scored], Scored]


def _sections(groups: Groups) -> Iterator[_Section]:
    """Yield the parts of the report in order; names and values both follow from them."""
    table = []
    for entry in METRICS.values():
        if groups.levels or not entry.needs_levels:
            table.append(entry)
    yield _Section("", table, lambda split: split)
    at_fixed = [entry for entry in table if entry.at_fixed]
    yield _Section(f"@{FIXED_THRESHOLD:g}", at_fixed, lambda split: split.at_fixed)
    per_subset = [entry for entry in table if entry.per_subset]
    for name, members in groups.subsets.items():
        # `m=members` keeps this subset; without it, a later call would read the last one.
        yield _Section(f"/{name}", per_subset, lambda split, m=members: split.select(m))
    per_level = [entry for entry in table if entry.per_level]
    for name, level in groups.levels.items():
        yield _Section(f"/{name}", per_level, lambda split, g=level: split.pool(g))


def _add_numbers(result: dict[str, float], rule: DecisionRule) -> None:
    for name, value in rule.numbers().items():
        if name in result:
            raise UserError(
                f"metric '{name}' has the name of a number of {type(rule).__name__}; "
                "rename the metric"
            )
        result[name] = float(value)


def reported(groups: Groups) -> Iterator[tuple[str, Metric, Callable[[Scored], Scored]]]:
    """Yield name, metric and view of everything that is reported for ``groups``, in order."""
    for section in _sections(groups):
        for entry in section.metrics:
            yield entry.name + section.suffix, entry, section.view
