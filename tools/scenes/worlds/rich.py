"""The rich world: intents depend on objects, context and composition.

An intent of the first two kinds needs its object or place and is then decided by properties of the
photograph; some share an object and differ in these properties alone. Captions name the hidden
properties now and then. The kinds of intents follow Intentonomy (Jia et al., CVPR 2021, section 4).
"""

import re

import numpy as np

from tools.scenes.annotators import Annotators, Intent
from tools.scenes.captions import caption, vocabulary
from tools.scenes.hidden_words import hidden_vocabulary, say_hidden
from tools.scenes.scene import Scene

USUAL_NOUN = 0.7  # share of the objects that captions call by their usual name
BEFORE_SHARE = 0.5  # of the captions that say a look before the word "photo", where it allows that
_PHOTO = re.compile(r"^an? (?=photo|picture|image|view)")


def rich_caption(scene: Scene, rng: np.random.Generator) -> str:
    """Return a caption of the visible facts that also says some of the hidden properties."""
    text = caption(scene, rng, usual_noun=USUAL_NOUN)
    looks, arrangement = say_hidden(scene, rng)
    if looks and rng.random() < BEFORE_SHARE and _PHOTO.match(text):
        article = "an" if looks[0][0] in "aeiou" else "a"
        text = _PHOTO.sub(f"{article} {', '.join(looks)} ", text)
        looks = []
    behind = [*looks, *arrangement]
    if behind:
        text = f"{text.removesuffix('.')}, {' and '.join(behind)}."
    return text


def rich_vocabulary() -> tuple[str, ...]:
    """Return every word that a caption can hold, sorted."""
    words = " ".join(hidden_vocabulary()).split()
    return tuple(sorted({*vocabulary(), *words}))


# Biases: python -m tools.scenes.calibrate
ANNOTATORS = Annotators(
    shared_noise=0.25,
    own_noise=0.3,
    # people agree on what depends on objects and places, and differ on the rest
    preference={"object": 0.3, "context": 0.3, "composition": 0.8},
    preference_seed=6,
    intents=(
        Intent("EnjoyNature", -2.21, ("plants", "vivid", "outdoors"), "object"),
        Intent("Celebrate", -2.73, ("many", "vivid", "bright"), "composition"),
        Intent("CareForAnimals", -1.71, ("animals", "near", "water"), "object"),
        Intent("FindPeace", -2.22, ("water", "pale", "level"), "context"),
        Intent("FeelLonely", -1.55, ("few", "far", "pale"), "composition"),
        Intent("TravelFar", -2.21, ("vehicles", "far", "water"), "object"),
        Intent("KeepTidy", -2.65, ("containers", "ordered", "sharp"), "object"),
        Intent("PlayGames", -2.34, ("toys", "vivid", "jumbled"), "object"),
        Intent("FeelCosy", -1.93, ("indoors", "warm", "near"), "context"),
        Intent("RememberPast", -1.73, ("pale", "grainy", "warm"), "composition"),
        Intent("MakeFriends", -1.85, ("people", "touching", "bright"), "object"),
        Intent("ShowPride", -1.78, ("near", "strong", "one_big"), "composition"),
        Intent("SenseDanger", -2.10, ("night", "shadowed", "strong"), "context"),
        Intent("LoveFamily", -1.89, ("people", "warm", "indoors"), "object"),
        Intent("GetRich", -2.15, ("coins", "many", "near"), "object"),
        Intent("RushAhead", -1.95, ("blurred", "vehicles", "tilted"), "composition"),
        Intent("BraveWinter", -2.25, ("snow", "cold", "few"), "context"),
        Intent("DreamAway", -2.51, ("sky", "blurred", "bright"), "context"),
        Intent("FeelAtHome", -2.21, ("houses", "warm", "bright"), "object"),
        Intent("ShowRivalry", -2.32, ("apart", "strong", "sharp"), "composition"),
    ),
)
