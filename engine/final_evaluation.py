"""The final evaluation of a run: decision rules, intervals, all result files and the report.

``train.py`` and ``tools/evaluate_predictions.py`` end here, so both write the same files:

- ``metrics.json``: metrics of all splits, the same from run to run
- ``per_class.csv``: a row per class; ``per_class_val.csv`` for val
- ``classes.json`` of a run: keys, words and groups of the classes, so that it can predict alone
- ``scores_<split>.npz``: scores, labels, image names and class names
- ``predictions.csv``: a row per image, with ``TEST.PREDICTIONS True``
- ``rule.json``: the chosen decision rule
- ``intervals.json``: 95 % intervals, unless ``TEST.BOOTSTRAP`` is 0
- ``run.json``: run card with settings, versions, data, result and costs
- ``report.html`` and ``tables/``, unless ``TEST.REPORT`` is False
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from yacs.config import CfgNode

from core.config import Key, declare, declare_check
from core.errors import UserError
from core.logging import get_logger
from datasets import IntentDataset, image_names
from evaluation import (
    RULE_REGISTRY,
    DecisionRule,
    EvaluatedRun,
    EvaluatedSplit,
    RuleResult,
    Scored,
    SplitResult,
    apply_rule,
    bootstrap_intervals,
    bootstrap_rules,
    check_rule_name,
    compare_rules,
    fit_rule,
    format_table,
    groups_of,
    is_rule_file,
    read_rule,
    write_metrics,
    write_predictions,
    write_rule,
)
from evaluation.distributions import distribution_metrics
from evaluation.metrics import HEADLINE_METRICS
from evaluation.published import facts_of, published_rows, rows_beside
from evaluation.rule_comparison import BEST_ON_TEST, FROM_FILE, GIVEN, rule_of_file
from evaluation.rules import HEADLINE_RULE

log = get_logger()

declare(
    "TEST",
    Key(
        "PREDICTIONS",
        False,
        "write predictions.csv: true and predicted classes and all scores of each image",
        may_change=True,
    ),
    Key(
        "RULE",
        HEADLINE_RULE,
        "decision rule of predictions.csv and rule.json: a registered name, or the rule.json of "
        "another run; the headline is always the global threshold",
        may_change=True,
    ),
    Key(
        "BOOTSTRAP",
        1000,
        "draws for the 95 % intervals of the final evaluation, at least 2; large splits get fewer; "
        "0: no intervals",
        low=0,
        may_change=True,
    ),
    Key(
        "COSTS",
        True,
        "measure FLOPs, latency and throughput after the final evaluation, for run.json",
        may_change=True,
    ),
    Key(
        "REPORT",
        True,
        "write report.html and its tables after the final evaluation",
        may_change=True,
    ),
)

BOOTSTRAP_SEED = 0  # not the run's: seeds of a method are compared on the same draws


def check_settings(cfg: CfgNode, *, has_val: bool = True) -> None:
    """Check the settings of the final evaluation before anything is trained or evaluated.

    Args:
        cfg: configuration.
        has_val: there is a val split that a rule can be fitted on.

    Raises:
        UserError: ``TEST.RULE`` is neither a registered rule nor an existing file, or needs a val
            split; or ``TEST.BOOTSTRAP`` is 1.
    """
    _check_bootstrap(cfg)
    name = cfg.TEST.RULE
    check_rule_name("TEST.RULE", name)
    if has_val or is_rule_file(name) or name == HEADLINE_RULE:
        return
    if RULE_REGISTRY.get(name).tuned:
        raise UserError(f"TEST.RULE '{name}' cannot be fitted: it needs a val split")


def _check_bootstrap(cfg: CfgNode) -> None:
    if cfg.TEST.BOOTSTRAP == 1:
        raise UserError("TEST.BOOTSTRAP is 1; expected 0 or at least 2: one draw has no spread")


declare_check("TEST.BOOTSTRAP", _check_bootstrap)
declare_check("TEST.RULE", lambda cfg: check_rule_name("TEST.RULE", cfg.TEST.RULE))


def check_rule_classes(cfg: CfgNode, names: Sequence[str]) -> None:
    """Raise :class:`UserError` if ``TEST.RULE`` is a file whose classes are not ``names``."""
    if is_rule_file(cfg.TEST.RULE):
        read_rule(cfg.TEST.RULE, names)


def evaluated_run(
    cfg: CfgNode,
    dataset: IntentDataset,
    results: Mapping[str, SplitResult],
    *,
    title: str,
) -> EvaluatedRun:
    """Return the final evaluation as plain data, without card, curves, rules and intervals yet.

    Args:
        cfg: configuration; ``DATASET.ROOT`` is read.
        dataset: data set with the evaluated splits; train may be empty.
        results: results by split, in the order of evaluation: val, test, or both.
        title: head of the report.
    """
    splits = {}
    for name, result in results.items():
        split = _evaluated_split(result, getattr(dataset, name), cfg.DATASET.ROOT)
        splits[name] = _with_distances(split, dataset.kind)
    counts, prior = _train_labels(dataset)
    return EvaluatedRun(
        title=title,
        splits=splits,
        names=dataset.classnames,
        groups=groups_of(dataset.hierarchy),
        train_counts=counts,
        train_prior=prior,
        notes=dataset.notes,
    )


def _evaluated_split(result: SplitResult, records: Sequence[Any], root: str) -> EvaluatedSplit:
    """Return a split's result with the names, files and votes of its records."""
    votes = [record.votes for record in records]
    has_votes = bool(votes) and all(vote is not None for vote in votes)
    return EvaluatedSplit(
        result=result,
        images=image_names(records, root),
        paths=[record.impath for record in records],
        votes=np.stack(votes) if has_votes else None,
    )


