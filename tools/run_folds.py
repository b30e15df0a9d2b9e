"""Train every fold of a data set and average the metrics over the folds.

    python -m tools.run_folds --output-dir OUT ...arguments of train.py...

train.py runs once per fold, one after another, in OUT/fold1/seedN to OUT/foldK/seedN. Folds with a
result are skipped, and an interrupted fold resumes after its last finished epoch. Mean and standard
deviation of the metrics are printed and written to OUT/folds.json. The exit status is 1 if a fold
failed.
"""

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from yacs.config import CfgNode

from core.cli import parse_args
from core.config_merge import setup_from_args
from core.errors import UserError
from core.files import PROJECT, read_json, write_text
from engine.run_card import headline, read_card
from evaluation.comparison.run_folder import read_metrics
from evaluation.result_files import align
from tools import command

RESULT = "metrics.json"
SUMMARY = "folds.json"
USER_MISTAKE = 2  # exit status of train.py
INTERRUPTED = 130
SHOWN = ("val", "test")
NOTE = (
    "note: the folds share training images, so their results are not independent: the deviation is "
    "no standard error of the mean"
)

Metrics = Mapping[str, Mapping[str, float]]


def fold_folder(output: Path, fold: int, seed: int) -> Path:
    """Return the output folder of a fold, which counts from 0; folders count from 1."""
    return output / f"fold{fold + 1}" / f"seed{seed}"


def read_config(argv: Sequence[str]) -> CfgNode:
    """Return the configuration that the arguments of ``train.py`` give.

    Raises:
        UserError: an argument is wrong, there is no seed, or a fold is chosen.
    """
    args = parse_args(list(argv))
    if "DATASET.FOLD" in args.opts[::2]:
        raise UserError("DATASET.FOLD is set for each fold; leave it out")
    if args.eval_only or args.no_train:
        raise UserError("--eval-only and --no-train do not go with folds; use train.py")
    if args.dry_run or args.list is not None or args.print_config is not None:
        raise UserError(
            "--dry-run, --list and --print-config do not go with folds; use train.py, with "
            "DATASET.FOLD 0"
        )
    cfg = setup_from_args(args)
    if cfg.SEED < 0:
        raise UserError(f"SEED is {cfg.SEED}; give --seed N, after which the folders are named")
    if cfg.RESUME:
        raise UserError("RESUME is the folder of one run; each fold resumes in its own folder")
    if cfg.TEST.NO_TEST:
        raise UserError("TEST.NO_TEST is True, so that there is nothing to average")
    return cfg


def fold_command(argv: Sequence[str], folder: Path, fold: int) -> list[str]:
    """Return the command of one fold; its own settings come last, so they win."""
    own = ["OUTPUT_DIR", str(folder), "DATASET.FOLD", str(fold)]
    return [sys.executable, str(PROJECT / "train.py"), *argv, *own]


def run_folds(argv: Sequence[str], output: Path, cfg: CfgNode) -> list[str]:
    """Run the folds that have no result yet; return the failures, one line each.

    A user's mistake would end every fold in the same way, so the first one ends the loop.

    Raises:
        KeyboardInterrupt: a fold was interrupted.
        UserError: two folds have the same test images.
    """
    failures = []
    for fold in range(cfg.DATASET.NUM_FOLDS):
        folder = fold_folder(output, fold, cfg.SEED)
        if (folder / RESULT).is_file():
            print(f"The results exist at {folder} (so skip this job)", flush=True)
        else:
            words = fold_command(argv, folder, fold)
            print(f"fold {fold + 1} of {cfg.DATASET.NUM_FOLDS}: {shlex.join(words)}", flush=True)
            status = subprocess.run(words).returncode
            if status == INTERRUPTED:
                raise KeyboardInterrupt
            if status:
                failures.append(f"fold {fold + 1} ({folder}): exit status {status}")
            if status == USER_MISTAKE:
                break
        if fold == 1 and not failures:
            check_folds_differ(output, cfg.SEED)
    return failures


def check_folds_differ(output: Path, seed: int) -> None:
    """Raise :class:`UserError` if the first two folds have the same test images."""
    tested = []
    for fold in range(2):
        data = read_card(fold_folder(output, fold, seed))["data"]
        tested.append(data.get("test", data.get("val")))
    if tested[0] is not None and tested[0] == tested[1]:
        raise UserError(
            "folds 1 and 2 have the same test images: the data set has a split of its own and no "
            "folds; use train.py"
        )


def average(results: Sequence[Metrics]) -> dict[str, dict[str, dict[str, float]]]:
    """Return split -> metric -> ``{"mean": ..., "std": ...}`` of the metrics that all folds have.

    ``std`` is the standard deviation with N - 1. A value that is not a number in one fold makes
    both not a number.
    """
    summary: dict[str, dict[str, dict[str, float]]] = {}
    for split, metrics in results[0].items():
        summary[split] = {}
        for name in metrics:
            found = [result[split][name] for result in results if name in result.get(split, {})]
            if len(found) == len(results):
                values = {"mean": float(np.mean(found)), "std": float(np.std(found, ddof=1))}
                summary[split][name] = values
    return summary


def format_summary(summary: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Return the averages of the headline metrics as a table for a terminal."""
    rows = [["split", "metric", "mean", "std"]]
    shown = headline(summary)
    for split in SHOWN:
        for name, value in shown.get(split, {}).items():
            rows.append([split, name, f"{value['mean']:.2f}", f"{value['std']:.2f}"])
    return align(rows, to_right=[False, False, True, True])


def write_summary(path: Path, seed: int, results: Sequence[Metrics], summary: Any) -> None:
    """Write the numbers of each fold and their averages; those of other seeds stay."""
    content = read_json(path) if path.is_file() else {}
    content[f"seed{seed}"] = {"folds": without_nan(results), "average": without_nan(summary)}
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def without_nan(value: Any) -> Any:
    """Return nested values with None in place of numbers that JSON does not have."""
    if isinstance(value, Mapping):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if value != value else value


def run(output: Path, argv: Sequence[str]) -> int:
    """Run the folds, average and print; return the exit status."""
    cfg = read_config(argv)
    failures = run_folds(argv, output, cfg)
    if failures:
        return command.report_failures(failures, "folds failed; the same command continues")
    folders = [fold_folder(output, fold, cfg.SEED) for fold in range(cfg.DATASET.NUM_FOLDS)]
    results = [read_metrics(folder / RESULT) for folder in folders]
    summary = average(results)
    write_summary(output / SUMMARY, cfg.SEED, results, summary)
    print(f"\nmean and standard deviation over {len(results)} folds, seed {cfg.SEED}:")
    print(format_summary(summary))
    print(NOTE)
    print(f"written, with all metrics: {output / SUMMARY}", file=sys.stderr)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = command.make_parser("tools.run_folds", __doc__)
    parser.add_argument(
        "--output-dir", "--output_dir", required=True, type=Path, help="folder of all folds"
    )
    parser.epilog = "All other arguments are those of train.py: python train.py --help"
    args, rest = parser.parse_known_args(argv)
    return command.run(lambda: run(args.output_dir, rest))


if __name__ == "__main__":
    sys.exit(main())
