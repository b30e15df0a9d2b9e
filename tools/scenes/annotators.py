"""Simulated intents: three annotators apply noisy rules to a scene.

Three cues of a picture (:mod:`tools.scenes.cues`) are evidence for an intent. Annotators share one
part of their noise (the picture) and have another part of their own (their taste). Where a world
says so, each also has a lasting preference for some intents.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from datasets.hierarchy import key_to_words
from tools.scenes.cues import CUES
from tools.scenes.scene import Scene

NUM_ANNOTATORS = 3
MAX_LABELS = 3  # per annotator
CUE_WEIGHTS = (1.0, 0.9, 0.6)
PRODUCT_WEIGHT = 0.8  # of the product of the first two cues
GATE_WEIGHT = 1.8  # of the first cue of a gated intent


@dataclass(frozen=True)
class Intent:
    """One class of the drawn scenes.

    Attributes:
        key: the class key.
        bias: added to the score; fitted so that the frequencies have a long tail.
        cues: names in CUES, the strongest first.
        kind: ``object``, ``context`` or ``composition``. The first two are gated: without its
            first cue, an object or a place, nothing else counts.
    """

    key: str
    bias: float
    cues: tuple[str, str, str]
    kind: str = "composition"

    def score(self, scene: Scene) -> float:
        """Return the evidence for this intent, without bias and noise."""
        a, b, c = (CUES[name](scene) for name in self.cues)
        if self.kind != "composition":
            return a * (GATE_WEIGHT + CUE_WEIGHTS[1] * b + CUE_WEIGHTS[2] * c)
        weighted = CUE_WEIGHTS[0] * a + CUE_WEIGHTS[1] * b + CUE_WEIGHTS[2] * c
        return weighted + PRODUCT_WEIGHT * a * b


@dataclass(frozen=True)
class Annotators:
    """Three annotators of a world.

    Attributes:
        intents: the C classes, from frequent to rare.
        shared_noise: standard deviation of the noise that all annotators of a picture share.
        own_noise: of the noise that each has alone.
        preference: by kind of intent, of the lasting preference that each annotator has for each
            intent; without it, there is none.
        preference_seed: of these preferences.
    """

    intents: tuple[Intent, ...]
    shared_noise: float
    own_noise: float
    preference: Mapping[str, float] = field(default_factory=dict)
    preference_seed: int = 0

    @property
    def keys(self) -> tuple[str, ...]:
        """The class keys."""
        return tuple(intent.key for intent in self.intents)

    @cached_property
    def preferences(self) -> np.ndarray:
        """The lasting preferences of the annotators, float64 (3, C)."""
        rng = np.random.default_rng(self.preference_seed)
        spread = [self.preference.get(intent.kind, 0.0) for intent in self.intents]
        return np.array(spread) * rng.standard_normal((NUM_ANNOTATORS, len(self.intents)))

    def score(self, scene: Scene) -> np.ndarray:
        """Return the sum of bias and evidence of every intent, without noise: float64 (C,)."""
        return np.array([intent.bias + intent.score(scene) for intent in self.intents])

    def annotate(self, scene: Scene, rng: np.random.Generator) -> np.ndarray:
        """Return the marks of the annotators, bool (3, C)."""
        return self.mark(self.score(scene), rng)

    def mark(self, score: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the marks for a score without noise (C,): bool (3, C).

        Each annotator marks the strongest intent and up to two more with a positive score.
        """
        num = len(self.intents)
        shared = score + self.shared_noise * rng.standard_normal(num)  # (C,)
        felt = shared + self.own_noise * rng.standard_normal((NUM_ANNOTATORS, num))  # (3, C)
        if self.preference:
            felt = felt + self.preferences
        ranks = (-felt).argsort(axis=1).argsort(axis=1)  # (3, C)
        return (ranks == 0) | ((ranks < MAX_LABELS) & (felt > 0))

    def consensus(self, votes: np.ndarray, scene: Scene) -> np.ndarray:
        """Return the classes of a scene with the votes (3, C): bool (C,)."""
        return self.agree(votes, self.score(scene))

    def agree(self, votes: np.ndarray, score: np.ndarray) -> np.ndarray:
        """Return the classes that at least two annotators mark, bool (C,).

        Without one, it is the strongest: that with the most votes and, among equals, the highest
        score without noise.

        Args:
            votes: bool (3, C).
            score: without noise, (C,).
        """
        counts = votes.sum(axis=0)  # (C,)
        if (counts >= 2).any():
            return counts >= 2
        strongest = np.where(counts == counts.max(), score, -np.inf).argmax()
        return np.arange(len(counts)) == strongest


def intent_words(key: str) -> tuple[str, ...]:
    """Return the words of a leaf's name: ``FindPeace`` -> ``("find", "peace")``."""
    return tuple(key_to_words(key).split())
