"""Bootstrap intervals of all reported metrics, and of decision rules that are fitted again.

Images are drawn with replacement and without strata. A class that a draw lacks leaves the mean of
that draw. N: images, C: classes, D: draws.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import UserError

from ..calibration import MIN_POSITIVES
from ..metrics import F1_NAMES, Array, mean_without_nan
from ..rules import HEADLINE_RULE, DecisionRule, fit_rule
from ..scored import FIXED_THRESHOLD, Groups, Scored
from ..table import Metric, reported
from .intervals import (
    CONFIDENCE,
    LEAST_BLOCKS,
    NUM_BLOCKS,
    Evidence,
    affordable,
    bootstrap_weights,
    half_weights,
    interval,
    jackknife_weights,
)
from .weighted import WEIGHTED, Prepared, Weighted, draws_per_chunk, weighted_metric

DRAWS = 1_000
MOST_CLASSES = 100  # more classes have no intervals of their own
TOO_SMALL = {"note": "n too small"}

# Methods with the best coverage in benchmarks.simulations.coverage.
DEFAULT_METHOD = "percentile"
METHOD = {
    "mAP": "halving",
    "mAP_interp": "halving",
    "mean": "halving",
    "micro_AP": "normal",
    "macro_auc": "jackknife",
    "macro_f1": "normal",
    "micro_f1": "normal",
    "samples_f1": "normal",
}
CLASS_METHOD = {"ap": "percentile", "f1": "BCa"}
# AP is too high on average for few positives. Half the images show by how much: the bias is this
# multiple of the rise from all images to half of them. It is 1 for a bias that falls as 1/N; the
# bias of AP falls slower, in the simulation as N^-0.74, and as N^-0.62 with the envelope.
HALVING = {"ap": 1.5, "ap_interp": 1.85}
NUM_HALVES = 300
LEAST_HALVES = 50
# Rules are fitted again in each draw. Decisions of all draws together, and of the largest draw.
MOST_RULE_DECISIONS = 1_000_000_000
LEAST_RULE_DRAWS = 100
LARGEST_RULE_DRAW = 30_000_000


@dataclass(frozen=True, eq=False)
class Item:
    """A reported metric: its name, its entry of the table, and the suffix of its view."""

    name: str
    entry: Metric
    suffix: str


def bootstrap_intervals(
    split: Scored, groups: Groups, names: Sequence[str], *, draws: int = DRAWS, seed: int = 0
) -> dict[str, Any]:
    """Return the 95 % intervals of a split: the content of ``intervals.json``, in percent.

    Metrics that the terminal's table does not list have an interval only if they have a form under
    weights (``evaluation.uncertainty.weighted``); the others would need minutes. Numbers that an
    evaluator adds to the table of metrics have none.

    Args:
        split: scores, labels and decisions ``(N, C)``.
        groups: subsets and levels that metrics are also reported for.
        names: names of the C classes.
        draws: number D of bootstrap draws; a large split gets fewer (``intervals.affordable``).
        seed: of the draws; the same seed gives the same intervals.

    Returns:
        ``draws``, ``seed``, ``confidence``; ``metrics``: name -> ``value``, ``low``, ``high``,
        ``method`` and ``draws`` (those in which the metric exists); ``classes``: ``ap`` and ``f1``,
        a list with ``low`` and ``high`` or a ``note`` per class, absent over 100 classes;
        ``dropped``: class name -> draws without a positive, for classes that have one.

    Raises:
        UserError: a metric fails on the split; a draw in which it fails does not count.
        ValueError: ``draws`` is under 2 or there is no image.
    """
    num_images, num_classes = split.scores.shape
    if draws < 2 or not num_images:
        raise ValueError(f"{draws} draws of {num_images} images give no interval")
    draws = affordable(draws, split.scores.size)
    evidence = gather(split, groups, draws=draws, seed=seed)
    metrics = {}
    for item in evidence.items:
        metrics[item.name] = _metric_interval(item, evidence.metrics[item.name])
    result = {"draws": draws, "seed": seed, "confidence": CONFIDENCE, "metrics": metrics}
    if num_classes <= MOST_CLASSES:
        result["classes"] = _class_intervals(split, evidence.classes)
    result["dropped"] = _dropped(split, names, evidence.present)
    return result


@dataclass(frozen=True, eq=False)
class SplitEvidence:
    """Evidence for all intervals of a split.

    Attributes:
        items: reported metrics in order.
        metrics: name -> evidence.
        classes: ``ap`` and ``f1`` -> evidence of each class.
        present: ``(D, C)`` bool: the draw has a positive of the class.
    """

    items: Sequence["Item"]
    metrics: Mapping[str, Evidence]
    classes: Mapping[str, Sequence[Evidence]]
    present: Array


def gather(split: Scored, groups: Groups, *, draws: int, seed: int) -> SplitEvidence:
    """Return the bootstrap draws, leave-out values and biases of all reported metrics.

    Arguments are those of :func:`bootstrap_intervals`.
    """
    num_images = len(split.scores)
    num_halves = affordable(NUM_HALVES, split.scores.size, least=LEAST_HALVES)
    blocks = affordable(NUM_BLOCKS, split.scores.size, least=LEAST_BLOCKS)
    step = draws_per_chunk(num_images)
    sampler = _Sampler(split, groups)
    weights = bootstrap_weights(num_images, draws, seed, step, title="intervals")
    drawn = sampler.values(weights, sampler.items)
    by_form = [item for item in sampler.items if item.entry.name in WEIGHTED]
    left_out = sampler.values(jackknife_weights(num_images, seed, step, blocks=blocks), by_form)
    bias = sampler.biases(lambda: half_weights(num_images, num_halves, seed, step))
    metrics = {}
    for item in sampler.items:
        value = item.entry.compute(sampler.views[item.suffix])
        name = item.name
        without = left_out.metrics.get(name)
        metrics[name] = Evidence.known(value, drawn.metrics[name], without, bias.get(name, 0.0))
    values = {"ap": split.ap, "f1": split.f1["per_class"]}
    classes = {}
    for name, of_class in values.items():
        found, without = drawn.classes[name], left_out.classes[name]
        rows = []
        for c, value in enumerate(of_class.tolist()):
            own_bias = float(sampler.ap_bias("", "ap")[c]) if name == "ap" else 0.0
            rows.append(Evidence.known(value, found[:, c], without[:, c], own_bias))
        classes[name] = rows
    return SplitEvidence(sampler.items, metrics, classes, drawn.present)


@dataclass(frozen=True, eq=False)
class _Values:
    """Values under D sets of weights.

    Attributes:
        metrics: name of the report -> ``(D,)``.
        classes: ``ap`` and ``f1`` -> ``(D, C)``.
        present: ``(D, C)`` bool: the class has a positive.
    """

    metrics: Mapping[str, Array]
    classes: Mapping[str, Array]
    present: Array


class _Sampler:
    """Computes everything that needs an interval under one set of weights after the other."""

    def __init__(self, split: Scored, groups: Groups) -> None:
        self.items: list[Item] = []
        self.views: dict[str, Scored] = {}
        for name, entry, view in reported(groups):
            if entry.name in WEIGHTED or entry.listed:
                suffix = name[len(entry.name) :]
                self.items.append(Item(name, entry, suffix))
                if suffix not in self.views:
                    self.views[suffix] = view(split)
        self.prepared = {suffix: Prepared(view) for suffix, view in self.views.items()}
        self.main = self.prepared.setdefault("", Prepared(split))

    def biases(self, halves: Callable[[], Iterable[Array]]) -> dict[str, float]:
        """Return name -> bias of the metrics that have average precisions in them."""
        found = {}
        self._ap_bias: dict[tuple[str, str], Array] = {}
        for item in self.items:
            name, suffix = item.entry.name, item.suffix
            if METHOD.get(name) != "halving":
                continue
            if suffix.startswith("@"):
                suffix = ""  # average precision does not depend on the decisions
            kind = "ap_interp" if name == "mAP_interp" else "ap"
            if (suffix, kind) not in self._ap_bias:
                self._ap_bias[suffix, kind] = _halving_bias(self.prepared[suffix], kind, halves())
            bias = mean_without_nan(self._ap_bias[suffix, kind])
            # The mean of four has mAP and three F1, which have no bias to speak of.
            found[item.name] = bias / 4 if name == "mean" else bias
        return found

    def ap_bias(self, suffix: str, kind: str) -> Array:
        """Return the bias of each class's average precision, ``(C,)``, after :meth:`biases`."""
        return self._ap_bias[suffix, kind]

    def values(self, weights: Iterable[Array], items: Sequence[Item]) -> _Values:
        """Return the metrics of ``items`` and those of the classes under all weights."""
        metrics: dict[str, list[Array]] = defaultdict(list)
        classes: dict[str, list[Array]] = defaultdict(list)
        present = []
        for chunk in weights:
            main = Weighted(self.main, chunk)
            views = {"": main, f"@{FIXED_THRESHOLD:g}": main.at_fixed}
            for item in items:
                if item.suffix not in views:
                    views[item.suffix] = Weighted(self.prepared[item.suffix], chunk)
                metrics[item.name].append(weighted_metric(item.entry.name, views[item.suffix]))
            classes["ap"].append(main.ap)
            classes["f1"].append(main.class_f1)
            present.append(main.present)
        return _Values(_joined(metrics), _joined(classes), np.concatenate(present))


