"""Simulated intents: three annotators apply noisy rules to the hidden properties of a scene.

Three cues of a picture, each from 0 to 1, are evidence for an intent; the first two count more when
they occur together. Annotators share one part of their noise (the picture) and have another part of
their own (their taste).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from datasets.hierarchy import key_to_words
from tools.scenes.world import RELATIONS, Group, Scene

NUM_ANNOTATORS = 3
MAX_LABELS = 3  # per annotator
CUE_WEIGHTS = (1.0, 0.9, 0.6)
PRODUCT_WEIGHT = 0.8  # of the product of the first two cues
SHARED_NOISE = 0.7
OWN_NOISE = 0.4


@dataclass(frozen=True)
class Intent:
    """One class of the drawn scenes.

    Attributes:
        key: the class key.
        bias: added to the score; fitted so that the frequencies have a long tail.
        cues: names in CUES, the strongest first.
    """

    key: str
    bias: float
    cues: tuple[str, str, str]

    def score(self, scene: Scene) -> float:
        """Return the evidence for this intent, without bias and noise."""
        a, b, c = (CUES[name](scene) for name in self.cues)
        weighted = CUE_WEIGHTS[0] * a + CUE_WEIGHTS[1] * b + CUE_WEIGHTS[2] * c
        return weighted + PRODUCT_WEIGHT * a * b


def _ramp(value: float, start: float, end: float) -> float:
    """Return 0 up to ``start``, 1 from ``end`` on, and linear values between them."""
    return min(max((value - start) / (end - start), 0.0), 1.0)


def _gap_cue(start: float, end: float) -> Callable[[Scene], float]:
    """Return a cue of the gap; without two objects of a kind, it has its average value."""

    def cue(scene: Scene) -> float:
        group = _largest_group(scene)
        return _ramp(group.gap, start, end) if group.count > 1 else 1 / 3

    return cue


def _order_cue(order: str, average: float) -> Callable[[Scene], float]:
    """Return a cue of the order of sizes; without two objects of a kind, it is ``average``."""

    def cue(scene: Scene) -> float:
        group = _largest_group(scene)
        return float(group.order == order) if group.count > 1 else average

    return cue


def _relation_cue(relation: str) -> Callable[[Scene], float]:
    """Return a cue of the relation; with a single group, it has its average value."""

    def cue(scene: Scene) -> float:
        return float(scene.relation == relation) if len(scene.groups) > 1 else 1 / 7

    return cue


def _largest_group(scene: Scene) -> Group:
    return max(scene.groups, key=lambda group: group.count)


CUES: dict[str, Callable[[Scene], float]] = {
    "strong": lambda scene: _ramp(scene.contrast, 1.1, 1.5),
    "washed": lambda scene: _ramp(scene.contrast, 0.9, 0.5),
    "bright": lambda scene: _ramp(scene.brightness, 0.1, 0.6),
    "dark": lambda scene: _ramp(scene.brightness, -0.1, -0.6),
    "level": lambda scene: _ramp(abs(scene.tilt), 12, 3),
    "tilted": lambda scene: _ramp(abs(scene.tilt), 5, 20),
    "rising": lambda scene: _ramp(-scene.tilt, 5, 18),
    "falling": lambda scene: _ramp(scene.tilt, 5, 18),
    "neat": lambda scene: _ramp(scene.groups[0].jitter, 0.3, 0.04),
    "jumbled": lambda scene: _ramp(scene.groups[0].jitter, 0.3, 0.75),
    "tight": _gap_cue(0.05, -0.3),
    "wide": _gap_cue(0.2, 0.55),
    "equal": _order_cue("equal", 0.36),
    "ascending": _order_cue("ascending", 0.16),
    "descending": _order_cue("descending", 0.16),
    "mixed": _order_cue("mixed", 0.16),
    "one_big": _order_cue("one_big", 0.16),
}
for _relation in RELATIONS[1:]:  # all but "none"
    CUES[_relation] = _relation_cue(_relation)

# From frequent to rare.
INTENTS: tuple[Intent, ...] = (
    Intent("FindPeace", -2.45, ("washed", "level", "neat")),
    Intent("KeepTidy", -2.41, ("neat", "equal", "strong")),
    Intent("Celebrate", -2.35, ("bright", "jumbled", "strong")),
    Intent("MakeFriends", -1.98, ("touching", "bright", "facing")),
    Intent("KeepHope", -2.23, ("rising", "bright", "above")),
    Intent("SenseDanger", -2.73, ("dark", "strong", "tilted")),
    Intent("FindBalance", -3.02, ("level", "wide", "equal")),
    Intent("FeelLonely", -2.36, ("apart", "wide", "washed")),
    Intent("ShowRivalry", -2.33, ("facing", "strong", "apart")),
    Intent("DreamAway", -2.94, ("washed", "bright", "wide")),
    Intent("BreakRules", -2.67, ("jumbled", "mixed", "tilted")),
    Intent("WorkTogether", -2.63, ("aligned", "tight", "neat")),
    Intent("LoveFamily", -2.73, ("one_big", "tight", "surrounding")),
    Intent("RushAhead", -2.94, ("tilted", "aligned", "wide")),
    Intent("FeelLoss", -2.82, ("descending", "dark", "away")),
    Intent("GrowStrong", -2.82, ("ascending", "rising", "bright")),
    Intent("ShowPride", -2.72, ("above", "one_big", "strong")),
    Intent("FeelWeary", -3.4, ("falling", "dark", "washed")),
    Intent("SayGoodbye", -2.91, ("away", "falling", "wide")),
    Intent("GiveShelter", -3.03, ("surrounding", "dark", "tight")),
)
INTENT_KEYS = tuple(intent.key for intent in INTENTS)


def score_intents(scene: Scene) -> np.ndarray:
    """Return the sum of bias and evidence of every intent, without noise: float64 (C,)."""
    return np.array([intent.bias + intent.score(scene) for intent in INTENTS])


def annotate(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Return the marks of three annotators, bool (3, C).

    Each marks the strongest intent and up to two more with a positive score.
    """
    shared = score_intents(scene) + SHARED_NOISE * rng.standard_normal(len(INTENTS))  # (C,)
    felt = shared + OWN_NOISE * rng.standard_normal((NUM_ANNOTATORS, len(INTENTS)))  # (3, C)
    ranks = (-felt).argsort(axis=1).argsort(axis=1)  # (3, C)
    return (ranks == 0) | ((ranks < MAX_LABELS) & (felt > 0))


def consensus(votes: np.ndarray, scene: Scene) -> np.ndarray:
    """Return the classes that at least two annotators mark, bool (C,); without one, the strongest.

    The strongest has the most votes and, among equals, the highest score without noise.

    Args:
        votes: bool (3, C).
    """
    counts = votes.sum(axis=0)  # (C,)
    if (counts >= 2).any():
        return counts >= 2
    strongest = np.where(counts == counts.max(), score_intents(scene), -np.inf).argmax()
    return np.arange(len(counts)) == strongest


def intent_words(key: str) -> tuple[str, ...]:
    """Return the words of a leaf's name: ``FindPeace`` -> ``("find", "peace")``."""
    return tuple(key_to_words(key).split())
