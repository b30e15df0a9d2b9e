"""Measure how often the intervals of a split cover the population's value.

    python -m benchmarks.simulations.coverage --samples 400

Each sample has 1,217 images of a population with Intentonomy's class frequencies. For each metric
the table gives the share of samples in percent whose 95 % interval covers the population's value,
for each method to make intervals, and the one that is used (*). Classes are grouped by the number
of positives that the sample has.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks._command import at_least
from benchmarks.simulations.population import (
    NUM_IMAGES,
    POPULATION_SIZE,
    Population,
    intent_population,
    scored,
)
from evaluation import Groups
from evaluation.uncertainty.bootstrap import CLASS_METHOD, DEFAULT_METHOD, METHOD, gather
from evaluation.uncertainty.intervals import METHODS, Evidence, interval
from evaluation.uncertainty.weighted import WEIGHTED, Prepared, Weighted, weighted_metric
from tools import command

AGGREGATES = tuple(WEIGHTED)  # all metrics of this split that have an interval
BINS = (1, 6, 13, 20, 30, 40, 60, 100, 200, 1_000)
POPULATION_PARTS = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = command.make_parser("benchmarks.simulations.coverage", __doc__)
    parser.add_argument("--samples", type=at_least(1), default=400, help="samples to draw")
    parser.add_argument("--draws", type=at_least(2), default=1_000, help="bootstrap draws of each")
    parser.add_argument("--seed", type=at_least(0), default=0, help="of the samples")
    parser.add_argument("--population", type=at_least(0), default=0, help="seed of the population")
    args = parser.parse_args(argv)
    return command.run(lambda: run(args))


def run(args: argparse.Namespace) -> int:
    """Simulate and print the table; return the exit status."""
    population = intent_population(args.population)
    print_table(simulate(population, args.samples, draws=args.draws, seed=args.seed))
    return 0


def simulate(
    population: Population, samples: int, *, draws: int, seed: int
) -> dict[str, dict[str, list[bool]]]:
    """Return row of the table -> method -> whether the interval covers, for each sample."""
    truth = population_values(population)
    covered: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for sample in range(samples):
        rng = np.random.default_rng([seed, sample])
        logits, labels = population.sample(NUM_IMAGES, rng)
        split = scored(logits, labels)
        evidence = gather(split, Groups(), draws=draws, seed=sample)
        for row, true, one in _rows(evidence, truth, labels.sum(axis=0)):
            for method in METHODS:
                low, high = interval(method, one)
                covered[row][method].append(low <= true <= high)
    return covered


def _rows(evidence, truth, num_pos) -> Iterator[tuple[str, float, Evidence]]:
    """Yield row, true value and evidence of each aggregate and each class with a positive."""
    for name, one in evidence.metrics.items():
        if name in truth:
            yield name, truth[name], one
    for name, rows in evidence.classes.items():
        for c, one in enumerate(rows):
            if num_pos[c]:
                step = int(np.searchsorted(BINS, num_pos[c], side="right"))
                yield f"{name}, {BINS[step - 1]} to {BINS[step] - 1}", truth[name][c], one


def population_values(population: Population) -> dict:
    """Return the values of all metrics on a sample so large that its own error does not count."""
    found: dict = {}
    rng = np.random.default_rng(99)
    for _ in range(POPULATION_PARTS):
        split = scored(*population.sample(POPULATION_SIZE, rng))
        weighted = Weighted(Prepared(split), np.ones((1, POPULATION_SIZE)))
        part = {name: weighted_metric(name, weighted)[0] for name in AGGREGATES}
        part.update(ap=weighted.ap[0], f1=weighted.class_f1[0])
        for name, value in part.items():
            found[name] = found.get(name, 0.0) + value / POPULATION_PARTS
    return found


def print_table(covered: dict[str, dict[str, list[bool]]]) -> None:
    """Print a row per metric and a column per method."""
    print(f"{'':18}{'n':>6}" + "".join(f"{method:>14.13}" for method in METHODS))
    order = list(AGGREGATES) + sorted(
        (row for row in covered if row not in AGGREGATES),
        key=lambda row: (row.split(",")[0], int(row.split()[1])),
    )
    for row in order:
        if row not in covered:
            continue
        used = CLASS_METHOD.get(row.split(",")[0], METHOD.get(row, DEFAULT_METHOD))
        cells = ""
        for method, hits in covered[row].items():
            mark = "*" if method == used else " "
            cells += f"{100 * np.mean(hits):>13.1f}{mark}"
        print(f"{row:18}{len(covered[row]['BC']):>6}{cells}")


if __name__ == "__main__":
    sys.exit(main())
