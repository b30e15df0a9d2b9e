"""Confidence intervals from bootstrap draws, and the weights that the draws are made of.

Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 12 to 14. D: draws, N: images,
J: leave-out values of the jackknife. The intervals are for the value that the metric has on the
whole population of images, for the same scores and decisions.
"""

from collections.abc import Callable, Iterator
from statistics import NormalDist

import numpy as np

from .metrics import Array

CONFIDENCE = 0.95
MOST_BLOCKS = 1_500  # the jackknife leaves out single images up to here, and blocks beyond
NUM_BLOCKS = 500

NORMAL = NormalDist()
Z = NORMAL.inv_cdf((1 + CONFIDENCE) / 2)


def percentile(value: float, draws: Array, jackknife: Array) -> tuple[float, float]:
    """Return the quantiles of the draws."""
    return _quantiles(draws, -Z, Z)


def basic(value: float, draws: Array, jackknife: Array) -> tuple[float, float]:
    """Return the quantiles of the draws, reflected at the value."""
    low, high = _quantiles(draws, -Z, Z)
    return 2 * value - high, 2 * value - low


def normal(value: float, draws: Array, jackknife: Array) -> tuple[float, float]:
    """Return the value plus and minus the standard error."""
    half = Z * float(np.std(draws, ddof=1))
    return value - half, value + half


def normal_corrected(value: float, draws: Array, jackknife: Array) -> tuple[float, float]:
    """Return :func:`normal` around the value less the bias that the draws show."""
    return normal(2 * value - float(np.mean(draws)), draws, jackknife)


def bias_corrected(value: float, draws: Array, jackknife: Array) -> tuple[float, float]:
    """Return the quantiles of the draws, shifted by twice their median bias (BC)."""
    shift = _median_bias(value, draws)
    return _quantiles(draws, 2 * shift - Z, 2 * shift + Z)


def accelerated(value: float, draws: Array, jackknife: Array) -> tuple[float, float]:
    """Return the bias-corrected and accelerated interval (BCa; Efron 1987)."""
    shift, acceleration = _median_bias(value, draws), _acceleration(jackknife)
    ends = []
    for z in (-Z, Z):
        moved = shift + z
        ends.append(shift + moved / max(1 - acceleration * moved, 1e-3))
    return _quantiles(draws, ends[0], ends[1])


# name of a method -> function of value, draws (D,) and jackknife values (J,), all without NaN
METHODS: dict[str, Callable[[float, Array, Array], tuple[float, float]]] = {
    "percentile": percentile,
    "basic": basic,
    "normal": normal,
    "normal, bias-corrected": normal_corrected,
    "BC": bias_corrected,
    "BCa": accelerated,
}


def interval(method: str, value: float, draws: Array, jackknife: Array) -> tuple[float, float]:
    """Return the 95 % interval; NaN when the value or all draws are NaN.

    Args:
        method: name in ``METHODS``.
        value: the metric of the split.
        draws: ``(D,)``; draws that are NaN are left out.
        jackknife: ``(J,)`` values without one image or block; only BCa reads them.
    """
    draws, jackknife = draws[~np.isnan(draws)], jackknife[~np.isnan(jackknife)]
    if np.isnan(value) or len(draws) < 2:
        return float("nan"), float("nan")
    low, high = METHODS[method](value, draws, jackknife)
    return float(low), float(high)


def bootstrap_weights(num_images: int, draws: int, seed: int, step: int) -> Iterator[Array]:
    """Yield how often each draw has each image, ``(d, N)`` float32, for ``step`` draws at once."""
    rng = np.random.default_rng(seed)
    for start in range(0, draws, step):
        number = min(step, draws - start)
        weights = np.empty((number, num_images), dtype=np.float32)
        for d in range(number):
            images = rng.integers(num_images, size=num_images)
            weights[d] = np.bincount(images, minlength=num_images)
        yield weights


def jackknife_weights(num_images: int, seed: int, step: int) -> Iterator[Array]:
    """Yield weights ``(j, N)`` that leave out one image each, or one block of a random partition.

    ``step`` sets of weights come at once.

    Blocks keep the jackknife affordable for many images; the acceleration of BCa and the variance
    keep their meaning, because the influences of the images of a block add up.
    """
    num_blocks = num_images if num_images <= MOST_BLOCKS else NUM_BLOCKS
    block = np.random.default_rng(seed).permutation(num_images) % num_blocks
    for start in range(0, num_blocks, step):
        left_out = np.arange(start, min(start + step, num_blocks))
        yield (block[None, :] != left_out[:, None]).astype(np.float32)


def _quantiles(draws: Array, low: float, high: float) -> tuple[float, float]:
    """Return the quantiles of ``draws`` at two normal scores."""
    found = np.quantile(draws, [NORMAL.cdf(low), NORMAL.cdf(high)])
    return float(found[0]), float(found[1])


def _median_bias(value: float, draws: Array) -> float:
    """Return the normal score of the share of draws below the value; equal ones count half."""
    below = np.count_nonzero(draws < value) + np.count_nonzero(draws == value) / 2
    # Half a draw from either end, so that the score stays finite.
    share = np.clip(below / len(draws), 0.5 / len(draws), 1 - 0.5 / len(draws))
    return NORMAL.inv_cdf(float(share))


def _acceleration(jackknife: Array) -> float:
    """Return a sixth of the skewness of the influences, as BCa needs it."""
    influence = jackknife.mean() - jackknife
    spread = np.sum(influence**2)
    if spread == 0:
        return 0.0
    return float(np.sum(influence**3) / (6 * spread**1.5))
