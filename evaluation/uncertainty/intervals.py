"""Confidence intervals from bootstrap draws, and the weights that the draws are made of.

Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 12 to 14. D: draws, N: images
and J: leave-out values of the jackknife. The intervals are for the value that the metric has on the
whole population of images, for the same scores and decisions.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from tqdm import tqdm

from ..metrics import Array

LEVEL = 0.05  # of tests
CONFIDENCE = 1 - LEVEL
MOST_BLOCKS = 1_500  # the jackknife leaves out single images up to here, and blocks beyond
NUM_BLOCKS = 500
# Decisions of all draws together. A draw of 100,000 images and 1,000 classes takes seconds, and its
# intervals are narrow, so that fewer draws tell them.
MOST_DECISIONS = 2_000_000_000
LEAST_DRAWS = 200
LEAST_BLOCKS = 100
PATIENCE = 5.0  # seconds until a bar appears

NORMAL = NormalDist()
Z = NORMAL.inv_cdf((1 + CONFIDENCE) / 2)


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything that an interval of one metric can be made from, without NaN.

    Attributes:
        value: the metric of the split.
        draws: ``(D,)`` its values in the bootstrap draws.
        jackknife: ``(J,)`` its values without one image or block each.
        bias: how far the value lies above the population's on average, where that is known.
    """

    value: float
    draws: Array
    jackknife: Array
    bias: float = 0.0

    @classmethod
    def known(
        cls, value: float, draws: Array, jackknife: Array | None = None, bias: float = 0.0
    ) -> "Evidence":
        """Return the evidence without the draws and leave-out values that are NaN."""
        if jackknife is None:
            jackknife = np.empty(0)
        return cls(value, draws[~np.isnan(draws)], jackknife[~np.isnan(jackknife)], bias)

    @property
    def jackknife_error(self) -> float:
        """Standard error from the jackknife; NaN with fewer than two values."""
        number = len(self.jackknife)
        if number < 2:
            return float("nan")
        return float(np.std(self.jackknife) * np.sqrt(number - 1))


def percentile(evidence: Evidence) -> tuple[float, float]:
    """Return the quantiles of the draws."""
    return _quantiles(evidence.draws, -Z, Z)


def basic(evidence: Evidence) -> tuple[float, float]:
    """Return the quantiles of the draws, reflected at the value."""
    low, high = percentile(evidence)
    return 2 * evidence.value - high, 2 * evidence.value - low


def normal(evidence: Evidence) -> tuple[float, float]:
    """Return the value plus and minus the standard deviation of the draws."""
    half = Z * float(np.std(evidence.draws, ddof=1))
    return evidence.value - half, evidence.value + half


def normal_corrected(evidence: Evidence) -> tuple[float, float]:
    """Return :func:`normal` around the value less the bias that the draws show."""
    low, high = normal(evidence)
    bias = float(np.mean(evidence.draws)) - evidence.value
    return low - bias, high - bias


def bias_corrected(evidence: Evidence) -> tuple[float, float]:
    """Return the quantiles of the draws, shifted by twice their median bias (BC)."""
    shift = _median_bias(evidence.value, evidence.draws)
    return _quantiles(evidence.draws, 2 * shift - Z, 2 * shift + Z)


def accelerated(evidence: Evidence) -> tuple[float, float]:
    """Return the bias-corrected and accelerated interval (BCa; Efron 1987)."""
    shift = _median_bias(evidence.value, evidence.draws)
    acceleration = _acceleration(evidence.jackknife)
    ends = []
    for z in (-Z, Z):
        moved = shift + z
        ends.append(shift + moved / max(1 - acceleration * moved, 1e-3))
    return _quantiles(evidence.draws, ends[0], ends[1])


def jackknife(evidence: Evidence) -> tuple[float, float]:
    """Return the value plus and minus the jackknife's standard error."""
    half = Z * evidence.jackknife_error
    return evidence.value - half, evidence.value + half


def halving(evidence: Evidence) -> tuple[float, float]:
    """Return value less ``bias`` plus and minus the jackknife's standard error.

    The bias is the one that half the images show (``bootstrap.HALVING``).
    """
    centre, half = evidence.value - evidence.bias, Z * evidence.jackknife_error
    return centre - half, centre + half


METHODS: dict[str, Callable[[Evidence], tuple[float, float]]] = {
    "percentile": percentile,
    "basic": basic,
    "normal": normal,
    "normal, bias-corrected": normal_corrected,
    "BC": bias_corrected,
    "BCa": accelerated,
    "jackknife": jackknife,
    "halving": halving,
}


def interval(method: str, evidence: Evidence) -> tuple[float, float]:
    """Return the 95 % interval by a method of ``METHODS``; NaN when value or draws are missing."""
    if np.isnan(evidence.value) or len(evidence.draws) < 2:
        return float("nan"), float("nan")
    low, high = METHODS[method](evidence)
    # A correction larger than the half-width, as for scores near chance, would leave the value out,
    # which reads as a mistake; a wider interval only covers more.
    return float(min(low, evidence.value)), float(max(high, evidence.value))


def affordable(
    number: int, num_decisions: int, *, least: int = LEAST_DRAWS, most: int = MOST_DECISIONS
) -> int:
    """Return a number of draws or blocks that takes minutes and not hours, at most ``number``.

    Args:
        number: how many are wanted.
        num_decisions: images times classes.
        least: so many are taken of a split of any size, unless fewer are wanted.
        most: decisions of all draws together.
    """
    return min(number, max(least, most // max(num_decisions, 1)))


def half_weights(num_images: int, halves: int, seed: int, step: int) -> Iterator[Array]:
    """Yield weights ``(h, N)`` that keep a random half of the images each, ``step`` at once."""
    rng = np.random.default_rng(seed)
    for start in range(0, halves, step):
        weights = np.zeros((min(step, halves - start), num_images), dtype=np.float32)
        for row in weights:
            row[rng.permutation(num_images)[: num_images // 2]] = 1
        yield weights


def bootstrap_weights(
    num_images: int, draws: int, seed: int, step: int, *, title: str = ""
) -> Iterator[Array]:
    """Yield how often each draw has each image, ``(d, N)`` float32, for ``step`` draws at once.

    With a ``title``, a bar on a terminal shows the progress of draws that take long.
    """
    rng = np.random.default_rng(seed)
    form = {"unit": " draws", "delay": PATIENCE, "leave": False}
    with tqdm(total=draws, desc=title, disable=None if title else True, **form) as bar:
        for start in range(0, draws, step):
            number = min(step, draws - start)
            weights = np.empty((number, num_images), dtype=np.float32)
            for d in range(number):
                images = rng.integers(num_images, size=num_images)
                weights[d] = np.bincount(images, minlength=num_images)
            yield weights
            bar.update(number)


def jackknife_weights(
    num_images: int, seed: int, step: int, *, blocks: int = NUM_BLOCKS
) -> Iterator[Array]:
    """Yield weights ``(j, N)`` that leave out one image each, or one block of a random partition.

    ``step`` sets of weights come at once.

    Blocks keep the jackknife affordable for many images; the acceleration of BCa and the variance
    keep their meaning, because the influences of the images of a block add up.
    """
    num_blocks = num_images if num_images <= MOST_BLOCKS else blocks
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