def _joined(parts: Mapping[str, Sequence[Array]]) -> dict[str, Array]:
    return {name: np.concatenate(chunks) for name, chunks in parts.items()}


def _halving_bias(prepared: Prepared, kind: str, halves: Iterable[Array]) -> Array:
    """Return the bias of the average precision of each class, ``(C,)``; NaN where it has none.

    The mean over the halves is taken class by class: a half may lack a rare class, and the classes
    that are left would change the mean over the classes.
    """
    total, number = 0.0, 0.0
    for chunk in halves:
        found = getattr(Weighted(prepared, chunk), kind)  # (D, C)
        total = total + np.nansum(found, axis=0)
        number = number + np.count_nonzero(~np.isnan(found), axis=0)
    whole = getattr(Weighted(prepared, np.ones((1, len(prepared.split.scores)))), kind)[0]
    in_halves = total / np.where(number > 0, number, np.nan)
    return HALVING[kind] * (in_halves - whole)


def _metric_interval(item: Item, evidence: Evidence) -> dict[str, Any]:
    method = METHOD.get(item.entry.name, DEFAULT_METHOD)
    low, high = interval(method, evidence)
    if item.entry.name in WEIGHTED:  # shares from 0 to 1; a metric of one's own may have any scale
        low, high = max(low, 0.0), min(high, 1.0)
    return {
        "value": 100 * evidence.value,
        "low": 100 * low,
        "high": 100 * high,
        "method": method,
        "draws": len(evidence.draws),
    }


