"""Method and decision rule, crossed: how much of a gain is the method's, how much the rule's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import UserError

from ..metrics import F1_NAMES, f1_percent
from ..rules import RULE_REGISTRY, fit_rule, read_rule
from ..scored import Scored
from ..uncertainty.significance import Difference, compare_methods
from .paired_runs import PairedRun
from .run_folder import SavedScores
from .summary import Summary, summarize_values

RULE_METRICS = F1_NAMES


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
    notes: list[str],
    *,
    baseline: str,
    swaps: int,
    seed: int,
) -> RuleGrid | None:
    """Decide for all images of test by two rules that are fitted on each run's val.

    A rule that cannot be fitted is read from ``rule.json`` if the run has it there.

    Args:
        paired: setting -> runs on the same images of test.
        rules: registered names of two rules.
        notes: receives a sentence for each setting whose rules cannot be fitted.
        baseline: setting that the differences refer to; there are none if it has no rules.
        swaps: swaps of the paired tests.
        seed: seed of the swaps.

    Returns:
        The grid; None if the rules can be fitted for no setting.

    Raises:
        UserError: there is no such rule, or a file of a run is not valid.
    """
    decided: dict[str, dict[str, list[Scored]]] = {}
    order: Sequence[str] = ()
    for name, runs in paired.items():
        by_rule: dict[str, list[Scored]] = {rule: [] for rule in rules}
        for run in runs:
            val = _read_val(run, order)
            if val is not None and not order:
                order = val.images
            for rule in rules:
                scored = _decide(run, rule, val, name, notes)
                if scored is not None:
                    by_rule[rule].append(scored)
        if all(len(views) == len(runs) for views in by_rule.values()):
            decided[name] = by_rule
    if not decided:
        return None
    cells, gains = {}, {}
    for name, by_rule in decided.items():
        values = {rule: [f1_percent(view.f1) for view in views] for rule, views in by_rule.items()}
        cells[name] = {rule: _summaries(rows) for rule, rows in values.items()}
        gains[name] = _summaries(_subtract(values[rules[1]], values[rules[0]]))
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


def _read_val(paired: PairedRun, order: Sequence[str]) -> SavedScores | None:
    """Return val with the classes of test; None if the run has no scores of val.

    The images are in the given order if they are the same ones: a rule that is fitted on parts of
    val would otherwise depend on the order in a run's file.
    """
    run = paired.run
    if not run.has_scores("val"):
        return None
    val = run.scores("val")
    if sorted(val.classes) != sorted(paired.classes):
        raise UserError(f"{run.path}: scores_val.npz has other classes than scores_test.npz")
    columns = [list(val.classes).index(name) for name in paired.classes]
    row_of = {name: row for row, name in enumerate(val.images)}
    rows = list(range(len(val.images)))
    if len(row_of) == len(rows) and sorted(row_of) == sorted(order):
        rows = [row_of[name] for name in order]
    chosen = np.ix_(rows, columns)
    images = [val.images[row] for row in rows]
    return SavedScores(val.scores[chosen], val.labels[chosen], images, paired.classes)


def _decide(
    paired: PairedRun, rule_name: str, val: SavedScores | None, setting: str, notes: list[str]
) -> Scored | None:
    """Return the run with the decisions of a rule; None, with a note, if there is no such rule."""
    rule = None
    reason = "no scores of val, so that no decision rule can be fitted"
    if val is not None:
        try:
            rule = fit_rule(RULE_REGISTRY.get(rule_name), val.scores, val.labels)
        except UserError as error:
            reason = f"rule '{rule_name}' is not fitted: {error}"
    if rule is None:
        if paired.run.rule.get("name") == rule_name:
            rule = read_rule(paired.run.path / "rule.json", paired.classes)
            reason = f"rule '{rule_name}' is read from rule.json, not fitted"
        note = f"{setting}: {reason}."
        if note not in notes:
            notes.append(note)
    if rule is None:
        return None
    return Scored.by_rule(paired.scored.scores, paired.scored.labels, rule)


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
