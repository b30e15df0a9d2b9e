"""What an embedding knows of every property of a scene: the AUC of a linear probe.

A ridge regression on one half of the pictures is measured on the other half: 50 is chance, 100 is
perfect. Values of a property are told apart from all others; the result is their mean.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tools.scenes import Scene
from tools.scenes.hidden_words import GAPS, JITTERS, LOOKS, TILTS
from tools.scenes.scene import BACKGROUNDS, COLORS, KINDS, LAYOUTS, ORDERS, RELATIONS

RIDGE = 1.0  # in pictures, on features of unit variance
MIN_POSITIVES = 20  # in each half; a value with fewer is left out

Array = np.ndarray
Value = Callable[[Scene], bool]


def known_properties(features: Array, scenes: Sequence[Scene]) -> dict[str, float]:
    """Return the AUC in percent of each property; NaN where the pictures are too few.

    Args:
        features: of N pictures, ``(N, E)``.
        scenes: the N scenes that they show.
    """
    found: dict[str, list[float]] = {}
    half = len(scenes) // 2
    scaled = _standardise(features.astype(np.float64), half)
    for name, value, applies in properties():
        rows = [i for i, scene in enumerate(scenes) if applies(scene)]
        labels = np.array([value(scenes[i]) for i in rows])
        first = np.array(rows) < half
        aucs = found.setdefault(name, [])
        if min(_rarer(labels[first]), _rarer(labels[~first])) >= MIN_POSITIVES:
            aucs.append(_auc_of_probe(scaled[rows], labels, first))
    return {name: _mean(aucs) for name, aucs in found.items()}


def properties() -> Iterator[tuple[str, Value, Value]]:
    """Yield (property, whether a scene has one of its values, whether it applies to the scene)."""
    for kind in KINDS:
        yield "kind", lambda s, k=kind: any(g.kind == k for g in s.groups), _always
    for color in COLORS:
        yield "colour", lambda s, c=color: any(g.color == c for g in s.groups), _always
    for background in BACKGROUNDS:
        yield "background", lambda s, b=background: s.background == b, _always
    for layout in LAYOUTS[1:]:
        yield "layout", lambda s, la=layout: s.groups[0].layout == la, _has_several
    yield "more than four objects", lambda s: sum(g.count for g in s.groups) > 4, _always
    for field, low, high, words in LOOKS:
        name = f"{field}: {words[0]}"
        yield name, lambda s, f=field, a=low, b=high: a <= getattr(s, f) <= b, _always
    for low, high, words in TILTS:
        yield f"tilt: {words[0]}", lambda s, a=low, b=high: a <= s.tilt <= b, _always
    for low, high, words in GAPS:
        name = f"gap: {words[0]}"
        yield name, lambda s, a=low, b=high: a <= s.groups[0].gap <= b, _has_several
    for low, high, words in JITTERS:
        name = f"jitter: {words[0]}"
        yield name, lambda s, a=low, b=high: a <= s.groups[0].jitter <= b, _has_several
    for order in ORDERS:
        yield f"order: {order}", lambda s, o=order: s.groups[0].order == o, _has_several
    for relation in RELATIONS[1:]:
        yield f"relation: {relation}", lambda s, r=relation: s.relation == r, _has_two_groups


def auc(scores: Array, labels: Array) -> float:
    """Return the area under the ROC curve of scores without ties; labels are bool ``(N,)``."""
    ranks = scores.argsort().argsort() + 1
    num = labels.sum()
    above = ranks[labels].sum() - num * (num + 1) / 2
    return float(above / (num * (len(labels) - num)))


def _auc_of_probe(features: Array, labels: Array, first: Array) -> float:
    """Return the AUC in percent on the second half of a probe fitted to the first."""
    x, y = features[first], labels[first] - labels[first].mean()
    weight = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ y)
    return 100 * auc(features[~first] @ weight, labels[~first])


def _standardise(features: Array, half: int) -> Array:
    mean, std = features[:half].mean(axis=0), features[:half].std(axis=0)
    return (features - mean) / np.where(std > 0, std, 1.0)


def _rarer(labels: Array) -> int:
    return int(min(labels.sum(), len(labels) - labels.sum()))


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 1) if values else float("nan")


def _always(scene: Scene) -> bool:
    return True


def _has_several(scene: Scene) -> bool:
    return scene.groups[0].count > 1


def _has_two_groups(scene: Scene) -> bool:
    return len(scene.groups) == 2