def _class_intervals(
    split: Scored, classes: Mapping[str, Sequence[Evidence]]
) -> dict[str, list[dict[str, Any]]]:
    num_pos = (split.labels > 0).sum(axis=0)
    found: dict[str, list[dict[str, Any]]] = {}
    for name, evidence in classes.items():
        rows = []
        for c, number in enumerate(num_pos):
            if number < MIN_POSITIVES:
                rows.append(dict(TOO_SMALL))
                continue
            low, high = interval(CLASS_METHOD[name], evidence[c])
            rows.append({"low": 100 * low, "high": 100 * high})
        found[name] = rows
    return found


def _dropped(split: Scored, names: Sequence[str], present: Array) -> dict[str, int]:
    """Return how many draws lack each class that the split has, without those that lack none."""
    in_split = (split.labels > 0).any(axis=0)
    missing = (~present).sum(axis=0)
    found = {}
    for c, name in enumerate(names):
        if in_split[c] and missing[c]:
            found[name] = int(missing[c])
    return found


def bootstrap_rules(
    rules: Mapping[str, type[DecisionRule]],
    val: tuple[Array, Array],
    test: tuple[Array, Array],
    *,
    train_prior: Array | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Any]:
    """Return intervals of decision rules that count the chance of the split they are fitted on.

    Each draw takes images of val and of test with replacement, fits every rule on val's and applies
    it to test's. All rules see the same draws, so that their differences are paired. A draw in
    which a rule fails does not count for this rule.

    Args:
        rules: name -> class; ``global`` is the one that others are compared with, if it is there.
        val: scores ``(N, C)`` and labels ``(N, C)`` to fit on.
        test: scores and labels to apply to.
        train_prior: ``(C,)`` share of positives in train, for the rules that take it.
        draws: number of draws; large splits get fewer.
        seed: of the draws.

    Returns:
        rule -> metric -> ``value``, ``low``, ``high`` for macro, micro and samples F1 in percent,
        and ``difference``: metric -> the same against ``global``, in points (not for ``global``).
        Empty for splits so large that a draw takes half a minute.

    Raises:
        UserError: a rule cannot be fitted to val or applied to test.
    """
    num_decisions = np.asarray(val[0]).size + np.asarray(test[0]).size
    sizes = len(val[0]), len(test[0])
    whole = [np.ones((1, sizes[0]))], [np.ones((1, sizes[1]))]
    values = _rule_draws(rules, val, test, train_prior, *whole)
    for name, found in values.items():
        if np.isnan(found).all():
            raise UserError(
                f"the decision rule '{name}' cannot be fitted to val or applied to test"
            )
    if num_decisions > LARGEST_RULE_DRAW:
        return {}
    draws = affordable(draws, num_decisions, least=LEAST_RULE_DRAWS, most=MOST_RULE_DECISIONS)
    of_val = bootstrap_weights(sizes[0], draws, seed, 1, title="intervals of rules")
    of_test = bootstrap_weights(sizes[1], draws, seed + 1, 1)
    drawn = _rule_draws(rules, val, test, train_prior, of_val, of_test)
    result = {}
    for name in rules:
        entry: dict[str, Any] = _rule_intervals(values[name], drawn[name])
        if name != HEADLINE_RULE and HEADLINE_RULE in rules:
            entry["difference"] = _rule_intervals(
                values[name] - values[HEADLINE_RULE], drawn[name] - drawn[HEADLINE_RULE]
            )
        result[name] = entry
    return result


