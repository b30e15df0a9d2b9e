"""Evaluate the predictions of any model and write the files and the report of train.py.

    python -m tools.evaluate_predictions test.csv --val val.csv --root DATA \\
        --dataset-config-file configs/datasets/intentonomy.yaml --output-dir output/mine

Files may be CSV, JSON lines or .npz (see docs/evaluation.md). The annotation files of the evaluated
splits are enough: no images and no train file are needed. The threshold is tuned on val; without
val it is the given one or 0.5. KEY VALUE pairs set keys, such as TEST.BOOTSTRAP 0.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from yacs.config import CfgNode

from core.config_merge import setup_cfg
from core.errors import UserError
from core.files import read_json
from core.logging import close_logging, get_logger, setup_logging
from datasets import IntentDataset, build_annotations, image_names
from engine.card_differences import PREDICTIONS
from engine.final_evaluation import (
    check_rule_classes,
    check_settings,
    evaluated_run,
    with_rules,
    write_analysis,
)
from engine.numbers import write_card, write_numbers
from engine.run_card import finish_predictions_card, start_card
from evaluation import (
    DecisionRule,
    Evaluator,
    GlobalThreshold,
    Groups,
    SplitResult,
    build_evaluator,
    evaluate_split,
    evaluator_name,
    groups_of,
)
from evaluation.ancestors import violation_rate
from evaluation.data_title import data_title
from evaluation.predictions import (
    MatchedPredictions,
    as_probabilities,
    match,
    read_predictions,
)
from evaluation.rules import is_rule_file, read_rule
from evaluation.single_label import SingleLabel
from tools import command

log = get_logger()

DEFAULT_THRESHOLD = 0.5
WEIGHTS = "predictions of"  # start of the name of the evaluated weights in metrics.json


def evaluate_predictions(args: argparse.Namespace) -> int:
    """Evaluate the files of the command line and write all results; return the exit status."""
    cfg = configure(args)
    check_threshold(args)
    check_settings(cfg, has_val=args.val is not None)
    folder = Path(cfg.OUTPUT_DIR)
    check_folder(folder)
    card = start_card(cfg, kind=PREDICTIONS)
    files = {"test": args.predictions}
    if args.val:
        files = {"val": args.val, "test": args.predictions}
    dataset = build_annotations(cfg, splits=tuple(files))
    check_rule_classes(cfg, dataset.classnames)
    evaluator = make_evaluator(cfg, dataset)
    check_threshold_counts(args, evaluator)
    matched = {}
    for split, path in files.items():
        matched[split] = read_split(path, cfg, dataset, split, logits=args.logits)
    try:
        setup_logging(cfg.OUTPUT_DIR)
        for split, predictions in matched.items():
            for note in predictions.notes:
                log.info("%s (%s): %s.", predictions.source, split, note)
        check_labels(dataset, matched)
        threshold = args.threshold
        if threshold is None:
            threshold = threshold_of_file(cfg, dataset.classnames)
        results = evaluate(evaluator, dataset, matched, threshold=threshold)
        title = args.title or f"{args.predictions.name} on {data_title(cfg.DATASET)}"
        card = finish_predictions_card(
            card,
            dataset,
            root=cfg.DATASET.ROOT,
            files=files,
            metrics={split: result.metrics for split, result in results.items()},
            title=args.title,
            backbone=args.backbone,
        )
        run = replace(evaluated_run(cfg, dataset, results, title=title), card=card)
        run = with_rules(cfg, run)  # before a file changes: a mistake keeps the earlier results
        weights = f"{WEIGHTS} {args.predictions.name}"
        # The files may lie in the output folder, as predictions.csv of a run does.
        write_numbers(folder, cfg, run, weights=weights, keep=files.values())
        write_card(folder, run.card)
        write_analysis(folder, cfg, run)
    finally:
        close_logging()
    return 0


def configure(args: argparse.Namespace) -> CfgNode:
    """Return the configuration of the command line."""
    flags = {"OUTPUT_DIR": (str(args.output_dir), "--output-dir")}
    if args.root is not None:
        flags["DATASET.ROOT"] = (args.root, "--root")
    if args.rule is not None:
        flags["TEST.RULE"] = (args.rule, "--rule")
    files = [args.dataset_config_file] if args.dataset_config_file else []
    return setup_cfg(files, flags=flags, opts=args.opts)


def check_threshold(args: argparse.Namespace) -> None:
    """Raise :class:`UserError` if the given threshold is no probability or val tunes another."""
    if args.threshold is None:
        return
    if args.val:
        raise UserError("--threshold and --val exclude each other: val tunes the threshold")
    if not 0 <= args.threshold <= 1:
        raise UserError(f"--threshold is {args.threshold:g}; expected a number from 0 to 1")


def make_evaluator(cfg: CfgNode, dataset: IntentDataset) -> Evaluator:
    """Return the evaluator of the configuration, or else of the kind of data."""
    name = evaluator_name(cfg, kind=dataset.kind, zero_shot=bool(dataset.unseen))
    groups = groups_of(dataset.hierarchy)
    return build_evaluator(cfg, lab2cname=dataset.lab2cname, groups=groups, name=name)


def check_threshold_counts(args: argparse.Namespace, evaluator: Evaluator) -> None:
    """Raise :class:`UserError` if a threshold is given to an evaluator that decides without."""
    if args.threshold is not None and isinstance(evaluator, SingleLabel):
        raise UserError(
            f"--threshold is {args.threshold:g}, but the data set has one class per image: the "
            "best class is predicted, without a threshold; leave the flag out"
        )


def check_folder(folder: Path) -> None:
    """Raise :class:`UserError` if the folder has the result of a training run, or may have it."""
    path = folder / "metrics.json"
    if not path.is_file():
        return
    if not str(read_json(path).get("model", "")).startswith(WEIGHTS):
        raise UserError(
            f"--output-dir {folder} has the results of another run, which would be overwritten; "
            "give another folder"
        )


def read_split(
    path: Path, cfg: CfgNode, dataset: IntentDataset, split: str, *, logits: bool
) -> MatchedPredictions:
    """Return the predictions of a file in the order of a split, as probabilities.

    Raises:
        UserError: the file is broken or does not match the split.
    """
    matched = match(
        read_predictions(path),
        image_names(getattr(dataset, split), cfg.DATASET.ROOT),
        dataset.classnames,
        groups_of(dataset.hierarchy),
        words=dataset.hierarchy.names,
    )
    return as_probabilities(matched, logits=logits)


def check_labels(dataset: IntentDataset, matched: Mapping[str, MatchedPredictions]) -> None:
    """Warn if labels in a file, as in scores_test.npz of a run, are not those of the data set."""
    for split, predictions in matched.items():
        if predictions.labels is None:
            continue
        expected = np.stack([record.label for record in getattr(dataset, split)]) > 0
        wrong = int(((predictions.labels > 0) != expected).sum())
        if wrong:
            log.warning(
                "%s (%s): %s of %s labels in the file are not those of the data set, which count; "
                "are rows or columns in another order, or the annotations of another version?",
                predictions.source,
                split,
                f"{wrong:,}",
                f"{expected.size:,}",
            )


def threshold_of_file(cfg: CfgNode, names: Sequence[str]) -> float | None:
    """Return the threshold that a ``rule.json`` in ``TEST.RULE`` has for all classes, or None.

    Other rules have a row beside the headline.
    """
    if not is_rule_file(cfg.TEST.RULE):
        return None
    rule = read_rule(cfg.TEST.RULE, names)
    return rule.threshold if isinstance(rule, GlobalThreshold) else None


def evaluate(
    evaluator: Evaluator,
    dataset: IntentDataset,
    matched: Mapping[str, MatchedPredictions],
    *,
    threshold: float | None = None,
) -> dict[str, SplitResult]:
    """Return the result of each split; the threshold is tuned on val and never on test.

    Args:
        evaluator: evaluator of the data set.
        dataset: data set with the labels of the splits.
        matched: predictions by split, val before test.
        threshold: threshold without val; None: 0.5.
    """
    groups = groups_of(dataset.hierarchy)
    dataset.open_test()  # nothing is chosen after this
    rule: DecisionRule | None = None
    if "val" not in matched and not isinstance(evaluator, SingleLabel):
        rule = given_threshold(threshold)
    results = {}
    for split, predictions in matched.items():
        log.info("Evaluate on the *%s* set", split)
        labels = torch.stack([torch.as_tensor(r.label) for r in getattr(dataset, split)])
        result = evaluate_split(evaluator, torch.from_numpy(predictions.scores), labels, rule)
        rule = result.rule
        results[split] = with_violations(result, predictions, groups)
    return results


def given_threshold(threshold: float | None) -> GlobalThreshold:
    """Return the rule without val and say in the log that nothing is tuned."""
    if threshold is None:
        threshold = DEFAULT_THRESHOLD
        log.info(
            "There are no predictions for val: the threshold is %g and not tuned "
            "(--val FILE tunes it, --threshold T sets it).",
            threshold,
        )
    else:
        log.info(
            "There are no predictions for val: the threshold is the given %g, not tuned here.",
            threshold,
        )
    return GlobalThreshold(threshold)


def with_violations(
    result: SplitResult, predictions: MatchedPredictions, groups: Groups
) -> SplitResult:
    """Return the result with ``violation_rate/LEVEL`` in percent for levels that the file scores.

    The threshold of the classes also decides the groups; a rule without one threshold decides none.
    """
    if not isinstance(result.rule, GlobalThreshold):
        return result
    metrics = dict(result.metrics)
    for level, scores in predictions.parents.items():
        decided = {group: result.rule.decide(values) for group, values in scores.items()}
        rate = 100 * violation_rate(result.pred, decided, groups.levels[level])
        metrics[f"violation_rate/{level}"] = rate
        log.info("* violation_rate/%s: %.2f%%", level, rate)
    return replace(result, metrics=metrics)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = command.make_parser("tools.evaluate_predictions", __doc__)
    parser.add_argument("predictions", type=Path, help="predictions for the test images")
    parser.add_argument("--val", type=Path, help="predictions for val, which tune the threshold")
    parser.add_argument("--dataset-config-file", default="", help="YAML file of the data set")
    parser.add_argument("--root", help="folder with annotations/ (DATASET.ROOT)")
    parser.add_argument("--output-dir", type=Path, required=True, help="folder of the results")
    parser.add_argument("--threshold", type=float, help="threshold without --val (0.5)")
    parser.add_argument("--rule", help="decision rule, or path of a rule.json (TEST.RULE)")
    parser.add_argument("--logits", action="store_true", help="scores are logits: apply sigmoid")
    parser.add_argument("--title", default="", help="head of the report (name of the file)")
    parser.add_argument(
        "--backbone", default="", help="image encoder of the model, to compare with published rows"
    )
    parser.add_argument("opts", nargs="*", metavar="KEY VALUE", help="override the configuration")
    args = parser.parse_intermixed_args(argv)
    return command.run(lambda: evaluate_predictions(args))


if __name__ == "__main__":
    sys.exit(main())
