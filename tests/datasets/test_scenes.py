"""The drawn world: scenes are deterministic, hidden properties show in the pixels and never in the captions."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.scenes.captions import BACKGROUND_NOUNS, BACKGROUND_PHRASES, COLORS, NOUNS, caption, vocabulary
from datasets.scenes.draw import draw_scene
from datasets.scenes.shapes import ROLE_COLORS, SHAPES
from datasets.scenes.world import (
    BACKGROUNDS,
    HIDDEN_GROUP_FIELDS,
    HIDDEN_SCENE_FIELDS,
    KINDS,
    LAYOUT_COUNTS,
    LAYOUTS,
    ORDERS,
    RELATIONS,
    Group,
    Scene,
    sample_scene,
)

GROUP = Group("fish", "red", 6, "grid")
SCENE = Scene("meadow", (GROUP, Group("cup", "blue", 2, "row")), relation="apart", seed=3)
seeds = st.integers(0, 2**32 - 1)


def sample(seed: int) -> Scene:
    return sample_scene(np.random.default_rng(seed))


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text)


def test_tables_cover_the_world() -> None:
    assert set(SHAPES) == set(NOUNS) == set(KINDS) and set(ROLE_COLORS) == set(COLORS)
    assert set(BACKGROUND_PHRASES) == set(BACKGROUND_NOUNS) == set(BACKGROUNDS)
    assert all(pairs[0][0] == kind for kind, pairs in NOUNS.items())


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_sampled_scenes_make_sense(seed: int) -> None:
    scene = sample(seed)
    first = scene.groups[0]
    assert scene == sample(seed)
    assert 1 <= len(scene.groups) <= 2 and (scene.relation == "none") == (len(scene.groups) == 1)
    assert first.count == 1 if first.layout == "single" else first.count in LAYOUT_COUNTS[first.layout]
    assert len({(g.kind, g.color) for g in scene.groups}) == len(scene.groups)
    assert all(g.count > 1 or g.order == "equal" for g in scene.groups)


def test_every_value_is_drawn() -> None:
    scenes = [sample(seed) for seed in range(600)]
    assert {s.background for s in scenes} == set(BACKGROUNDS) and {s.relation for s in scenes} == set(RELATIONS)
    groups = [group for s in scenes for group in s.groups]
    assert {g.kind for g in groups} == set(KINDS) and {g.color for g in groups} == set(COLORS)
    assert {g.count for g in groups} == set(range(1, 10)) and {g.order for g in groups} == set(ORDERS)
    assert {g.layout for g in groups} == set(LAYOUTS)


@pytest.mark.parametrize("size", [32, 96])
def test_picture_is_deterministic(size: int) -> None:
    picture = draw_scene(SCENE, size)
    assert picture.shape == (size, size, 3) and picture.dtype == np.uint8
    assert (picture == draw_scene(SCENE, size)).all()
    assert (picture != draw_scene(replace(SCENE, seed=4), size)).any()


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_any_scene_can_be_drawn(seed: int) -> None:
    picture = draw_scene(sample(seed))
    assert picture.std() > 3


@pytest.mark.parametrize("change", [{"contrast": 0.5}, {"brightness": -0.6}, {"brightness": 0.6}, {"tilt": 15.0}])
def test_hidden_scene_properties_show(change: dict) -> None:
    assert changed_share(SCENE, replace(SCENE, **change)) > 0.2


@pytest.mark.parametrize("relation", [r for r in RELATIONS if r not in ("none", "apart")])
def test_relations_show(relation: str) -> None:
    assert changed_share(SCENE, replace(SCENE, relation=relation)) > 0.05


@pytest.mark.parametrize("change", [{"gap": 0.6}, {"jitter": 0.5}, *({"order": o} for o in ORDERS[1:])])
def test_hidden_group_properties_show(change: dict) -> None:
    one = replace(SCENE, groups=(GROUP,), relation="none")
    assert changed_share(one, replace(one, groups=(replace(GROUP, **change),))) > 0.05


def changed_share(a: Scene, b: Scene) -> float:
    """Return the share of pixels that differ clearly."""
    difference = np.abs(draw_scene(a).astype(int) - draw_scene(b).astype(int)).max(axis=2)
    return float((difference > 24).mean())


@settings(max_examples=80, deadline=None)
@given(seeds, seeds, seeds)
def test_captions_do_not_depend_on_hidden_properties(seed: int, other: int, caption_seed: int) -> None:
    scene, donor = sample(seed), sample(other)
    groups = [replace(g, **{f: getattr(donor.groups[0], f) for f in HIDDEN_GROUP_FIELDS}) for g in scene.groups]
    changed = replace(scene, groups=tuple(groups), **{f: getattr(donor, f) for f in HIDDEN_SCENE_FIELDS})
    said = [caption(s, np.random.default_rng(caption_seed)) for s in (scene, changed)]
    assert said[0] == said[1]


class Veiled:
    """A scene or group whose hidden properties must not be read."""

    def __init__(self, wrapped: Scene | Group) -> None:
        self._wrapped = wrapped

    def __getattr__(self, name: str) -> object:
        assert name not in (*HIDDEN_SCENE_FIELDS, *HIDDEN_GROUP_FIELDS, "seed", "size"), f"caption reads {name}"
        return getattr(self._wrapped, name)


@settings(max_examples=80, deadline=None)
@given(seeds)
def test_captions_never_read_hidden_properties(seed: int) -> None:
    scene = sample(seed)
    veiled = Veiled(replace(scene, groups=tuple(map(Veiled, scene.groups))))
    said = caption(veiled, np.random.default_rng(seed))
    assert said == caption(scene, np.random.default_rng(seed))


def test_vocabulary_is_exactly_what_captions_use() -> None:
    rng = np.random.default_rng(0)
    said = {word for seed in range(3000) for word in words_of(caption(sample(seed), rng))}
    assert said == set(vocabulary()) and list(vocabulary()) == sorted(vocabulary()) and 120 <= len(said) <= 180


def test_captions_say_the_facts() -> None:
    one = replace(SCENE, groups=(GROUP,), relation="none")
    said = {caption(one, np.random.default_rng(seed)) for seed in range(300)}
    assert "a photo of six red fish in a grid on a meadow." in said
    assert any("cup" in c or "mug" in c for c in (caption(SCENE, np.random.default_rng(s)) for s in range(20)))
    assert not any(re.search(r"cup|mug|blue|ring", c) for c in said - {c for c in said if "drawing" in c})
