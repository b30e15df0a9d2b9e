"""Fit the biases of a world's intents, so that their frequencies fall evenly from common to rare.

    python -m tools.scenes.calibrate [--world rich] [--num 6000]

Prints the biases, for the table of intents in tools/scenes/worlds, and what follows from them: the
frequencies among any and among at least two annotators, and the rank correlation of both.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.stats import spearmanr

from tools import command
from tools.scenes.annotators import Annotators
from tools.scenes.scene import Scene
from tools.scenes.worlds import WORLDS, get_world

FREQUENT, RARE = 0.18, 0.04  # share of the pictures with the first and with the last intent
ROUNDS = 60
STEP = 0.35  # change of a bias for a frequency that is wrong by a factor of e


def fit_biases(annotators: Annotators, scenes: Sequence[Scene], seed: int = 0) -> Annotators:
    """Return annotators whose consensus has the frequencies wanted on ``scenes``."""
    wanted = np.geomspace(FREQUENT, RARE, len(annotators.intents))
    for i in range(ROUNDS):
        _, found = frequencies(annotators, scenes, seed + i % 5)
        change = STEP * np.log(wanted / np.maximum(found, 1e-3))
        intents = []
        for intent, step in zip(annotators.intents, change, strict=True):
            intents.append(replace(intent, bias=intent.bias + float(step)))
        annotators = replace(annotators, intents=tuple(intents))
    rounded = [replace(intent, bias=round(intent.bias, 2)) for intent in annotators.intents]
    return replace(annotators, intents=tuple(rounded))


def frequencies(
    annotators: Annotators, scenes: Sequence[Scene], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of scenes with each intent, by any and by two annotators: (C,), (C,)."""
    rng = np.random.default_rng(seed)
    anyone, agreed = [], []
    for scene in scenes:
        votes = annotators.annotate(scene, rng)
        anyone.append(votes.any(axis=0))
        agreed.append(annotators.consensus(votes, scene))
    return np.mean(anyone, axis=0), np.mean(agreed, axis=0)


def calibrate(args: argparse.Namespace) -> int:
    """Fit and print; return the exit status."""
    command.check_least(args.num, "--num", 100)
    world = get_world(args.world)
    rng = np.random.default_rng(args.seed)
    scenes = [world.sample(rng) for _ in range(args.num)]
    fitted = fit_biases(world.annotators, scenes)
    anyone, agreed = frequencies(fitted, scenes, seed=99)
    print(f"{'intent':20s} {'bias':>6s} {'any':>6s} {'agreed':>6s}")
    for intent, a, b in zip(fitted.intents, anyone, agreed, strict=True):
        print(f"{intent.key:20s} {intent.bias:6.2f} {a:6.3f} {b:6.3f}")
    correlation = spearmanr(anyone, agreed).statistic
    print(f"labels of a picture: any {anyone.sum():.2f}, agreed {agreed.sum():.2f}")
    print(f"rank correlation of any and agreed: {correlation:.2f}")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = command.make_parser("tools.scenes.calibrate", __doc__)
    parser.add_argument("--world", default="rich", help=f"one of {', '.join(WORLDS)} (rich)")
    parser.add_argument("--num", type=int, default=6000, help="scenes to fit to (6000)")
    parser.add_argument("--seed", type=int, default=99, help="of the scenes (99)")
    args = parser.parse_args(argv)
    return command.run(lambda: calibrate(args))


if __name__ == "__main__":
    sys.exit(main())
