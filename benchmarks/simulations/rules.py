"""Measure what each decision rule gains over the global threshold on given scores.

    python -m benchmarks.simulations.rules SCORES.npz LABELS.npy --train-labels TRAIN_LABELS.npy

The images are split at random many times: rules are fitted on one part, which stands in for val,
and applied to the other one. The table gives the mean difference to `global` in points, and the
standard deviation over the splits in brackets.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks._command import at_least
from core.errors import UserError
from evaluation import compare_rules
from evaluation.metrics import F1_NAMES
from evaluation.predictions.data import shorten
from evaluation.predictions.npz import DAMAGES, read_npz
from evaluation.rules import HEADLINE_RULE
from tools import command

NUM_FIT = 498  # images of Intentonomy's val split


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = command.make_parser("benchmarks.simulations.rules", __doc__)
    parser.add_argument("scores", type=Path, help=".npz with the array scores (N, C)")
    parser.add_argument("labels", type=Path, help=".npy with labels (N, C)")
    parser.add_argument("--train-labels", type=Path, help=".npy; without it no rule `prior`")
    parser.add_argument("--num-fit", type=at_least(1), default=NUM_FIT, help="images to fit on")
    parser.add_argument("--splits", type=at_least(2), default=200, help="random splits")
    args = parser.parse_args(argv)
    return command.run(lambda: run(args))


def run(args: argparse.Namespace) -> int:
    """Measure and print the table; return the exit status."""
    scores = read_npz(args.scores).scores
    labels = read_labels(args.labels, scores.shape[1])
    if len(labels) != len(scores):
        raise UserError(
            f"{args.labels} has {len(labels)} images, but {args.scores} has {len(scores)}; "
            "expected the same images"
        )
    if args.num_fit >= len(scores):
        raise UserError(
            f"--num-fit is {args.num_fit}; expected fewer than the {len(scores)} images"
        )
    train_prior = None
    if args.train_labels:
        train_prior = (read_labels(args.train_labels, scores.shape[1]) > 0).mean(axis=0)
    print_table(measure(scores, labels, train_prior, num_fit=args.num_fit, splits=args.splits))
    return 0


def read_labels(path: Path, num_classes: int) -> np.ndarray:
    """Return the labels of a ``.npy`` file, ``(N, C)``.

    Raises:
        UserError: the file cannot be read, or is no array of numbers with C columns.
    """
    try:
        labels = np.load(path, allow_pickle=False)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except (EOFError, *DAMAGES) as error:
        raise UserError(f"{path} is no array of numbers (.npy): {shorten(error)}") from None
    if not isinstance(labels, np.ndarray):
        raise UserError(f"{path} is an archive; expected one array (.npy)")
    if labels.ndim != 2 or labels.shape[1] != num_classes or labels.dtype.kind not in "fiub":
        raise UserError(
            f"{path} is {labels.dtype} {labels.shape}; expected numbers (images, {num_classes})"
        )
    return labels


def measure(
    scores: np.ndarray,
    labels: np.ndarray,
    train_prior: np.ndarray | None = None,
    *,
    num_fit: int = NUM_FIT,
    splits: int = 200,
) -> dict[str, np.ndarray]:
    """Return rule -> macro, micro and samples F1 in percent on the images not fitted on.

    Args:
        scores: ``(N, C)``.
        labels: ``(N, C)``.
        train_prior: share of positives in train ``(C,)``; None leaves out ``prior``.
        num_fit: images that rules are fitted on.
        splits: number of random splits S; the number of a split is its seed.

    Returns:
        Arrays ``(S, 3)``, ``global`` first.
    """
    found = defaultdict(list)
    for seed in range(splits):
        order = np.random.default_rng(seed).permutation(len(scores))
        fit, rest = order[:num_fit], order[num_fit:]
        rows = compare_rules(
            val=(scores[fit], labels[fit]),
            test=(scores[rest], labels[rest]),
            train_prior=train_prior,
        )
        for row in rows:
            found[row.name].append([row.metrics["test"][name] for name in F1_NAMES])
    return {name: np.array(values) for name, values in found.items()}


def print_table(found: dict[str, np.ndarray]) -> None:
    """Print the global threshold's F1 and every other rule's difference to it."""
    print(f"{'rule':14}" + "".join(f"{name:>16}" for name in F1_NAMES))
    base = found[HEADLINE_RULE]
    print(f"{HEADLINE_RULE:14}" + "".join(f"{value:16.2f}" for value in base.mean(axis=0)))
    for name, values in found.items():
        if name == HEADLINE_RULE:
            continue
        gain = values - base
        cells = ""
        for mean, deviation in zip(gain.mean(axis=0), gain.std(axis=0, ddof=1), strict=True):
            cells += f"{f'{mean:+.2f} ({deviation:.2f})':>16}"
        print(f"{name:14}{cells}")


if __name__ == "__main__":
    sys.exit(main())
