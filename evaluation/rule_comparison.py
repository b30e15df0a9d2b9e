"""All decision rules beside each other on the same scores."""

from collections.abc import Mapping, Sequence

from core.errors import UserError
from core.logging import get_logger

from .evaluated import RuleResult
from .metrics import Array, f1_percent, f1_scores
from .rules import (
    HEADLINE_RULE,
    RULE_REGISTRY,
    DecisionRule,
    GlobalThreshold,
    apply_rule,
    fit_rule,
)

log = get_logger()

Labelled = tuple[Array, Array]  # scores and labels, (N, C) each

GIVEN = "given"
FROM_FILE = "from file"
BEST_ON_TEST = "best on test"


def compare_rules(
    *,
    val: Labelled | None = None,
    test: Labelled | None = None,
    given: DecisionRule | None = None,
    train_prior: Array | None = None,
) -> list[RuleResult]:
    """Return every rule, fitted on val and applied to val and test, the headline's first.

    The first row is ``given`` where the headline has another rule than the global threshold of val.
    Without val, the other rows are the rules that are not tuned. With test, the last row is the
    global threshold tuned on test itself, an optimistic bound.

    Args:
        val: scores and labels ``(N, C)`` of val.
        test: scores and labels ``(N, C)`` of test.
        given: rule of the headline; None if it is the global threshold of val, or if there is none.
        train_prior: share of positives in train, ``(C,)``; None leaves out the rules that need it.

    Raises:
        ValueError: there is neither val nor test.
    """
    splits: dict[str, Labelled] = {}
    if val is not None:
        splits["val"] = val
    if test is not None:
        splits["test"] = test
    if not splits:
        raise ValueError("compare_rules needs val, test, or both")
    rows = []
    names = list(RULE_REGISTRY.registered_names())
    names.sort(key=lambda name: name != HEADLINE_RULE)  # stable: the headline first
    for name in names:
        rule = RULE_REGISTRY.get(name)
        if val is None and rule.tuned:
            continue
        row = _try_row(name, rule, splits, train_prior)
        if row is not None:
            rows.append(row)
    if given is not None and not _is_global(given, rows):
        row = _given_row(given, splits)
        if row is not None:
            rows.insert(0, row)
    if test is not None and (test[1] > 0).any():
        rows.append(_row(BEST_ON_TEST, GlobalThreshold.fit(*test), "test", splits))
    return rows


def rule_of_file(
    rule: DecisionRule, *, val: Labelled | None = None, test: Labelled | None = None
) -> RuleResult:
    """Return the row of a rule that a file gives; it is tuned on data that are not known here.

    Raises:
        UserError: the rule cannot be applied to these scores.
    """
    splits = {name: pair for name, pair in (("val", val), ("test", test)) if pair is not None}
    return _row(FROM_FILE, rule, "", splits)


def _is_global(given: DecisionRule, rows: Sequence[RuleResult]) -> bool:
    """Return True if ``given`` is the global threshold of the first row."""
    if not rows or rows[0].name != HEADLINE_RULE or type(given) is not GlobalThreshold:
        return False
    return rows[0].rule.threshold == given.threshold


def _given_row(given: DecisionRule, splits: Mapping[str, Labelled]) -> RuleResult | None:
    """Return the row of the headline's rule; log why and return None if it cannot be applied."""
    tuned = "val" in splits and getattr(given, "tuned", True)
    try:
        return _row(GIVEN, given, "val" if tuned else "", splits)
    except UserError as error:
        log.info("The headline's rule is not compared: %s", error)
        return None


def _try_row(
    name: str,
    rule: type[DecisionRule],
    splits: Mapping[str, Labelled],
    train_prior: Array | None,
) -> RuleResult | None:
    """Return the rule, fitted on val and applied; log why and return None if that fails."""
    tuned_on = "val" if rule.tuned else ""
    # A rule that is not tuned does not read the split.
    scores, labels = splits.get("val") or next(iter(splits.values()))
    try:
        fitted = fit_rule(rule, scores, labels, train_prior=train_prior)
        return _row(name, fitted, tuned_on, splits)
    except UserError as error:
        log.info("Decision rule '%s' is left out: %s", name, error)
        return None


def _row(
    name: str, rule: DecisionRule, tuned_on: str, splits: Mapping[str, Labelled]
) -> RuleResult:
    metrics = {}
    for split, (scores, labels) in splits.items():
        f1 = f1_scores(apply_rule(rule, scores), labels)
        metrics[split] = f1_percent(f1)
    return RuleResult(name=name, rule=rule, tuned_on=tuned_on, metrics=metrics)