def _rule_draws(
    rules: Mapping[str, type[DecisionRule]],
    val: tuple[Array, Array],
    test: tuple[Array, Array],
    train_prior: Array | None,
    of_val: Iterable[Array],
    of_test: Iterable[Array],
) -> dict[str, Array]:
    """Return rule -> ``(D, 3)``, the ``F1_NAMES`` in each draw; NaN where the rule fails.

    ``of_val`` and ``of_test`` yield the weights of one draw each, ``(1, N)``.
    """
    scores, labels = np.asarray(val[0], dtype=np.float64), np.asarray(val[1])
    found: dict[str, list[list[float]]] = {name: [] for name in rules}
    for val_weights, test_weights in zip(of_val, of_test, strict=True):
        rows = np.repeat(np.arange(len(scores)), val_weights[0].astype(np.int64))
        drawn_scores, drawn_labels = scores[rows], labels[rows]
        for name, rule_class in rules.items():
            try:
                rule = fit_rule(rule_class, drawn_scores, drawn_labels, train_prior)
                decided = Scored.by_rule(*test, rule)
            except UserError:
                # A draw of val may lack what the rule needs, such as any positive.
                found[name].append([float("nan")] * len(F1_NAMES))
                continue
            weighted = Weighted(Prepared(decided), test_weights)
            found[name].append([float(weighted_metric(m, weighted)[0]) for m in F1_NAMES])
    return {name: np.array(rows) for name, rows in found.items()}


def _rule_intervals(value: Array, drawn: Array) -> dict[str, Any]:
    """Return metric -> value and interval for ``value (1, 3)`` and ``drawn (D, 3)`` fractions."""
    found = {}
    for m, name in enumerate(F1_NAMES):
        low, high = interval(DEFAULT_METHOD, Evidence.known(float(value[0, m]), drawn[:, m]))
        found[name] = {"value": 100 * float(value[0, m]), "low": 100 * low, "high": 100 * high}
    return found