def _with_distances(split: EvaluatedSplit, kind: str) -> EvaluatedSplit:
    """Add the distances to the voted distribution, for one class per image with votes."""
    if kind != "single_label" or split.votes is None:
        return split
    result = split.result
    metrics = {**result.metrics, **distribution_metrics(result.scores, split.votes)}
    return replace(split, result=replace(result, metrics=metrics))


def _train_labels(dataset: IntentDataset) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return positives and prior of each class in train ``(C,)`` under the label policy, or None.

    Soft targets count with their share; unknown labels count nowhere. The prior of a class without
    a known label is NaN.
    """
    if not dataset.train_x:
        return None, None
    labels = np.stack([record.label for record in dataset.train_x]).astype(np.float64)
    known = labels >= 0
    positives = np.where(known, labels, 0).sum(axis=0)
    num_known = known.sum(axis=0)
    prior = np.where(num_known > 0, positives / np.maximum(num_known, 1), np.nan)
    return (labels > 0).sum(axis=0), prior


def _rules_beside_each_other(run: EvaluatedRun) -> list[RuleResult]:
    """Return all rules on all splits; none if they cannot be fitted to these labels."""
    pairs = _pairs(run)
    try:
        return compare_rules(
            val=pairs.get("val"),
            test=pairs.get("test"),
            given=run.final.result.rule,
            train_prior=run.train_prior,
        )
    except UserError as error:
        # An evaluator of somebody's own may accept labels that no threshold can be fitted to.
        log.warning("No decision rules beside the evaluator's own: %s", error)
        return []


def _pairs(run: EvaluatedRun) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return split -> scores and labels."""
    pairs = {}
    for name, split in run.splits.items():
        pairs[name] = (split.result.scores, split.result.labels)
    return pairs


def choose_rule(name: str, run: EvaluatedRun) -> DecisionRule | None:
    """Return the rule that ``TEST.RULE`` names, fitted on val or read from its file.

    Args:
        name: registered name, or path of a ``rule.json``.
        run: the final evaluation with the rules beside each other.

    Raises:
        UserError: the rule cannot be fitted (there is no val split, or the rule's own reason), or
            its file does not fit the classes.
    """
    if is_rule_file(name):
        return read_rule(name, run.names)
    if name == HEADLINE_RULE:
        # An evaluator without a rule decides nothing: predictions.csv then has the best class.
        return run.final.result.rule
    for row in run.rules:
        if row.name == name:
            return row.rule
    if "val" not in run.splits:
        raise UserError(f"TEST.RULE '{name}' cannot be fitted: it needs a val split")
    val = run.splits["val"].result
    try:
        rule = fit_rule(RULE_REGISTRY.get(name), val.scores, val.labels, run.train_prior)
        for split in run.splits.values():
            apply_rule(rule, split.result.scores)
    except UserError as error:
        raise UserError(f"TEST.RULE '{name}': {error}") from error
    return rule


def _intervals(run: EvaluatedRun, *, draws: int) -> dict[str, Any]:
    """Return the content of ``intervals.json`` for the last split; empty without draws."""
    result = run.final.result
    if not draws or result.rule is None:
        return {}
    groups = run.groups
    scored = Scored.by_rule(result.scores, result.labels, result.rule, groups)
    intervals = bootstrap_intervals(scored, groups, run.names, draws=draws, seed=BOOTSTRAP_SEED)
    if intervals["draws"] < draws:
        log.info(
            "Intervals have %s draws in place of %s (TEST.BOOTSTRAP): %s decisions take long",
            f"{intervals['draws']:,}",
            f"{draws:,}",
            f"{scored.scores.size:,}",
        )
    intervals = {"split": list(run.splits)[-1], **intervals}
    if set(run.splits) == {"val", "test"}:
        val = run.splits["val"].result
        intervals["rules"] = bootstrap_rules(
            _registered_rules(run),
            (val.scores, val.labels),
            (result.scores, result.labels),
            train_prior=run.train_prior,
            draws=draws,
            seed=BOOTSTRAP_SEED,
        )
    return intervals


