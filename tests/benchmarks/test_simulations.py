"""The simulations at a smaller size: intervals cover, and tests keep their level.

The bounds leave three standard errors of the share for the small number of samples.
"""

import numpy as np
import pytest

from benchmarks.simulations.coverage import AGGREGATES, simulate
from benchmarks.simulations.population import COUNTS, NUM_IMAGES, intent_population
from benchmarks.simulations.seeds import TRAININGS
from benchmarks.simulations.seeds import simulate as compare
from evaluation.uncertainty.bootstrap import DEFAULT_METHOD, METHOD


def test_the_population_has_the_frequencies_of_intentonomy():
    labels = intent_population().labels(100_000, np.random.default_rng(0))
    expected = np.array(COUNTS) / NUM_IMAGES
    np.testing.assert_allclose(labels.mean(axis=0), expected, atol=0.006)


@pytest.mark.slow
def test_intervals_of_aggregates_cover_the_population():
    covered = simulate(intent_population(), 20, draws=150, seed=1)
    assert set(AGGREGATES) <= set(covered)
    for name in AGGREGATES:
        share = np.mean(covered[name][METHOD.get(name, DEFAULT_METHOD)])
        assert share >= 0.95 - 0.02 - 0.146, name


@pytest.mark.slow
def test_seeds_of_one_method_are_not_resolved():
    metrics = ["macro_f1", "micro_f1"]
    found = compare(40, 3, TRAININGS["usual seeds"], metrics=metrics)
    for name, (resolved, _) in found.items():
        assert resolved <= 0.05 + 0.103, name


@pytest.mark.slow
def test_a_planted_gain_is_found():
    found = compare(6, 3, TRAININGS["usual seeds"], metrics=["mAP"], gain=0.6)
    assert found["mAP"][0] >= 0.8
