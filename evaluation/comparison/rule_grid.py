"""Method and decision rule, crossed: how much of a gain is the method's, how much the rule's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.errors import UserError

from ..rules import RULE_REGISTRY, DecisionRule, fit_rule, read_rule
from ..scored import Scored
from ..significance import Difference, compare_methods
from .paired_runs import PairedRun
from .summary import Summary, summarize_values

RULE_METRICS = ("macro_f1", "micro_f1", "samples_f1")

_KEYS = {"macro_f1": "macro", "micro_f1": "micro", "samples_f1": "samples"}


@dataclass(frozen=True)
class RuleGrid:
    """Method and decision rule, crossed.

    Attributes:
        rules: names of the two rules.
        cells: setting -> rule -> metric -> summary over the runs, in percent.
        gains: setting -> metric -> second rule - first rule, over the runs, in points.
        differences: setting -> rule -> metric -> setting - baseline; without the baseline.
    """

    rules: tuple[str, str]
    cells: Mapping[str, Mapping[str, Mapping[str, Summary]]]
    gains: Mapping[str, Mapping[str, Summary]]
    differences: Mapping[str, Mapping[str, Mapping[str, Difference]]]


def cross_rules(
    paired: Mapping[str, Sequence[PairedRun]],
    rules: tuple[str, str],
    split: str,
    notes: list[str],
    *,
    swaps: int,
    seed: int,
) -> RuleGrid | None:
    """Decide for all runs by two rules that are fitted on each run's val.

    Args:
        paired: setting -> runs on the same images; the first setting is the baseline.
        rules: registered names of two rules.
        split: split of the scores.
        notes: receives a sentence for each setting whose rules cannot be fitted.
        swaps: swaps of the paired tests.
        seed: seed of the swaps.

    Returns:
        The grid; None if the rules can be fitted for no setting.

    Raises:
        UserError: there is no such rule, or it cannot be fitted.
    """
    decided: dict[str, dict[str, list[Scored]]] = {}
    for name, runs in paired.items():
        by_rule = {}
        for rule in rules:
            by_rule[rule] = [_decide(run, rule, split) for run in runs]
        if any(scored is None for views in by_rule.values() for scored in views):
            notes.append(f"{name}: no scores of val, so that no decision rule can be fitted.")
            continue
        decided[name] = by_rule
    if not decided:
        return None
    cells, gains = {}, {}
    for name, by_rule in decided.items():
        values = {rule: [_f1_of(view) for view in views] for rule, views in by_rule.items()}
        cells[name] = {rule: _summaries(rows) for rule, rows in values.items()}
        gains[name] = _summaries(_subtract(values[rules[1]], values[rules[0]]))
    baseline = next(iter(paired))
    return RuleGrid(rules, cells, gains, _differences(decided, baseline, swaps, seed))


def _differences(
    decided: Mapping[str, Mapping[str, list[Scored]]], baseline: str, swaps: int, seed: int
) -> dict[str, dict[str, Mapping[str, Difference]]]:
    """Return setting -> rule -> metric -> difference to the baseline at the same rule."""
    result: dict[str, dict[str, Mapping[str, Difference]]] = {}
    if baseline not in decided:
        return result
    for name, by_rule in decided.items():
        if name == baseline:
            continue
        result[name] = {}
        for rule, views in by_rule.items():
            result[name][rule] = compare_methods(
                decided[baseline][rule], views, metrics=RULE_METRICS, swaps=swaps, seed=seed
            )
    return result


def _decide(paired: PairedRun, rule_name: str, split: str) -> Scored | None:
    """Return the run with the decisions of a rule; None if the rule cannot be had."""
    rule = _rule_of(paired, rule_name, split)
    if rule is None:
        return None
    return Scored.by_rule(paired.scored.scores, paired.scored.labels, rule)


def _rule_of(paired: PairedRun, name: str, split: str) -> DecisionRule | None:
    """Return a rule fitted on the run's val, or the one of ``rule.json``; None without both."""
    run = paired.run
    if split == "test" and run.has_scores("val"):
        val = run.scores("val")
        if sorted(val.classes) != sorted(paired.classes):
            raise UserError(f"{run.path}: scores_val.npz has other classes than scores_test.npz")
        columns = [list(val.classes).index(name) for name in paired.classes]
        return fit_rule(RULE_REGISTRY.get(name), val.scores[:, columns], val.labels[:, columns])
    if run.rule.get("name") == name:
        return read_rule(run.path / "rule.json", paired.classes)
    return None


def _f1_of(scored: Scored) -> dict[str, float]:
    """Return the three F1 in percent."""
    return {metric: 100 * scored.f1[key] for metric, key in _KEYS.items()}


def _subtract(
    left: Sequence[Mapping[str, float]], right: Sequence[Mapping[str, float]]
) -> list[dict[str, float]]:
    """Return the differences run by run: runs of one seed share what the seed does."""
    rows = []
    for a, b in zip(left, right, strict=True):
        rows.append({name: a[name] - b[name] for name in a})
    return rows


def _summaries(rows: Sequence[Mapping[str, float]]) -> dict[str, Summary]:
    return {name: summarize_values([row[name] for row in rows]) for name in rows[0]}