def _registered_rules(run: EvaluatedRun) -> dict[str, type[DecisionRule]]:
    """Return the classes of the compared rules that every draw of val can fit."""
    found = {}
    for row in run.rules:
        if row.name not in (GIVEN, FROM_FILE, BEST_ON_TEST):
            found[row.name] = RULE_REGISTRY.get(row.name)
    return found


def with_rules(cfg: CfgNode, run: EvaluatedRun) -> EvaluatedRun:
    """Return the run with all rules beside each other and the rule that ``TEST.RULE`` chooses.

    Raises:
        UserError: the chosen rule cannot be fitted, or does not fit the classes.
    """
    run = replace(run, rules=_rules_beside_each_other(run))
    run = replace(run, rule=choose_rule(cfg.TEST.RULE, run))
    if not is_rule_file(cfg.TEST.RULE) or not run.rules:
        return run
    given = rule_of_file(run.rule, **_pairs(run))
    return replace(run, rules=[run.rules[0], given, *run.rules[1:]])


def write_analysis(folder: Path, cfg: CfgNode, run: EvaluatedRun) -> None:
    """Write the chosen rule, compute intervals, write predictions and report.

    Args:
        folder: output folder.
        cfg: configuration; ``TEST.BOOTSTRAP``, ``TEST.PREDICTIONS`` and ``TEST.REPORT`` are read.
        run: the final evaluation with its card and training curves, from :func:`with_rules`.

    Raises:
        OSError: a file cannot be written.
    """
    log_rules(run)
    unwritten = _write_rule(folder / "rule.json", run)
    if cfg.TEST.PREDICTIONS:
        _write_predictions(folder / "predictions.csv", run)
    run = replace(run, intervals=_intervals(run, draws=cfg.TEST.BOOTSTRAP))
    if run.intervals:
        write_metrics(folder / "intervals.json", run.intervals)
        log_intervals(run)
    if cfg.TEST.REPORT:
        # Here, because matplotlib takes a second to import, which every start would wait for.
        from reports.run_report import write_report_and_tables

        write_report_and_tables(folder, run, published_beside(cfg, run))
        log.info("Report: %s", folder / "report.html")
    if unwritten:
        log.warning(unwritten)  # last, where it is seen


def _write_rule(path: Path, run: EvaluatedRun) -> str:
    """Write the chosen rule; return why no file can hold it, empty if it is written."""
    try:
        if run.rule is not None:
            write_rule(path, run.rule, run.names)
    except UserError as error:
        return f"{path} is not written: {error}"
    return ""


def published_beside(cfg: CfgNode, run: EvaluatedRun) -> list[dict[str, Any]]:
    """Return the published rows of the data set, with warnings where they do not compare.

    Args:
        cfg: configuration.
        run: the final evaluation.
    """
    if list(run.splits)[-1] != "test":
        return []
    rows = published_rows(cfg.DATASET.NAME, len(run.final.images))
    metrics = {name: split.result.metrics for name, split in run.splits.items()}
    return rows_beside(rows, facts_of(run.card, metrics))


def _write_predictions(path: Path, run: EvaluatedRun) -> None:
    result = run.final.result
    pred = result.pred if run.rule is None else run.rule.decide(result.scores)
    write_predictions(
        path,
        images=run.final.images,
        names=run.names,
        scores=result.scores,
        labels=result.labels,
        pred=pred,
    )


def log_rules(run: EvaluatedRun) -> None:
    """Log the F1 of all decision rules on the last split as a table."""
    if len(run.rules) < 2:
        return
    split = list(run.splits)[-1]
    table = {}
    for row in run.rules:
        name = f"{row.name} (tuned on {row.tuned_on})" if row.tuned_on else row.name
        table[name] = row.metrics[split]
    log.info("Decision rules on %s:\n%s", split, format_table(table, rows="rule"))


def log_intervals(run: EvaluatedRun) -> None:
    """Log the intervals of the headline metrics in one line."""
    metrics = run.intervals.get("metrics", {})
    parts = []
    for name in HEADLINE_METRICS:
        if name in metrics:
            row = metrics[name]
            parts.append(f"{name} {row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}]")
    if parts:
        draws = run.intervals["draws"]
        log.info("95 %% intervals (bootstrap, %s draws): %s", f"{draws:,}", ", ".join(parts))
