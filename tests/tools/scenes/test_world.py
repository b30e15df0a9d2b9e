"""The plain world: deterministic scenes; hidden properties show in pixels, never in captions."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from datasets.hierarchy import load_hierarchy
from tools.scenes import get_world
from tools.scenes.annotators import intent_words
from tools.scenes.captions import (
    BACKGROUND_NOUNS,
    BACKGROUND_PHRASES,
    COLORS,
    NOUNS,
    caption,
    vocabulary,
)
from tools.scenes.draw import draw_scene
from tools.scenes.sampling import sample_plain
from tools.scenes.scene import (
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
)
from tools.scenes.shapes import ROLE_COLORS, SHAPES

GROUP = Group("fish", "red", 6, "grid")
SCENE = Scene("meadow", (GROUP, Group("cup", "blue", 2, "row")), relation="apart", seed=3)
ANNOTATORS = get_world("plain").annotators
INTENT_KEYS = ANNOTATORS.keys
seeds = st.integers(0, 2**32 - 1)


def sample(seed: int) -> Scene:
    return sample_plain(np.random.default_rng(seed))


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
    assert len(scene.groups) in (1, 2)
    assert (scene.relation == "none") == (len(scene.groups) == 1)
    assert first.count in {"single": (1,), **LAYOUT_COUNTS}[first.layout]
    assert len({(g.kind, g.color) for g in scene.groups}) == len(scene.groups)
    assert all(g.count > 1 or g.order == "equal" for g in scene.groups)


def test_every_value_is_drawn() -> None:
    scenes = [sample(seed) for seed in range(600)]
    groups = [group for scene in scenes for group in scene.groups]

    def values(items: list, field: str) -> set:
        return {getattr(item, field) for item in items}

    assert values(scenes, "background") == set(BACKGROUNDS)
    assert values(scenes, "relation") == set(RELATIONS)
    assert values(groups, "kind") == set(KINDS)
    assert values(groups, "color") == set(COLORS)
    assert values(groups, "count") == set(range(1, 10))
    assert values(groups, "order") == set(ORDERS)
    assert values(groups, "layout") == set(LAYOUTS)


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


@pytest.mark.parametrize(
    "change", [{"contrast": 0.5}, {"brightness": -0.6}, {"brightness": 0.6}, {"tilt": 15.0}]
)
def test_hidden_scene_properties_show(change: dict) -> None:
    assert changed_share(SCENE, replace(SCENE, **change)) > 0.2


@pytest.mark.parametrize("relation", [r for r in RELATIONS if r not in ("none", "apart")])
def test_relations_show(relation: str) -> None:
    assert changed_share(SCENE, replace(SCENE, relation=relation)) > 0.05


@pytest.mark.parametrize(
    "change", [{"gap": 0.6}, {"jitter": 0.5}, *({"order": o} for o in ORDERS[1:])]
)
def test_hidden_group_properties_show(change: dict) -> None:
    one = replace(SCENE, groups=(GROUP,), relation="none")
    assert changed_share(one, replace(one, groups=(replace(GROUP, **change),))) > 0.05


def changed_share(a: Scene, b: Scene) -> float:
    """Return the share of pixels that differ clearly."""
    difference = np.abs(draw_scene(a).astype(int) - draw_scene(b).astype(int)).max(axis=2)
    return float((difference > 24).mean())


@settings(max_examples=80, deadline=None)
@given(seeds, seeds, seeds)
def test_captions_do_not_depend_on_hidden_properties(
    seed: int, other: int, caption_seed: int
) -> None:
    scene, donor = sample(seed), sample(other)
    of_group = {field: getattr(donor.groups[0], field) for field in HIDDEN_GROUP_FIELDS}
    of_scene = {field: getattr(donor, field) for field in HIDDEN_SCENE_FIELDS}
    groups = tuple(replace(group, **of_group) for group in scene.groups)
    changed = replace(scene, groups=groups, **of_scene)
    rng, again = np.random.default_rng(caption_seed), np.random.default_rng(caption_seed)
    assert caption(scene, rng) == caption(changed, again)


class Veiled:
    """A scene or group whose hidden properties must not be read."""

    def __init__(self, wrapped: Scene | Group) -> None:
        self._wrapped = wrapped

    def __getattr__(self, name: str) -> object:
        assert name not in (*HIDDEN_SCENE_FIELDS, *HIDDEN_GROUP_FIELDS, "seed", "size"), (
            f"caption reads {name}"
        )
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
    assert said == set(vocabulary())
    assert list(vocabulary()) == sorted(vocabulary())
    assert 120 <= len(said) <= 180


def test_the_world_stays_as_it_is() -> None:
    """The weights were trained on this world; a change of its random draws makes them useless."""
    rng = np.random.default_rng(2026)
    scene = sample_plain(rng)
    assert (scene.background, scene.relation, scene.seed) == ("meadow", "above", 1365522154)
    assert [(g.color, g.kind, g.count, g.order) for g in scene.groups] == [
        ("white", "cup", 1, "equal"),
        ("purple", "person", 3, "ascending"),
    ]
    assert caption(scene, rng) == "a photo of a white mug and three purple people on a meadow."


def test_captions_say_the_facts() -> None:
    one = replace(SCENE, groups=(GROUP,), relation="none")
    said = {caption(one, np.random.default_rng(seed)) for seed in range(300)}
    assert "a photo of six red fish in a grid on a meadow." in said
    assert not any(re.search(r"cup|mug|blue", text) for text in said)
    both = " ".join(caption(SCENE, np.random.default_rng(seed)) for seed in range(20))
    assert re.search(r"cup|mug", both)


def test_no_caption_word_names_an_intent() -> None:
    hierarchy = load_hierarchy("scenes_plain", list(INTENT_KEYS))
    assert [tuple(name.split()) for name in hierarchy.names] == [
        intent_words(key) for key in INTENT_KEYS
    ]
    words = {word for path in hierarchy.paths for step in path for word in step.split()} - {"and"}
    assert not words & set(vocabulary())
    said = {word for sentence in hierarchy.sentences for word in words_of(sentence)}
    drawn = {word for pairs in NOUNS.values() for pair in pairs for word in pair} | set(COLORS)
    assert not drawn & said and len(words | said) < 120


def test_hierarchy_is_complete() -> None:
    hierarchy = load_hierarchy("scenes_plain", list(INTENT_KEYS))
    assert (len(hierarchy.levels["mid"]), len(hierarchy.levels["super"])) == (10, 5)
    assert len(set(hierarchy.sentences)) == len(INTENT_KEYS) == 20
    for names in (("frequent", "medium", "rare"), ("light", "arrangement", "relation")):
        assert sorted(c for name in names for c in hierarchy.subsets[name]) == list(range(20))


@settings(max_examples=60, deadline=None)
@given(seeds, seeds)
def test_intents_do_not_depend_on_visible_facts(seed: int, other: int) -> None:
    scene, donor = sample(seed), sample(other)
    facts = {
        "kind": donor.groups[0].kind,
        "color": donor.groups[0].color,
        "layout": donor.groups[0].layout,
    }
    changed = replace(
        scene, background=donor.background, groups=tuple(replace(g, **facts) for g in scene.groups)
    )
    assert (ANNOTATORS.score(scene) == ANNOTATORS.score(changed)).all()


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_annotators_mark_one_to_three(seed: int) -> None:
    scene = sample(seed)
    votes = ANNOTATORS.annotate(scene, np.random.default_rng(seed))
    assert votes.shape == (3, 20) and votes.dtype == bool and np.isin(votes.sum(1), (1, 2, 3)).all()
    assert (votes == ANNOTATORS.annotate(scene, np.random.default_rng(seed))).all()


def test_consensus() -> None:
    votes = np.zeros((3, 20), dtype=bool)
    votes[0, [1, 4]] = votes[1, 4] = votes[2, 7] = True
    assert np.flatnonzero(ANNOTATORS.consensus(votes, SCENE)).tolist() == [4]
    votes[1, 4] = False
    scores = ANNOTATORS.score(SCENE)
    strongest = max((1, 4, 7), key=lambda c: scores[c])
    assert np.flatnonzero(ANNOTATORS.consensus(votes, SCENE)).tolist() == [strongest]


@pytest.fixture(scope="module")
def labelled() -> tuple[list[Scene], np.ndarray, np.ndarray]:
    """Return 1500 scenes, what any annotator marks (N, C) and the consensus (N, C)."""
    rng = np.random.default_rng(11)
    scenes = [sample_plain(rng) for _ in range(1500)]
    votes = [ANNOTATORS.annotate(scene, rng) for scene in scenes]
    agreed = [ANNOTATORS.consensus(vote, scene) for vote, scene in zip(votes, scenes, strict=True)]
    return scenes, np.array(votes).any(axis=1), np.array(agreed)


def test_labels_have_a_long_tail(labelled: tuple) -> None:
    _, marked, agreed = labelled
    assert 0.15 < marked[:, 0].mean() < 0.28 and 0.12 < agreed[:, 0].mean() < 0.25
    assert marked.mean(axis=0).min() > 0.015 and 0.007 < agreed.mean(axis=0).min() < 0.03
    assert 1.8 < marked.sum(axis=1).mean() < 2.6 and agreed.any(axis=1).all()
    assert np.corrcoef(np.arange(20), marked.mean(axis=0))[0, 1] < -0.9


def test_labels_are_in_the_hidden_properties_and_not_in_the_facts(labelled: tuple) -> None:
    scenes, marked, _ = labelled
    chance = marked.mean()
    scores = np.array([ANNOTATORS.score(scene) for scene in scenes])
    assert 3 * chance < average_precision_score(marked, scores, average="macro") < 0.75
    facts = np.array([encode_facts(scene) for scene in scenes])  # (N, F)
    train, test = slice(0, 1000), slice(1000, None)
    ridge = facts[train].T @ facts[train] + 20 * np.eye(facts.shape[1])
    weights = np.linalg.solve(ridge, facts[train].T @ marked[train])
    predicted = facts[test] @ weights
    assert average_precision_score(marked[test], predicted, average="macro") < 1.35 * chance


def encode_facts(scene: Scene) -> np.ndarray:
    """Return every fact that a caption can say as indicators (F,)."""
    fields = {"kind": KINDS, "color": COLORS, "count": range(1, 10), "layout": LAYOUTS}
    facts = [float(scene.background == name) for name in BACKGROUNDS]
    facts += [1.0, len(scene.groups)]
    for i in range(2):
        group = scene.groups[i] if i < len(scene.groups) else None
        for field, values in fields.items():
            facts += [float(getattr(group, field, None) == value) for value in values]
    return np.array(facts)
