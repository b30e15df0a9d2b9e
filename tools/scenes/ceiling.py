"""What nobody can exceed on drawn scenes, because their annotators disagree.

    python -m tools.scenes.ceiling --root DIR [--metric mAP]

Prints the share of test pictures whose most probable intent is a true one, or mAP, in percent.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import UserError
from evaluation.metrics import mean_average_precision
from evaluation.ranking import rank_classes, top1_accuracy
from tools import command
from tools.scenes import get_world
from tools.scenes.make import STAMP, sample_labelled

NUM_READINGS = 25  # of every picture by the annotators


@dataclass(frozen=True)
class Ceiling:
    """What nobody can exceed on a test split, because the annotators disagree; in percent.

    Attributes:
        mean_ap: mAP of the probability that annotators agree on an intent.
        first_guess: share of images whose most probable intent is a true one.
    """

    mean_ap: float
    first_guess: float


def ceiling(root: Path, seed: int = 0) -> Ceiling:
    """Return the ceiling of the test split of drawn scenes below ``root``.

    The scores are the shares of NUM_READINGS new readings in which two annotators agree: the best
    scores that exist for the noise of the world, up to the error of their number.
    """
    stamp = _read_stamp(root)
    world = get_world(stamp["world"])
    annotators, rng = world.annotators, np.random.default_rng(seed)
    scores, labels = [], []
    for index in range(stamp["test"]):
        scene, votes = sample_labelled(world, stamp["seed"], "test", index)
        score = annotators.score(scene)
        labels.append(annotators.agree(votes, score))
        readings = []
        for _ in range(NUM_READINGS):
            readings.append(annotators.agree(annotators.mark(score, rng), score))
        # the score without noise orders the intents that no reading has
        scores.append(np.mean(readings, axis=0) + 1e-3 * np.tanh(score))
    ranked, true = np.array(scores), np.array(labels).astype(np.float32)
    return Ceiling(
        mean_ap=100 * mean_average_precision(ranked, true),
        first_guess=100 * top1_accuracy(rank_classes(ranked), true),
    )


def _read_stamp(root: Path) -> dict:
    path = root / STAMP
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError(
            f"{root} has no readable {STAMP}; python -m tools.scenes.make writes it"
        ) from None


def print_ceiling(args: argparse.Namespace) -> int:
    """Print one ceiling; return the exit status."""
    found = ceiling(args.root)
    print(f"{found.mean_ap if args.metric == 'mAP' else found.first_guess:.1f}")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = command.make_parser("tools.scenes.ceiling", __doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder of drawn scenes")
    parser.add_argument(
        "--metric", default="first_guess", choices=("first_guess", "mAP"), help="(first_guess)"
    )
    args = parser.parse_args(argv)
    return command.run(lambda: print_ceiling(args))


if __name__ == "__main__":
    sys.exit(main())
