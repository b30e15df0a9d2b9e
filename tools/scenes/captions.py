"""Captions of scenes: they say visible facts and nothing of the hidden properties."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from tools.scenes.scene import Group, Scene
from tools.scenes.shapes import PALETTE

# Kind -> synonyms as (singular, plural); the first is the name of the kind.
NOUNS: dict[str, tuple[tuple[str, str], ...]] = {
    "person": (("person", "people"), ("human", "humans"), ("man", "men")),
    "ball": (("ball", "balls"), ("sphere", "spheres")),
    "tree": (("tree", "trees"), ("oak", "oaks")),
    "house": (("house", "houses"), ("building", "buildings"), ("hut", "huts")),
    "flower": (("flower", "flowers"), ("blossom", "blossoms")),
    "coin": (("coin", "coins"), ("token", "tokens")),
    "star": (("star", "stars"), ("starfish", "starfish")),
    "box": (("box", "boxes"), ("crate", "crates"), ("cube", "cubes")),
    "boat": (("boat", "boats"), ("ship", "ships")),
    "bird": (("bird", "birds"), ("chick", "chicks")),
    "fish": (("fish", "fish"), ("salmon", "salmon")),
    "cup": (("cup", "cups"), ("mug", "mugs")),
    "car": (("car", "cars"), ("taxi", "taxis")),
    "mushroom": (("mushroom", "mushrooms"), ("toadstool", "toadstools")),
}
COLORS = tuple(PALETTE)
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LAYOUT_PHRASES: dict[str, tuple[str, ...]] = {
    "row": ("in a row", "in a line", "side by side"),
    "grid": ("in a grid", "in rows and columns"),
    "ring": ("in a ring", "in a circle"),
    "pile": ("in a pile", "in a heap", "stacked up"),
    "mirror": ("in two columns", "on both sides"),
    "scatter": ("scattered about", "here and there"),
}
LAYOUT_NOUNS = {"row": "row", "grid": "grid", "ring": "ring", "pile": "pile"}
BACKGROUND_PHRASES: dict[str, tuple[str, ...]] = {
    "sky": ("in the sky", "among the clouds", "up in the air"),
    "meadow": ("on a meadow", "on the grass", "in a field"),
    "beach": ("on a beach", "on the sand", "by the sea"),
    "night": ("at night", "under the moon", "at midnight"),
    "room": ("in a room", "indoors", "by the window"),
    "lake": ("on a lake", "on the water"),
    "snow": ("in the snow", "in winter"),
}
BACKGROUND_NOUNS: dict[str, tuple[str, ...]] = {
    "sky": ("the sky", "the clouds"),
    "meadow": ("a meadow", "a field"),
    "beach": ("a beach", "the sand"),
    "night": ("a night", "the moon"),
    "room": ("a room", "a window"),
    "lake": ("a lake", "the water"),
    "snow": ("the snow", "a winter day"),
}
# {groups} is one or two noun phrases, {place} a noun of the background; {layout} and {where} begin
# with a space or are empty.
TEMPLATES = (
    "a photo of {groups}{layout}{where}.",
    "a photo of {groups}{layout}{where}.",
    "{groups}{layout}{where}.",
    "{groups}{layout}{where}",
    "a picture of {groups}{layout}{where}.",
    "an image showing {groups}{layout}{where}.",
    "there {verb} {groups}{layout}{where}.",
    "we can see {groups}{layout}{where}.",
    "this is a drawing of {groups}{layout}{where}.",
    "{place} with {groups}{layout}.",
    "a view of {place} and {groups}{layout}.",
)
ALL_FACTS_SHARE = 0.5  # of captions that say every fact
KEEP_SHARE = 0.6  # of facts that the other captions say
MIN_SATURATION = 0.4  # below it, nobody names the colours
LAYOUT_NOUN_SHARE = 0.3  # of captions that say "a row of three balls"


def caption(scene: Scene, rng: np.random.Generator, *, usual_noun: float = 0.0) -> str:
    """Return a sentence about kinds, colours, counts, the first layout and the background.

    Args:
        scene: what is described.
        rng: draws the facts that are said, and their words.
        usual_noun: share of the objects that have their usual name; the others have any.
    """
    say_second, say_layout, say_where, say_color, say_count = _choose_facts(rng)
    say_color = say_color and scene.saturation > MIN_SATURATION
    first = scene.groups[0]
    others = scene.groups[1:] if say_second else ()
    phrases = []
    for group in (first, *others):
        noun = _draw_noun(group.kind, rng, usual_noun)
        phrases.append(_noun_phrase(group, noun, rng, color=say_color, number=say_count))
    layout = ""
    if say_layout and first.count > 1:
        layout = " " + _pick(rng, LAYOUT_PHRASES[first.layout])
        has_noun = first.layout in LAYOUT_NOUNS and not others
        if has_noun and rng.random() < LAYOUT_NOUN_SHARE:
            phrases[0] = f"a {LAYOUT_NOUNS[first.layout]} of {phrases[0].removeprefix('a ')}"
            layout = ""
    if others:  # the layout belongs to the first group only
        phrases[0] += layout
        layout = ""
    # a format call fills in all values, so all of them are drawn, whichever the template uses
    template = _pick(rng, TEMPLATES)
    where = " " + _pick(rng, BACKGROUND_PHRASES[scene.background]) if say_where else ""
    place = _pick(rng, BACKGROUND_NOUNS[scene.background])
    is_singular = phrases[0].startswith(("a ", "an ", "1 ", "one "))
    return template.format(
        groups=" and ".join(phrases),
        layout=layout,
        where=where,
        place=place,
        verb="is" if is_singular else "are",
    )


def _choose_facts(rng: np.random.Generator) -> list[bool]:
    """Draw which of five facts a caption says."""
    draws = rng.random(5)
    share = 1.0 if rng.random() < ALL_FACTS_SHARE else KEEP_SHARE
    return (draws < share).tolist()


def vocabulary() -> tuple[str, ...]:
    """Return every word that a caption can hold, sorted."""
    texts = ["is are an many some pair several a few of and", *LAYOUT_NOUNS.values()]
    texts += [*COLORS, *NUMBERS, *map(str, range(1, len(NUMBERS) + 1))]
    for pairs in NOUNS.values():
        for pair in pairs:
            texts += pair
    for table in (LAYOUT_PHRASES, BACKGROUND_PHRASES, BACKGROUND_NOUNS):
        for phrases in table.values():
            texts += phrases
    for template in TEMPLATES:
        texts.append(re.sub(r"\{\w+\}", " ", template))
    return tuple(sorted(set(re.findall(r"[a-z0-9]+", " ".join(texts)))))


def _draw_noun(kind: str, rng: np.random.Generator, usual_noun: float) -> tuple[str, str]:
    """Return singular and plural of a noun for a kind of object."""
    if usual_noun > 0 and rng.random() < usual_noun:
        return NOUNS[kind][0]
    return _pick(rng, NOUNS[kind])


def _noun_phrase(
    group: Group, noun: tuple[str, str], rng: np.random.Generator, *, color: bool, number: bool
) -> str:
    """Return words such as "three red balls", "a blue cup" or "some boats"."""
    singular, plural = noun
    paint = f"{group.color} " if color else ""
    if group.count == 1:
        words = paint + singular
        if number and rng.random() < 0.25:
            return f"{_pick(rng, ('one', '1'))} {words}"
        article = "an" if words[0] in "aeiou" else "a"
        return f"{article} {words}"
    if not number:
        return paint + plural
    return f"{_count_words(group.count, rng)} {paint}{plural}"


def _count_words(count: int, rng: np.random.Generator) -> str:
    """Return a number as a word, a digit or a vague word."""
    draw = rng.random()
    if draw < 0.55:
        return NUMBERS[count - 1]
    if draw < 0.8:
        return str(count)
    if count == 2:
        return _pick(rng, ("a pair of", "some"))
    if count <= 5:
        return _pick(rng, ("a few", "some"))
    return _pick(rng, ("many", "several"))


def _pick(rng: np.random.Generator, items: Sequence[Any]) -> Any:
    return items[int(rng.integers(len(items)))]
