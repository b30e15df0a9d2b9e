"""The numbers of a final evaluation on disk: metrics, rows per class, scores.

They are written before rules, intervals and report, so that a fault there loses none of them.
"""

from collections.abc import Iterable
from pathlib import Path

from yacs.config import CfgNode

from core.files import find_file
from core.logging import get_logger
from engine.run_card import FILE, Card
from evaluation import (
    EvaluatedRun,
    format_table,
    is_rule_file,
    write_metrics,
    write_per_class,
    write_scores,
)

log = get_logger()

# Tables of the report that have no LaTeX file, because they are too large to show.
LARGE_TABLES = ("confusion_counts", "cooccurrence_counts", "training_curves_per_batch")
# Not every evaluation writes all of these; metrics.json says that there are results.
RESULTS = (
    "metrics.json",
    "intervals.json",
    "per_class.csv",
    "per_class_val.csv",
    "predictions.csv",
    "report.html",
    "rule.json",
    "scores_test.npz",
    "scores_val.npz",
)


def write_numbers(
    folder: Path, cfg: CfgNode, run: EvaluatedRun, *, weights: str, keep: Iterable[Path] = ()
) -> None:
    """Write and log metrics and scores, in place of those of an earlier evaluation.

    Args:
        folder: output folder.
        cfg: configuration; ``TEST.RULE`` is read: its file is not removed.
        run: the final evaluation, from :func:`evaluated_run`.
        weights: name of the evaluated weights, such as ``epoch 3``.
        keep: further files in the folder that are not removed.

    Raises:
        OSError: a file cannot be written.
    """
    keep = list(keep)
    if is_rule_file(cfg.TEST.RULE):
        keep.append(find_file(cfg.TEST.RULE))
    remove_earlier_results(folder, keep=keep)
    metrics = {name: dict(split.result.metrics) for name, split in run.splits.items()}
    last = list(run.splits)[-1]
    for name, split in run.splits.items():
        suffix = "" if name == last else f"_{name}"
        if split.result.per_class:  # evaluators of other projects may have no rows
            write_per_class(folder / f"per_class{suffix}.csv", split.result.per_class)
        write_scores(folder / f"scores_{name}.npz", split, run.names)
    write_metrics(folder / "metrics.json", {"model": weights, **metrics})
    log.info("%s\nResults of %s: %s", format_table(metrics), weights, folder / "metrics.json")


def write_card(folder: Path, card: Card) -> None:
    """Write the run card as ``run.json``; called before anything is analysed, as the numbers are.

    Raises:
        OSError: the file cannot be written.
    """
    write_metrics(folder / FILE, card)


def remove_earlier_results(folder: Path, *, keep: Iterable[Path] = ()) -> None:
    """Remove results of an earlier evaluation that this one may not replace.

    They would stand beside numbers that they do not belong to: scores of val of another model,
    intervals of other scores.

    Args:
        folder: output folder; without ``metrics.json`` nothing in it is a result.
        keep: files that are not removed.
    """
    if not (folder / "metrics.json").is_file():
        return
    kept = {path.resolve() for path in keep}
    found = [folder / name for name in RESULTS]
    tables = folder / "tables"
    found += [tables / f"{name}.csv" for name in LARGE_TABLES]
    for table in tables.glob("*.tex"):  # each other table is also a CSV file
        found += [table, table.with_suffix(".csv")]
    for path in found:
        if path.resolve() not in kept:
            path.unlink(missing_ok=True)
