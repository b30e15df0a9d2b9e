"""Captions of scenes: they say what is visible as a fact, and nothing of the hidden properties."""

import re
from collections.abc import Sequence

import numpy as np

from tools.scenes.shapes import PALETTE
from tools.scenes.world import Group, Scene

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
# {groups}: one or two noun phrases; {layout} and {where} bring their own space; {place} is a noun of the background.
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
ALL_FACTS_SHARE = (
    0.5  # of captions that say everything; the others leave each fact out now and then
)
KEEP_SHARE = 0.6


def caption(scene: Scene, rng: np.random.Generator) -> str:
    """Return a sentence about kinds, colours, counts, the first group's layout and the background."""
    keep = (rng.random(5) < (1.0 if rng.random() < ALL_FACTS_SHARE else KEEP_SHARE)).tolist()
    say_second, say_layout, say_where, say_color, say_count = keep
    first, others = scene.groups[0], scene.groups[1:] if say_second else ()
    phrases = [
        _noun_phrase(group, rng, color=say_color, number=say_count) for group in (first, *others)
    ]
    layout = (
        " " + _pick(rng, LAYOUT_PHRASES[first.layout]) if say_layout and first.count > 1 else ""
    )
    if layout and first.layout in LAYOUT_NOUNS and not others and rng.random() < 0.3:
        phrases[0], layout = (
            f"a {LAYOUT_NOUNS[first.layout]} of {phrases[0].removeprefix('a ')}",
            "",
        )
    if others:  # the layout belongs to the first group only
        phrases, layout = [phrases[0] + layout, *phrases[1:]], ""
    return _pick(rng, TEMPLATES).format(
        groups=" and ".join(phrases),
        layout=layout,
        where=" " + _pick(rng, BACKGROUND_PHRASES[scene.background]) if say_where else "",
        place=_pick(rng, BACKGROUND_NOUNS[scene.background]),
        verb="is" if phrases[0].startswith(("a ", "an ", "1 ", "one ")) else "are",
    )


def vocabulary() -> tuple[str, ...]:
    """Return every word that a caption can hold, sorted."""
    nouns = [word for pairs in NOUNS.values() for pair in pairs for word in pair]
    phrases = [
        p
        for table in (LAYOUT_PHRASES, BACKGROUND_PHRASES, BACKGROUND_NOUNS)
        for row in table.values()
        for p in row
    ]
    digits = [str(i + 1) for i in range(len(NUMBERS))]
    other = [
        "is are an many some pair several a few of and",
        *LAYOUT_NOUNS.values(),
        *COLORS,
        *NUMBERS,
        *digits,
    ]
    templates = [re.sub(r"\{\w+\}", " ", template) for template in TEMPLATES]
    return tuple(
        sorted(set(re.findall(r"[a-z0-9]+", " ".join([*nouns, *phrases, *other, *templates]))))
    )


def _noun_phrase(group: Group, rng: np.random.Generator, *, color: bool, number: bool) -> str:
    """Return words such as "three red balls", "a blue cup" or "some boats"."""
    singular, plural = _pick(rng, NOUNS[group.kind])
    paint = f"{group.color} " if color else ""
    if group.count == 1:
        words = paint + singular
        if number and rng.random() < 0.25:
            return f"{_pick(rng, ('one', '1'))} {words}"
        return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
    return f"{_count_words(group.count, rng)} {paint}{plural}" if number else paint + plural


def _count_words(count: int, rng: np.random.Generator) -> str:
    """Return a number as a word, a digit or, now and then, a vague word."""
    draw = rng.random()
    if draw < 0.55:
        return NUMBERS[count - 1]
    if draw < 0.8:
        return str(count)
    if count == 2:
        return _pick(rng, ("a pair of", "some"))
    return _pick(rng, ("a few", "some") if count <= 5 else ("many", "several"))


def _pick(rng: np.random.Generator, items: Sequence[str]) -> str:
    return items[int(rng.integers(len(items)))]
