"""Student's t distribution, so that the project needs no SciPy."""

import math

MOST_STEPS = 300


def two_sided_p(t: float, freedom: float) -> float:
    """Return the probability of a value at least as far from 0 as ``t``.

    Args:
        t: the statistic.
        freedom: degrees of freedom, over 0.
    """
    if math.isinf(t):
        return 0.0
    return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


def critical_value(confidence: float, freedom: float) -> float:
    """Return the t that a value exceeds in size with the probability ``1 - confidence``."""
    low, high = 0.0, 1.0
    while two_sided_p(high, freedom) > 1 - confidence:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        if two_sided_p(middle, freedom) > 1 - confidence:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b) for ``0 <= x <= 1``.

    The continued fraction of Abramowitz and Stegun (26.5.8).
    """
    if x in (0.0, 1.0):
        return x
    if x > (a + 1) / (a + b + 2):
        # The fraction converges fast on the other side only.
        return 1 - incomplete_beta(b, a, 1 - x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    log_front += a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / a * _fraction(a, b, x)


def _fraction(a: float, b: float, x: float) -> float:
    """Return 1/(1+ d1/(1+ d2/(1+ ...))), evaluated forwards by Lentz's method."""
    tiny = 1e-300
    result, c, d = 1.0, 1.0, 0.0
    for step in range(MOST_STEPS):
        m = step // 2
        if step == 0:
            term = 1.0
        elif step % 2 == 0:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 + term * d
        if abs(d) < tiny:
            d = tiny
        d = 1 / d
        c = 1 + term / c
        if abs(c) < tiny:
            c = tiny
        result *= c * d
        if step and abs(c * d - 1) < 1e-15:
            break
    return result - 1
