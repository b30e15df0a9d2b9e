"""Words for the hidden properties of a scene; captions of the rich world say them now and then.

A property whose value is ordinary has no words.
"""

from collections.abc import Sequence

import numpy as np

from tools.scenes.scene import Group, Scene

Words = tuple[str, ...]

SAY_SHARE = 0.3  # of the properties with words that a caption says
MAX_SAID = 3  # in one caption, so that it stays within CLIP's 77 tokens

# (field of the scene, lowest value, highest value, words): words that stand before "photo"
LOOKS: tuple[tuple[str, float, float, Words], ...] = (
    ("contrast", 0.0, 0.65, ("hazy", "flat", "misty")),
    ("contrast", 1.4, 9.0, ("stark", "bold", "harsh")),
    ("brightness", -9.0, -0.45, ("dark", "gloomy", "dim")),
    ("brightness", 0.45, 9.0, ("bright", "sunny", "light")),
    ("tint", -1.0, -0.5, ("cold", "chilly", "bluish")),
    ("tint", 0.5, 1.0, ("warm", "golden", "glowing")),
    ("saturation", 0.0, 0.4, ("pale", "faded", "grey")),
    ("saturation", 1.5, 9.0, ("vivid", "colourful", "lively")),
    ("blur", 5.0, 99.0, ("blurred", "soft", "unsharp")),
    ("grain", 0.03, 1.0, ("grainy", "noisy", "rough")),
    ("vignette", 0.4, 1.0, ("shadowy", "shaded", "framed")),
    ("closeness", 0.0, 0.75, ("distant", "remote", "tiny")),
    ("closeness", 1.2, 9.0, ("close", "near", "large")),
)
TILTS: tuple[tuple[float, float, Words], ...] = (
    (-99.0, -8.0, ("uphill", "rising", "tilted")),
    (8.0, 99.0, ("downhill", "falling", "slanted")),
)
# Of the first group, where it has several objects.
GAPS: tuple[tuple[float, float, Words], ...] = (
    (-9.0, -0.2, ("crowded", "overlapping", "packed")),
    (0.4, 9.0, ("spread out", "spaced", "loose")),
)
JITTERS: tuple[tuple[float, float, Words], ...] = (
    (0.0, 0.05, ("neat", "exact", "straight")),
    (0.5, 9.0, ("messy", "jumbled", "untidy")),
)
ORDERS: dict[str, Words] = {
    "ascending": ("growing", "ascending", "larger and larger"),
    "descending": ("shrinking", "descending", "smaller and smaller"),
    "mixed": ("uneven", "of mixed sizes", "unequal"),
    "one_big": ("with one giant", "with a big one", "with a leader"),
}
RELATIONS: dict[str, Words] = {
    "apart": ("apart", "separate", "divided"),
    "touching": ("touching", "together", "in contact"),
    "facing": ("face to face", "opposed", "confronting"),
    "away": ("back to back", "parting", "turned away"),
    "above": ("on top", "above", "overhead"),
    "surrounding": ("surrounded", "encircled", "enclosed"),
    "aligned": ("following", "one way", "aligned"),
}


def say_hidden(scene: Scene, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Return words for some of the scene's hidden properties: of its look, of its arrangement."""
    looks = look_words(scene)
    arrangement = arrangement_words(scene)
    said = rng.random(len(looks) + len(arrangement)) < SAY_SHARE
    chosen = rng.permutation(np.flatnonzero(said))[:MAX_SAID]
    before, behind = [], []
    for i in sorted(chosen.tolist()):
        words = [*looks, *arrangement][i]
        place = before if i < len(looks) else behind
        place.append(words[int(rng.integers(len(words)))])
    return before, behind


def look_words(scene: Scene) -> list[Words]:
    """Return the wordings of each property of the light and the photograph that has words."""
    return [words for field, low, high, words in LOOKS if low <= getattr(scene, field) <= high]


def arrangement_words(scene: Scene) -> list[Words]:
    """Return the wordings of each property of the arrangement that has words."""
    found = _in_range(TILTS, scene.tilt)
    first: Group = scene.groups[0]
    if first.count > 1:
        found += _in_range(GAPS, first.gap)
        found += _in_range(JITTERS, first.jitter)
        if first.order in ORDERS:
            found.append(ORDERS[first.order])
    if scene.relation in RELATIONS:
        found.append(RELATIONS[scene.relation])
    return found


def hidden_vocabulary() -> list[str]:
    """Return every wording."""
    tables = [words for *_, words in (*LOOKS, *TILTS, *GAPS, *JITTERS)]
    tables += [*ORDERS.values(), *RELATIONS.values()]
    return [wording for words in tables for wording in words]


def _in_range(table: Sequence[tuple[float, float, Words]], value: float) -> list[Words]:
    return [words for low, high, words in table if low <= value <= high]
