"""Student's t against tables and a numerical integral."""

import math

import numpy as np
import pytest

from evaluation.uncertainty.student import critical_value, incomplete_beta, two_sided_p


@pytest.mark.parametrize(
    ("freedom", "value"),
    [(1, 12.7062), (2, 4.3027), (4, 2.7764), (10, 2.2281), (30, 2.0423), (1e6, 1.9600)],
)
def test_critical_values_are_those_of_the_table(freedom, value):
    assert critical_value(0.95, freedom) == pytest.approx(value, abs=1e-4)
    assert two_sided_p(value, freedom) == pytest.approx(0.05, abs=1e-5)


@pytest.mark.parametrize("freedom", [0.7, 1.0, 3.3, 25.0])
@pytest.mark.parametrize("t", [0.0, 0.2, 1.7, 6.0])
def test_p_is_the_integral_of_the_density(t, freedom):
    x = np.linspace(0, t, 200_001)
    log_scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)
    scale = math.exp(log_scale) / math.sqrt(freedom * math.pi)
    density = scale * (1 + x**2 / freedom) ** (-(freedom + 1) / 2)
    inside = 2 * np.sum((density[1:] + density[:-1]) / 2) * (x[1] - x[0])
    assert two_sided_p(t, freedom) == pytest.approx(1 - inside, abs=1e-8)


def test_the_incomplete_beta_function_is_symmetric():
    assert incomplete_beta(2.0, 3.0, 0.3) == pytest.approx(1 - incomplete_beta(3.0, 2.0, 0.7))
    assert (incomplete_beta(2.0, 3.0, 0.0), incomplete_beta(2.0, 3.0, 1.0)) == (0.0, 1.0)
    assert two_sided_p(math.inf, 3.0) == 0.0
