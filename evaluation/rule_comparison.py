"""All decision rules beside each other on the same scores."""

from collections.abc import Mapping

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

BEST_ON_TEST = "best on test"


def compare_rules(
    *,
    val: Labelled | None = None,
    test: Labelled | None = None,
    given: DecisionRule | None = None,
    train_prior: Array | None = None,
) -> list[RuleResult]:
    """Return every rule, fitted on val and applied to val and test, the headline's first.

    Without val, these are the given rule and the rules that are not tuned. With test, the last row
    is the global threshold tuned on test itself, an optimistic bound.

    Args:
        val: scores and labels ``(N, C)`` of val.
        test: scores and labels ``(N, C)`` of test.
        given: rule of the headline without val; with val it is not read.
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
    if val is None and given is not None:
        rows.append(_row("given", given, "", splits))
    names = list(RULE_REGISTRY.registered_names())
    names.sort(key=lambda name: name != HEADLINE_RULE)  # stable: the headline first
    for name in names:
        rule = RULE_REGISTRY.get(name)
        if val is None and rule.tuned:
            continue
        row = _try_row(name, rule, splits, train_prior)
        if row is not None:
            rows.append(row)
    if test is not None and (test[1] > 0).any():
        rows.append(_row(BEST_ON_TEST, GlobalThreshold.fit(*test), "test", splits))
    return rows


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
