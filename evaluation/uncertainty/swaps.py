"""Paired approximate randomisation: two methods change sides on random images.

Noreen 1989; Yeh 2000. The predictions of both methods for an image change sides with probability
1/2, all seeds together. Metrics that rank images, such as average precision, take the rank of an
image within its method, so that methods with other scales of scores can be compared. N: images,
C: classes, D: swaps, M: quantities that are compared.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..metrics import Array
from ..scored import Scored
from .weighted import Prepared, Ranking, Weighted, draws_per_chunk, rank

ENOUGH = 200  # so many swaps that reach the difference give p to within 15 %
ROUNDING = 1e-7

Statistic = Callable[[Weighted], Array]  # metrics under weights, (D, M)


def swap_p(
    a: Sequence[Scored],
    b: Sequence[Scored],
    statistic: Statistic,
    swaps: int,
    seed: int,
    *,
    by_class: bool,
) -> Array:
    """Return the share of swaps with a difference at least as large, ``(M,)``; NaN stays NaN.

    The split as it is counts as one of the swaps. A quantity leaves the loop once it has been
    reached ``ENOUGH`` times: its p is known well enough (Besag and Clifford 1991). With
    ``by_class``, the quantities are the classes, and those that have left are not computed.
    """
    pairs = _pairs(a, b)
    num_images = len(a[0].scores)
    start = np.zeros((1, num_images), dtype=np.float32)
    observed = np.abs(_swapped(pairs, statistic, start)[0])  # (M,)
    reached, drawn = np.zeros((2, len(observed)))
    active = np.flatnonzero(~np.isnan(observed))
    computed = np.arange(len(observed))
    rng = np.random.default_rng(seed)
    step = draws_per_chunk(2 * num_images)
    for first in range(0, swaps, step):
        if not len(active):
            break
        size = (min(step, swaps - first), num_images)
        masks = rng.integers(2, size=size, dtype=np.int8).astype(np.float32)
        if by_class and len(active) < len(computed):
            kept = np.flatnonzero(np.isin(computed, active))
            pairs = [pair.select(kept) for pair in pairs]
            computed = active
        found = np.abs(_swapped(pairs, statistic, masks))
        found = found[:, np.isin(computed, active)]
        # Rounding must not make an equal difference smaller.
        reached[active] += (found >= observed[active] - ROUNDING).sum(axis=0)
        drawn[active] += (~np.isnan(found)).sum(axis=0)
        active = active[reached[active] < ENOUGH]
    return np.where(np.isnan(observed), np.nan, (reached + 1) / (drawn + 1))


@dataclass(frozen=True, eq=False)
class _SeedPair:
    """A seed of a and a seed of b.

    Attributes:
        prepared: the images of a and b behind each other, ``(2N, C)``.
        share: share of the pair in the mean over the pairs.
    """

    prepared: Prepared
    share: float

    def select(self, classes: Array) -> "_SeedPair":
        """Return the pair with these classes alone."""
        return replace(self, prepared=_BothMethods(self.prepared.split.select(classes)))


class _BothMethods(Prepared):
    """The images of two methods behind each other, ``(2N, C)``.

    Average precision and ROC-AUC do not change if all scores of a class are stretched, so that the
    test of their difference must not change either: an image that changes sides takes its rank
    among the images of its method along, not its score.
    """

    @cached_property
    def rankings(self) -> list[Ranking]:
        """Ranking of each class by the ranks within the methods."""
        scores, labels = self.split.scores, self.split.labels
        half, images = len(scores) // 2, np.arange(len(scores))
        found = []
        for c in range(scores.shape[1]):
            ranks = np.zeros(len(scores))
            for method in (slice(0, half), slice(half, None)):
                ranks[method] = _mean_ranks(scores[method, c], labels[method, c] >= 0)
            found.append(rank(ranks, labels[:, c], images))
        return found


def _mean_ranks(scores: Array, known: Array) -> Array:
    """Return the mean rank of each known entry, ``(N,)``; equal scores have equal ranks."""
    ranks = np.zeros(len(scores))
    _, places, counts = np.unique(scores[known], return_inverse=True, return_counts=True)
    ranks[known] = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks


def _pairs(a: Sequence[Scored], b: Sequence[Scored]) -> list[_SeedPair]:
    """Return pairs of seeds with shares that give each seed of a method the same share.

    The mean over the pairs is then the difference of the means. For other numbers of seeds than
    equal ones, these are the fewest pairs with that property.
    """
    parts = math.lcm(len(a), len(b))
    counts = Counter((part * len(a) // parts, part * len(b) // parts) for part in range(parts))
    found = []
    for (i, j), count in counts.items():
        both = []
        for name in ("scores", "labels", "pred", "fixed"):
            both.append(np.concatenate([getattr(a[i], name), getattr(b[j], name)]))
        found.append(_SeedPair(_BothMethods(Scored(*both)), count / parts))
    return found


def _swapped(pairs: Sequence[_SeedPair], statistic: Statistic, masks: Array) -> Array:
    """Return the difference after the swaps ``masks (D, N)``, mean over the pairs, ``(D, M)``."""
    of_a = np.concatenate([1 - masks, masks], axis=1)
    total = 0.0
    for pair in pairs:
        of_b = statistic(Weighted(pair.prepared, 1 - of_a))
        total = total + pair.share * (of_b - statistic(Weighted(pair.prepared, of_a)))
    return total
