"""Paired tests between two methods on the same images, with the seeds of training in the variance.

Two things are random: the images that the test split happens to have, and the seeds of training.

- Images: paired approximate randomisation (Noreen 1989; Yeh 2000). The predictions of both methods
  for an image change sides with probability 1/2, all seeds together; ``p_images`` is the share of
  such swaps with a difference at least as large. Metrics that rank images take the rank within the
  method, so that methods with other scales can be compared. The variance is the jackknife's.
- Seeds: a method's metric differs from seed to seed for two reasons: the trained networks differ
  in quality, and they differ on the images that are in the split. Only the first is missing in the
  variance over images, so the second (the interaction of seeds and images) is taken off once.

N: images, C: classes, k: seeds of a method, J: leave-out values of the jackknife, D: swaps,
M: quantities that are compared.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.errors import UserError, not_accepted

from ..metrics import HEADLINE_METRICS, Array, ratio
from ..scored import Scored
from ..table import METRICS
from .intervals import CONFIDENCE, LEVEL, Z, jackknife_weights
from .student import critical_value, two_sided_p
from .swaps import Statistic, swap_p
from .weighted import WEIGHTED, Prepared, Weighted, draws_per_chunk, weighted_metric

SWAPS = 10_000

RESOLVED = "resolved"
NOT_RESOLVED = "not resolved"
THESE_MODELS = "these models only"


@dataclass(frozen=True)
class Difference:
    """A method less another one, in points (percent).

    Attributes:
        value: mean over the seeds of b less mean over those of a.
        low: lower end of the 95 % interval.
        high: its upper end.
        p: two-sided; with seeds in the variance where both methods have two or more.
        p_images: two-sided, for these trained models on other images.
        p_holm: ``p`` after Holm's correction over the classes; ``p`` where there are none.
        verdict: ``resolved``: other seeds and images would show it again; ``these models only``:
            other images would, but a side has one seed and says nothing of training again;
            ``not resolved``.
    """

    value: float
    low: float
    high: float
    p: float
    p_images: float
    p_holm: float
    verdict: str


def compare_methods(
    a: Sequence[Scored],
    b: Sequence[Scored],
    *,
    metrics: Sequence[str] = (*HEADLINE_METRICS, "mean"),
    swaps: int = SWAPS,
    seed: int = 0,
) -> dict[str, Difference]:
    """Return the difference of two methods in each metric, b less a.

    Args:
        a: a split for each seed of the first method; all have the same images and labels.
        b: the same of the second method; the number of seeds may differ.
        metrics: names of the table, without ``@`` and ``/``.
        swaps: number of random swaps.
        seed: of the swaps.

    Raises:
        UserError: the splits have different images or labels, or a side has no split.
    """
    for name in metrics:
        if name not in WEIGHTED and name not in METRICS:
            raise UserError(not_accepted("metric", name, {**METRICS, **WEIGHTED}))

    def statistic(weighted: Weighted) -> Array:
        return np.stack([weighted_metric(name, weighted) for name in metrics], axis=1)

    found = _compare(a, b, statistic, swaps, seed)
    return dict(zip(metrics, found, strict=True))


def compare_classes(
    a: Sequence[Scored],
    b: Sequence[Scored],
    *,
    metric: str = "ap",
    swaps: int = SWAPS,
    seed: int = 0,
) -> list[Difference]:
    """Return the difference of two methods in each class, with Holm's correction over classes.

    A class without a positive has NaN and the verdict ``not resolved``. For a class with one
    positive, the interval leaves out the chance of this image and is too narrow; p counts it.

    Args:
        a: a split for each seed of the first method; all have the same images and labels.
        b: the same of the second method.
        metric: ``ap`` or ``f1``.
        swaps: number of random swaps; Holm's first step needs more than 20 times the classes.
        seed: of the swaps.

    Raises:
        UserError: as :func:`compare_methods`, or another ``metric``.
    """
    if metric not in ("ap", "f1"):
        raise UserError(f"metric is '{metric}'; accepted: ap, f1")

    def statistic(weighted: Weighted) -> Array:
        if metric == "ap":
            return weighted.ap
        return np.where(weighted.present, weighted.class_f1, np.nan)

    found = _compare(a, b, statistic, swaps, seed, by_class=True)
    corrected = holm(np.array([difference.p for difference in found]))
    both = len(a) > 1 and len(b) > 1
    result = []
    for difference, p_holm in zip(found, corrected.tolist(), strict=True):
        result.append(replace(difference, p_holm=p_holm, verdict=_verdict(p_holm, both)))
    return result


def holm(p: Array) -> Array:
    """Return p-values after Holm's step-down correction, ``(M,)``; NaN stays and does not count."""
    corrected = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    largest = 0.0
    for step, m in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - step) * p[m]))
        corrected[m] = largest
    return corrected


