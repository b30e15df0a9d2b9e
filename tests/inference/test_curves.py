"""Insertion and deletion curves on cases whose result is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.curves import (
    area,
    changed_locations,
    location_of_pixels,
    map_order,
    paired_difference,
    step_counts,
)


@given(st.integers(1, 80), st.integers(1, 30))
def test_steps_go_from_nothing_to_everything(num, most):
    counts = step_counts(num, most)
    assert counts[0] == 0 and counts[-1] == num
    assert len(counts) <= most + 1 and (np.diff(counts) > 0).all()


@given(st.integers(2, 30), st.integers(0, 100))
def test_each_step_changes_the_first_of_the_order(num, seed):
    order = np.random.default_rng(seed).permutation(num)
    counts = step_counts(num, 7)
    for row, count in zip(changed_locations(order, counts), counts, strict=True):
        assert set(np.flatnonzero(row)) == set(order[:count])


def test_the_highest_weight_comes_first():
    assert map_order(np.array([[0.1, 0.4], [0.3, 0.2]])).tolist() == [1, 2, 3, 0]


@given(st.integers(1, 12), st.integers(4, 40), st.integers(0, 30))
def test_pixels_belong_to_their_cell_and_the_rest_to_the_last(num, cell, rest):
    place = location_of_pixels(num * cell + rest, float(cell), num)
    expected = [min(pixel // cell, num - 1) for pixel in range(num * cell + rest)]
    assert place.tolist() == expected


def test_areas_of_straight_lines_and_steps():
    counts = np.array([0, 1, 4])
    curves = np.array([[1.0, 1.0, 1.0], [0.0, 0.25, 1.0], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(area(curves, counts), [1.0, 0.5, 0.125])


def test_the_interval_of_a_difference_holds_it_and_shrinks_with_images():
    rng = np.random.default_rng(0)
    theirs = rng.normal(size=400)
    ours = theirs + rng.normal(0.1, 0.5, size=400)
    few = paired_difference(ours[:50], theirs[:50], draws=2000)
    many = paired_difference(ours, theirs, draws=2000)
    assert many.low < many.value < many.high
    assert many.high - many.low < few.high - few.low
    # standard error of the mean is 0.5 / 20
    assert many.high - many.low == pytest.approx(2 * 1.96 * 0.025, rel=0.15)
    assert paired_difference(theirs, theirs, draws=100) == (0, 0, 0)
