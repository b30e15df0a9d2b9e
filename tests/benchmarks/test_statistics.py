"""Statistics of a comparison against a plain bootstrap in NumPy and hand-made cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmarks.methods.statistics import grid, summarise

VALUES = arrays(
    np.float64, st.tuples(st.integers(1, 4), st.integers(1, 5)), elements=st.floats(0, 100)
)


@given(VALUES)
def test_interval_lies_within_the_values_and_holds_its_mean(values):
    summary = summarise(values)
    assert summary.mean == pytest.approx(values.mean())
    assert values.min() - 1e-9 <= summary.low <= summary.high <= values.max() + 1e-9
    assert summary.std == pytest.approx(values.std(ddof=1) if values.size > 1 else 0.0)


def test_one_split_is_the_plain_bootstrap_of_the_mean():
    rng = np.random.default_rng(0)
    values = rng.normal(20, 2, (1, 40))
    means = [rng.choice(values[0], 40).mean() for _ in range(20_000)]
    summary = summarise(values)
    assert [summary.low, summary.high] == pytest.approx(
        np.quantile(means, [0.025, 0.975]), abs=0.05
    )


def test_runs_of_one_split_are_not_taken_for_independent():
    """Splits differ and seeds do not, so the interval reaches from one split to the other."""
    values = np.array([[10.0] * 20, [20.0] * 20])
    summary = summarise(values)
    assert (summary.low, summary.high) == (10.0, 20.0)


def test_a_difference_is_resolved_when_zero_is_outside():
    assert summarise(np.full((3, 5), 0.5)).resolved
    assert not summarise(np.array([[-1.0, 1.0], [0.5, -0.5]])).resolved


def test_nan_stays_nan():
    assert np.isnan(summarise(np.array([[1.0, np.nan]])).mean)


def test_grid_orders_by_split_and_seed():
    values = {(s, r): 10 * s + r for s in (1, 2) for r in (1, 2, 3)}
    assert grid(values, (1, 2), (1, 2, 3)).tolist() == [[11, 12, 13], [21, 22, 23]]