def _compare(
    a: Sequence[Scored],
    b: Sequence[Scored],
    statistic: Statistic,
    swaps: int,
    seed: int,
    *,
    by_class: bool = False,
) -> list[Difference]:
    _check(a, b)
    side_a, side_b = _Side.of(a, statistic, seed), _Side.of(b, statistic, seed)
    p_images = swap_p(a, b, statistic, swaps, seed, by_class=by_class)
    found = []
    for m in range(len(p_images)):
        found.append(_difference(side_a, side_b, m, float(p_images[m])))
    return found


def _check(a: Sequence[Scored], b: Sequence[Scored]) -> None:
    if not len(a) or not len(b):
        raise UserError("a comparison needs at least one run on either side")
    for split in (*a, *b):
        if not np.array_equal(split.labels, a[0].labels):
            raise UserError(
                "the runs have different images or labels, so that they cannot be compared in "
                "pairs; evaluate them on the same annotation file"
            )


@dataclass(frozen=True, eq=False)
class _Side:
    """A method: its metrics, and how they change when images are left out.

    Attributes:
        values: ``(k, M)`` fractions.
        influence: ``(k, J, M)``: leave-out values less their mean over J; 0 where the quantity
            does not exist, as for a class without its one positive.
    """

    values: Array
    influence: Array

    @classmethod
    def of(cls, splits: Sequence[Scored], statistic: Statistic, seed: int) -> "_Side":
        values, influence = [], []
        for split in splits:
            prepared, num_images = Prepared(split), len(split.scores)
            values.append(statistic(Weighted(prepared, np.ones((1, num_images))))[0])
            chunks = []
            for weights in jackknife_weights(num_images, seed, draws_per_chunk(num_images)):
                chunks.append(statistic(Weighted(prepared, weights)))
            influence.append(_influence(np.concatenate(chunks)))
        return cls(np.stack(values), np.stack(influence))

    @property
    def num_seeds(self) -> int:
        return len(self.values)

    def seed_variance(self, m: int) -> float:
        """Variance of the mean over the seeds that is due to the quality of the networks.

        The spread of the seeds on one split less the part that other images would change.
        """
        observed = float(np.var(self.values[:, m], ddof=1))
        own = self.influence[:, :, m] - self.influence[:, :, m].mean(axis=0)
        interaction = _jackknife_sum(own) / (self.num_seeds - 1)
        return (observed - interaction) / self.num_seeds


def _influence(left_out: Array) -> Array:
    """Return leave-out values ``(J, M)`` less their mean over J; 0 in place of NaN."""
    known = ~np.isnan(left_out)
    mean = ratio(np.where(known, left_out, 0.0).sum(axis=0), known.sum(axis=0))
    return np.where(known, left_out - mean, 0.0)


def _jackknife_sum(influence: Array) -> float:
    """Return the jackknife's variance, summed over all axes but that of J, the last."""
    num_left_out = influence.shape[-1]
    return float((num_left_out - 1) / num_left_out * np.sum(influence**2))


def _difference(a: _Side, b: _Side, m: int, p_images: float) -> Difference:
    value = float(b.values[:, m].mean() - a.values[:, m].mean())
    influence = b.influence[:, :, m].mean(axis=0) - a.influence[:, :, m].mean(axis=0)
    of_images = _jackknife_sum(influence)
    both = a.num_seeds > 1 and b.num_seeds > 1
    if not both:
        half = Z * math.sqrt(of_images)
        p = p_images
    else:
        variance, freedom = _with_seeds(a, b, m, of_images)
        half, p = _t_test(value, variance, freedom)
        # Few positives make t too optimistic; the swaps hold for any number of them.
        p = float(np.maximum(p, p_images))
    # No difference of two percentages is larger; few positives can give a wider interval.
    low, high = np.clip([100 * (value - half), 100 * (value + half)], -100, 100).tolist()
    return Difference(100 * value, low, high, p, p_images, p, _verdict(p, both))


def _with_seeds(a: _Side, b: _Side, m: int, of_images: float) -> tuple[float, float]:
    """Return the variance over images and seeds, and its degrees of freedom (Satterthwaite 1946).

    The seeds' part cannot be negative: then the variance over images is all there is.
    """
    of_seeds = a.seed_variance(m) + b.seed_variance(m)
    variance = of_images + max(of_seeds, 0.0)
    uncertain = of_images**2 / (a.influence.shape[1] - 1)
    for side in (a, b):
        spread = float(np.var(side.values[:, m], ddof=1)) / side.num_seeds
        uncertain += spread**2 / (side.num_seeds - 1)
    if not uncertain > 0:
        return variance, float("inf")
    return variance, variance**2 / uncertain


def _t_test(value: float, variance: float, freedom: float) -> tuple[float, float]:
    """Return half the width of the interval and the two-sided p."""
    if math.isnan(variance) or math.isnan(value):
        return float("nan"), float("nan")
    if variance == 0:
        return 0.0, 1.0 if value == 0 else 0.0
    freedom = min(freedom, 1e6)
    error = math.sqrt(variance)
    return critical_value(CONFIDENCE, freedom) * error, two_sided_p(value / error, freedom)


def _verdict(p: float, both: bool) -> str:
    if not p < LEVEL:
        return NOT_RESOLVED
    return RESOLVED if both else THESE_MODELS
