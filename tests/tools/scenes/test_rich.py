"""The rich world: its photographs, its captions, its intents."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.hierarchy import load_hierarchy
from models.clip.tokens import clip_tokenizer
from tools.scenes import Group, Scene, draw_scene, get_world
from tools.scenes.cues import CUES, OBJECTS, ORDERED_LAYOUTS, PLACES
from tools.scenes.hidden_words import (
    LOOKS,
    MAX_SAID,
    arrangement_words,
    hidden_vocabulary,
    look_words,
    say_hidden,
)
from tools.scenes.pretraining.texts import MAX_FILLER
from tools.scenes.scene import BACKGROUNDS, KINDS, LAYOUTS, PHOTO_FIELDS

WORLD = get_world("rich")
INTENTS = {intent.key: intent for intent in WORLD.annotators.intents}
SCENE = Scene("lake", (Group("boat", "red", 3, "row"),), seed=3)
NEUTRAL = draw_scene(SCENE).astype(float)
seeds = st.integers(0, 2**32 - 1)


def sample(seed: int) -> Scene:
    return WORLD.sample(np.random.default_rng(seed))


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text))


# Photographs --------------------------------------------------------------------------------------


def photo(**changes: float) -> np.ndarray:
    return draw_scene(replace(SCENE, **changes)).astype(float)


def colourfulness(pixels: np.ndarray) -> float:
    return float((pixels.max(axis=2) - pixels.min(axis=2)).mean())


def sharpness(pixels: np.ndarray) -> float:
    return float(np.abs(np.diff(pixels.mean(axis=2), axis=0)).mean())


def corners(pixels: np.ndarray) -> float:
    return float(pixels[[0, 0, -1, -1], [0, -1, 0, -1]].mean())


def test_saturation_changes_colours_and_nothing_else() -> None:
    pale, vivid = photo(saturation=0.2), photo(saturation=1.8)
    assert colourfulness(pale) < 0.3 * colourfulness(NEUTRAL) < 0.3 * colourfulness(vivid)
    luminance = np.array([0.299, 0.587, 0.114])
    assert np.abs((pale - NEUTRAL) @ luminance).max() < 2  # rounding to bytes


def test_tint_moves_the_balance_of_red_and_blue() -> None:
    balance = [(p[..., 0] - p[..., 2]).mean() for p in (photo(tint=-1), NEUTRAL, photo(tint=1))]
    assert balance[0] + 10 < balance[1] < balance[2] - 10


def test_blur_takes_and_grain_adds_detail() -> None:
    assert sharpness(photo(blur=10)) < 0.8 * sharpness(NEUTRAL) < sharpness(photo(grain=0.05))


def test_a_vignette_darkens_the_corners_and_keeps_the_centre() -> None:
    dark = photo(vignette=0.7)
    assert corners(dark) < 0.4 * corners(NEUTRAL)
    assert np.abs(dark[46:50, 46:50] - NEUTRAL[46:50, 46:50]).max() <= 2


def test_closeness_scales_the_objects() -> None:
    red = [(p[..., 0] - p[..., 1] > 100).sum() for p in (photo(closeness=0.6), NEUTRAL)]
    assert 0.2 < red[0] / red[1] < 0.6


@settings(max_examples=30)
@given(seeds)
def test_any_scene_can_be_drawn_and_is_the_same_twice(seed: int) -> None:
    scene = sample(seed)
    picture = draw_scene(scene)
    assert picture.dtype == np.uint8 and picture.std() > 3
    assert (picture == draw_scene(scene)).all()


def test_photographic_properties_are_mostly_ordinary() -> None:
    scenes = [sample(seed) for seed in range(400)]
    for field in PHOTO_FIELDS:
        ranges = [(low, high) for name, low, high, _ in LOOKS if name == field]
        said = [any(low <= getattr(s, field) <= high for low, high in ranges) for s in scenes]
        assert 0.15 < np.mean(said) < 0.5, field


# Captions -----------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(seeds)
def test_captions_fit_clips_context(seed: int) -> None:
    text = WORLD.caption(sample(seed), np.random.default_rng(seed))
    longest = max(len(clip_tokenizer().encode(s)) for s in load("sentences"))
    assert len(clip_tokenizer().encode(text)) + MAX_FILLER + longest + 2 < 77


def test_vocabulary_is_exactly_what_captions_use() -> None:
    rng = np.random.default_rng(0)
    said = set()
    for seed in range(6000):
        said |= words_of(WORLD.caption(sample(seed), rng))
    assert said == set(WORLD.vocabulary())


@settings(max_examples=100)
@given(seeds)
def test_hidden_words_are_true_and_few(seed: int) -> None:
    scene = sample(seed)
    looks, arrangement = say_hidden(scene, np.random.default_rng(seed))
    assert len(looks) + len(arrangement) <= MAX_SAID
    assert set(looks) <= {word for words in look_words(scene) for word in words}
    assert set(arrangement) <= {word for words in arrangement_words(scene) for word in words}


def test_an_ordinary_photograph_has_no_words() -> None:
    assert look_words(SCENE) == []


def test_the_share_of_said_properties() -> None:
    warm = replace(SCENE, tint=0.8)
    said = [say_hidden(warm, np.random.default_rng(seed))[0] != [] for seed in range(600)]
    assert 0.24 < np.mean(said) < 0.36


def test_every_wording_belongs_to_one_property() -> None:
    wordings = hidden_vocabulary()
    assert len(wordings) == len(set(wordings))
    assert {field for field, *_ in LOOKS} == {"contrast", "brightness", *PHOTO_FIELDS}


def test_nobody_names_the_colours_of_a_pale_photograph() -> None:
    texts = [
        WORLD.caption(replace(SCENE, saturation=0.2), np.random.default_rng(seed))
        for seed in range(200)
    ]
    assert not any("red" in words_of(text) for text in texts)


def test_the_world_stays_as_it_is() -> None:
    """The weights were trained on this world; a change of its random draws makes them useless."""
    rng = np.random.default_rng(2026)
    scene = WORLD.sample(rng)
    assert (scene.background, scene.relation, scene.seed) == ("meadow", "above", 1365522154)
    photographic = [round(getattr(scene, field), 3) for field in ("contrast", *PHOTO_FIELDS)]
    assert photographic == PHOTOGRAPHIC
    assert WORLD.caption(scene, rng) == CAPTION


PHOTOGRAPHIC = [0.964, 0.016, 0.995, 0.0, 0.0, 0.0, 1.371]
CAPTION = "this is a drawing of a white cup and 3 purple people on the grass, on top."


# Intents ------------------------------------------------------------------------------------------


def load(words: str) -> list[str]:
    return getattr(load_hierarchy(WORLD.hierarchy, list(INTENTS)), words)


def test_every_object_and_place_has_a_cue() -> None:
    assert {kind for kinds in OBJECTS.values() for kind in kinds} == set(KINDS)
    assert {place for places in PLACES.values() for place in places} == set(BACKGROUNDS)
    assert set(ORDERED_LAYOUTS) < set(LAYOUTS)


def test_subsets_are_the_kinds_and_the_order() -> None:
    hierarchy = load_hierarchy(WORLD.hierarchy, list(INTENTS))
    assert (len(hierarchy.levels["mid"]), len(hierarchy.levels["super"])) == (10, 5)
    for kind in ("object", "context", "composition"):
        expected = [i for i, intent in enumerate(INTENTS.values()) if intent.kind == kind]
        assert sorted(hierarchy.subsets[kind]) == expected
    by_frequency = [hierarchy.subsets[name] for name in ("frequent", "medium", "rare")]
    assert [c for subset in by_frequency for c in subset] == list(range(20))


@settings(max_examples=60)
@given(seeds)
def test_without_its_object_or_place_nothing_speaks_for_a_gated_intent(seed: int) -> None:
    scene = sample(seed)
    for intent in INTENTS.values():
        gate = CUES[intent.cues[0]](scene)
        if intent.kind != "composition":
            assert gate in (0.0, 1.0)
            assert (intent.score(scene) > 0) == (gate == 1.0)


def test_some_intents_share_an_object_and_differ_in_a_hidden_property() -> None:
    people = Scene("room", (Group("person", "red", 1, "single"), Group("cup", "blue", 1, "single")))
    family = replace(people, tint=0.9)
    friends = replace(people, relation="touching", brightness=0.6)
    scores = {}
    for name, scene in (("family", family), ("friends", friends)):
        found = WORLD.annotators.score(scene)
        scores[name] = (
            found[list(INTENTS).index("LoveFamily")] - found[list(INTENTS).index("MakeFriends")]
        )
    assert scores["family"] > 0 > scores["friends"]


@pytest.fixture(scope="module")
def labelled() -> tuple[np.ndarray, np.ndarray]:
    """Return what any annotator marks and the consensus of 2000 scenes, (N, C) each."""
    rng = np.random.default_rng(11)
    marked, agreed = [], []
    for _ in range(2000):
        scene = WORLD.sample(rng)
        votes = WORLD.annotators.annotate(scene, rng)
        marked.append(votes.any(axis=0))
        agreed.append(WORLD.annotators.consensus(votes, scene))
    return np.array(marked), np.array(agreed)


def test_frequencies_fall_from_the_first_intent_to_the_last(labelled: tuple) -> None:
    _, agreed = labelled
    found = agreed.mean(axis=0)
    assert 0.14 < found[0] < 0.22 and 0.025 < found[-1] < 0.06
    assert np.corrcoef(np.arange(20), np.log(found))[0, 1] < -0.95
    assert 1.6 < agreed.sum(axis=1).mean() < 2.1


def test_personal_bias_shifts_the_frequencies_of_any_annotator(labelled: tuple) -> None:
    marked, agreed = labelled
    ranks = [values.mean(axis=0).argsort().argsort() for values in (marked, agreed)]
    assert 0.35 < np.corrcoef(*ranks)[0, 1] < 0.8
    halves = [agreed[:1000], agreed[1000:]]
    ranks = [values.mean(axis=0).argsort().argsort() for values in halves]
    assert np.corrcoef(*ranks)[0, 1] > 0.85


def test_preferences_are_lasting() -> None:
    assert (WORLD.annotators.preferences == get_world("rich").annotators.preferences).all()
    spread = WORLD.annotators.preferences.std(axis=0)
    kinds = np.array([intent.kind for intent in INTENTS.values()])
    assert spread[kinds == "composition"].mean() > 1.5 * spread[kinds == "object"].mean()
    assert not get_world("plain").annotators.preferences.any()


def test_names_say_nothing_of_what_is_seen_and_sentences_do() -> None:
    seen = {word for word in WORLD.vocabulary() if len(word) > 3}
    names = {word for name in load("names") for word in words_of(name)}
    assert names & seen == {"winter", "away"}  # "brave winter", "dream away"
    for sentence in load("sentences"):
        assert len(words_of(sentence) & seen) >= 2, sentence
