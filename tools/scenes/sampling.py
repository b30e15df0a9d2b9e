"""The random draw of scenes.

All properties are drawn independently, except where a value would make no sense: a single object
has no gap and no order of sizes, a single group has no relation. Weights were trained on these
draws: a change of their order or ranges makes the weights useless.
"""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np

from tools.scenes.scene import (
    BACKGROUNDS,
    COLORS,
    KINDS,
    LAYOUT_COUNTS,
    ORDERS,
    RELATIONS,
    Group,
    Scene,
)

COUNT_WEIGHTS = (18, 14, 14, 13, 11, 9, 7, 7, 7)  # of 1 to 9 objects in the only group
FIRST_OF_TWO_WEIGHTS = (20, 22, 22, 18, 10, 8, 0, 0, 0)
SECOND_OF_TWO_WEIGHTS = (40, 30, 20, 10)
MAX_ROW_OF_TWO = 4  # objects in a row beside a second group, so that they stay large enough
TWO_GROUPS_SHARE = 0.6


def sample_plain(rng: np.random.Generator) -> Scene:
    """Draw a scene of the plain world; both groups share gap, jitter and order of sizes."""
    two = rng.random() < TWO_GROUPS_SHARE
    count = 1 + _weighted(rng, FIRST_OF_TWO_WEIGHTS if two else COUNT_WEIGHTS)
    hidden = {"gap": _sample_gap(rng), "jitter": _sample_jitter(rng), "order": _sample_order(rng)}
    layout = _sample_layout(rng, count, two)
    groups = [_make_group(rng, _pick(rng, KINDS), _pick(rng, COLORS), count, layout, hidden)]
    relation = "none"
    if two:
        count = 1 + _weighted(rng, SECOND_OF_TWO_WEIGHTS)
        kind = _pick_other(rng, KINDS, groups[0].kind)
        color = _pick_other(rng, COLORS, groups[0].color)
        layout = "single" if count == 1 else "row"
        groups.append(_make_group(rng, kind, color, count, layout, hidden))
        relation = _sample_relation(rng, count)
    return Scene(
        background=_pick(rng, BACKGROUNDS),
        groups=tuple(groups),
        relation=relation,
        contrast=_mixture(rng, (0.35, 0.55), (0.9, 1.1), (1.4, 1.75)),
        brightness=_mixture(rng, (-0.9, -0.55), (-0.1, 0.1), (0.55, 0.85)),
        tilt=_sample_tilt(rng),
        seed=int(rng.integers(2**31)),
    )


def sample_rich(rng: np.random.Generator) -> Scene:
    """Draw a scene of the rich world: a plain one with milder light, as a photograph shows it."""
    scene = sample_plain(rng)
    return replace(
        scene,
        contrast=_seldom(rng, 0.6, (0.92, 1.08), (0.48, 0.6), (1.45, 1.75)),
        brightness=_seldom(rng, 0.6, (-0.08, 0.08), (-0.75, -0.5), (0.5, 0.7)),
        tint=_seldom(rng, 0.6, (-0.05, 0.05), (-1.0, -0.6), (0.6, 1.0)),
        saturation=_seldom(rng, 0.6, (0.95, 1.05), (0.15, 0.35), (1.6, 2.0)),
        blur=_seldom(rng, 0.75, (0.0, 0.0), (8.0, 11.0)),
        grain=_seldom(rng, 0.75, (0.0, 0.0), (0.045, 0.07)),
        vignette=_seldom(rng, 0.75, (0.0, 0.0), (0.5, 0.8)),
        closeness=_seldom(rng, 0.6, (0.94, 1.0), (0.62, 0.7), (1.25, 1.45)),
    )


def _make_group(
    rng: np.random.Generator, kind: str, color: str, count: int, layout: str, hidden: dict
) -> Group:
    """Return a group; one or two objects get an order of sizes that they can show."""
    order = hidden["order"]
    if count == 1:
        order = "equal"
    elif count == 2 and order == "mixed":
        order = "one_big"
    size = float(rng.uniform(0.75, 1.0))
    return Group(kind, color, count, layout, size=size, **(hidden | {"order": order}))


def _sample_layout(rng: np.random.Generator, count: int, two: bool) -> str:
    """Draw a layout that the count allows."""
    if count == 1:
        return "single"
    fitting = [name for name, counts in LAYOUT_COUNTS.items() if count in counts]
    if two and count > MAX_ROW_OF_TWO and "row" in fitting:
        fitting.remove("row")
    return _pick(rng, fitting)


def _sample_relation(rng: np.random.Generator, count: int) -> str:
    """Draw the relation of two groups; one object alone cannot surround the others."""
    relations = list(RELATIONS[1:])  # all but "none"
    if count == 1:
        relations.remove("surrounding")
    return _pick(rng, relations)


def _sample_order(rng: np.random.Generator) -> str:
    return ORDERS[_weighted(rng, (36, 16, 16, 16, 16))]


def _sample_gap(rng: np.random.Generator) -> float:
    return _mixture(rng, (-0.45, -0.25), (0.02, 0.18), (0.5, 0.75))


def _sample_jitter(rng: np.random.Generator) -> float:
    return _mixture(rng, (0.0, 0.04), (0.2, 0.35), (0.65, 1.0))


def _sample_tilt(rng: np.random.Generator) -> float:
    """Draw degrees: nearly level, or clearly tilted to either side."""
    if rng.random() < 0.45:
        return float(rng.uniform(-2, 2))
    degrees = rng.uniform(9, 30)
    return float(degrees if rng.random() < 0.5 else -degrees)


def _mixture(rng: np.random.Generator, *ranges: tuple[float, float]) -> float:
    """Draw uniformly from one of the ranges; low, middle and high values stay distinct."""
    low, high = ranges[int(rng.integers(len(ranges)))]
    return float(rng.uniform(low, high))


def _seldom(
    rng: np.random.Generator, share: float, usual: tuple[float, float], *others: tuple[float, float]
) -> float:
    """Draw from the range ``usual`` with probability ``share``, else from one of the others."""
    if rng.random() < share:
        return float(rng.uniform(*usual))
    return _mixture(rng, *others)


def _pick(rng: np.random.Generator, items: Sequence[str]) -> str:
    return items[int(rng.integers(len(items)))]


def _pick_other(rng: np.random.Generator, items: Sequence[str], taken: str) -> str:
    """Pick an item that is not the taken one."""
    i = items.index(taken)
    return items[(i + 1 + int(rng.integers(len(items) - 1))) % len(items)]


def _weighted(rng: np.random.Generator, weights: Sequence[int]) -> int:
    """Draw an index with probability proportional to its weight."""
    return bisect(list(accumulate(weights)), int(rng.integers(sum(weights))))
