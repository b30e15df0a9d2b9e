"""Measure how often two methods count as different, with and without a real difference.

    python -m benchmarks.simulations.seeds --comparisons 200 --seeds 3

Each comparison has new images, and new trained networks of both methods on these images. A seed
changes the quality of a network (its separation of the classes, together and class by class) and
its errors on single images. Without a gain both methods are one method with disjoint seeds: "not
resolved" should come out in 95 % of the comparisons. With a gain the share of "resolved" is the
power. The last row is about classes: whether any class counts as different after Holm's correction.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks._command import at_least
from benchmarks.simulations.population import NUM_IMAGES, Population, intent_population, scored
from evaluation import Scored
from evaluation.uncertainty.significance import RESOLVED, compare_classes, compare_methods
from evaluation.uncertainty.weighted import WEIGHTED
from tools import command

METRICS = ("mAP", "macro_f1", "micro_f1", "samples_f1", "mean")
SWAPS = 400  # p_images is no more than a second condition here


@dataclass(frozen=True)
class Training:
    """How the seeds of a method differ.

    Attributes:
        quality: standard deviation of the separation over the seeds, for all classes together.
        class_quality: the same class by class.
        own_errors: share of the variance of the noise that is another one in each seed.
    """

    quality: float = 0.04
    class_quality: float = 0.1
    own_errors: float = 0.3


TRAININGS = {
    "usual seeds": Training(),
    "equal seeds": Training(quality=0.0, class_quality=0.0),
    "unlike seeds": Training(quality=0.15, class_quality=0.2),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = command.make_parser("benchmarks.simulations.seeds", __doc__)
    parser.add_argument("--comparisons", type=at_least(1), default=200, help="number of them")
    parser.add_argument("--seeds", type=at_least(1), default=3, help="of either method")
    parser.add_argument(
        "--training", choices=TRAININGS, default="usual seeds", help="how the seeds differ"
    )
    parser.add_argument("--gain", type=float, default=0.0, help="added to the separation")
    parser.add_argument(
        "--metrics",
        nargs="+",
        choices=tuple(WEIGHTED),
        default=METRICS,
        metavar="METRIC",
        help="metrics to compare; without mAP it is fast",
    )
    parser.add_argument("--classes", action="store_true", help="compare the classes, too")
    parser.add_argument("--seed", type=at_least(0), default=0, help="of the simulation")
    args = parser.parse_args(argv)
    return command.run(lambda: run(args))


def run(args: argparse.Namespace) -> int:
    """Simulate and print a table; return the exit status."""
    found = simulate(
        args.comparisons,
        args.seeds,
        TRAININGS[args.training],
        metrics=args.metrics,
        gain=args.gain,
        classes=args.classes,
        seed=args.seed,
    )
    print(
        f"{args.training}, {args.seeds} seeds, gain {args.gain:g}, {args.comparisons} comparisons"
    )
    for name, (resolved, covered) in found.items():
        print(
            f"{name:12} not resolved {100 - 100 * resolved:5.1f} %   covered {100 * covered:5.1f} %"
        )
    return 0


def simulate(
    comparisons: int,
    num_seeds: int,
    training: Training,
    *,
    metrics: Sequence[str] = METRICS,
    gain: float = 0.0,
    classes: bool = False,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Return metric -> share of "resolved", and share of intervals that cover 0."""
    population = intent_population()
    resolved, covered = defaultdict(list), defaultdict(list)
    for comparison in range(comparisons):
        rng = np.random.default_rng([seed, comparison])
        labels = population.labels(NUM_IMAGES, rng)
        common = rng.standard_normal(labels.shape, dtype=np.float32)
        a = train(population, labels, common, num_seeds, training, 0.0, rng)
        b = train(population, labels, common, num_seeds, training, gain, rng)
        found = compare_methods(a, b, metrics=metrics, swaps=SWAPS, seed=comparison)
        for name, difference in found.items():
            resolved[name].append(difference.verdict == RESOLVED)
            covered[name].append(difference.low <= 0 <= difference.high)
        if classes:
            of_classes = compare_classes(a, b, swaps=10 * SWAPS, seed=comparison)
            any_class = any(difference.verdict == RESOLVED for difference in of_classes)
            resolved["any class"].append(any_class)
            covered["any class"].append(not any_class)
    return {
        name: (float(np.mean(resolved[name])), float(np.mean(covered[name]))) for name in resolved
    }


def train(
    population: Population,
    labels: np.ndarray,
    common: np.ndarray,
    num_seeds: int,
    training: Training,
    gain: float,
    rng: np.random.Generator,
) -> list[Scored]:
    """Return the predictions of ``num_seeds`` networks for the images with these labels.

    Args:
        population: gives separation and frequency of the classes.
        labels: ``(N, C)``, 0 and 1.
        common: ``(N, C)`` errors that all networks share.
        num_seeds: number of networks.
        training: how they differ.
        gain: of the method, added to the separation of all classes.
        rng: random numbers.
    """
    networks = []
    for _ in range(num_seeds):
        quality = training.quality * rng.standard_normal()
        of_class = training.class_quality * rng.standard_normal(labels.shape[1])
        own = rng.standard_normal(labels.shape, dtype=np.float32)
        share = training.own_errors
        noise = np.sqrt(1 - share) * common + np.sqrt(share) * own
        added = (gain + quality + of_class) * labels
        networks.append(scored(population.logits_from(labels, noise, added), labels))
    return networks


if __name__ == "__main__":
    sys.exit(main())
