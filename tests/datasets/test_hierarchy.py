"""Hierarchy files: order, integrity of the shipped ones, and the errors of a user's own."""

from pathlib import Path

import pytest
import yaml

from core.errors import UserError
from datasets.hierarchy import (
    default_hierarchy,
    hierarchy_keys,
    hierarchy_path,
    key_to_words,
    load_hierarchy,
)
from tools.scenes import WORLDS

KEYS = [
    "Attractive",
    "BeatCompete",
    "Communicate",
    "CreativeUnique",
    "CuriousAdventurousExcitingLife",
    "EasyLife",
    "EnjoyLife",
    "FineDesignLearnArt-Arch",
    "FineDesignLearnArt-Art",
    "FineDesignLearnArt-Culture",
    "GoodParentEmoCloseChild",
    "Happy",
    "HardWorking",
    "Harmony",
    "Health",
    "InLove",
    "InLoveAnimal",
    "InspirOthrs",
    "ManagableMakePlan",
    "NatBeauty",
    "PassionAbSmthing",
    "Playful",
    "ShareFeelings",
    "SocialLifeFriendship",
    "SuccInOccupHavGdJob",
    "TchOthrs",
    "ThngsInOrdr",
    "WorkILike",
]

SMALL = """
classes: {A: {name: first, sentence: say first}, B: {name: second}, C: {}}
tree: {top: {one: [A], two: [B, C]}}
subsets: {odd: [A, C]}
"""


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    return str(path)


def test_intentonomy_groups() -> None:
    hierarchy = load_hierarchy("intentonomy", KEYS)
    assert len(hierarchy.names) == len(set(hierarchy.sentences)) == 28
    assert {level: len(groups) for level, groups in hierarchy.levels.items()} == {
        "mid": 15,
        "super": 9,
    }
    for groups in hierarchy.levels.values():
        assert sorted(i for classes in groups.values() for i in classes) == list(range(28))
    sizes = {name: len(classes) for name, classes in hierarchy.subsets.items()}
    assert sizes == {
        "easy": 3,
        "medium": 15,
        "hard": 10,
        "object_dependent": 7,
        "context_dependent": 2,
        "other": 19,
    }
    assert hierarchy.levels["mid"]["finances"] == [5]
    assert hierarchy.levels["super"]["security and belonging"] == [0, 2, 15, 16, 22, 23]
    assert hierarchy.subsets["easy"] == [0, 7, 19]
    assert hierarchy.paths[24][:2] == ("financial and occupational success", "occupational success")
    assert hierarchy.paths[14] == ("health",)


def test_sentences_are_short_natural_and_distinct() -> None:
    # sentences of the drawn scenes differ less: their vocabulary is small
    cases = [("intentonomy", KEYS, 4, 8)]
    for world in WORLDS.values():
        cases.append((world.hierarchy, world.annotators.keys, 2, 6))
    for name, keys, least, shortest in cases:
        sentences = load_hierarchy(name, list(keys)).sentences
        assert all(shortest <= len(sentence.split()) <= 18 for sentence in sentences)
        words = [frozenset(sentence.split()) for sentence in sentences]
        assert all(len(a ^ b) >= least for i, a in enumerate(words) for b in words[:i])


def test_order_follows_the_classes(tmp_path: Path) -> None:
    hierarchy = load_hierarchy(write(tmp_path, SMALL), ["C", "B", "A"])
    assert hierarchy.names == ["c", "second", "first"]
    assert hierarchy.paths == [
        ("top", "two", "c"),
        ("top", "two", "second"),
        ("top", "one", "first"),
    ]
    assert hierarchy.sentences == ["top, two, c", "top, two, second", "say first"]
    assert hierarchy.levels == {"mid": {"one": [2], "two": [0, 1]}, "super": {"top": [0, 1, 2]}}
    assert hierarchy.subsets == {"odd": [0, 2]}


def test_a_tree_may_have_no_middle_level(tmp_path: Path) -> None:
    text = "classes: {A: {}, B: {name: bee}, C: {}}\ntree: {top: [C, A], rest: [B]}\n"
    hierarchy = load_hierarchy(write(tmp_path, text), ["A", "B", "C"])
    assert hierarchy.paths == [("top", "a"), ("rest", "bee"), ("top", "c")]
    assert hierarchy.levels == {"super": {"top": [0, 2], "rest": [1]}}
    text = "classes: {A: {}, B: {}}\ntree: {top: [A, A]}\n"
    with pytest.raises(UserError, match="'A' appears more than once; tree: class 'B' is missing"):
        load_hierarchy(write(tmp_path, text), ["A", "B"])


EMOTIONS = ("mikels8", "emotions6", "emotions7", "parrott6", "polarity", "webemo")


@pytest.mark.parametrize("name", EMOTIONS)
def test_emotions_have_distinct_sentences_and_complete_groups(name: str) -> None:
    classes = yaml.safe_load(hierarchy_path(name).read_text())["classes"]
    hierarchy = load_hierarchy(name, sorted(classes))
    assert all(8 <= len(sentence.split()) <= 18 for sentence in hierarchy.sentences)
    words = [frozenset(sentence.split()) for sentence in hierarchy.sentences]
    assert all(len(a ^ b) >= 4 for i, a in enumerate(words) for b in words[:i])
    for groups in hierarchy.levels.values():
        members = sorted(c for group in groups.values() for c in group)
        assert members == list(range(len(classes)))


def test_all_faults_in_one_error(tmp_path: Path) -> None:
    text = """
classes: {Happy: {}, Happy: {}, Sadd: {}}
tree: {t: {m: [Happy, Happy]}}
subsets: {s: [Hapy]}
"""
    with pytest.raises(UserError) as caught:
        load_hierarchy(write(tmp_path, text), ["Happy", "Sad"])
    message = str(caught.value)
    for part in (
        "own.yaml",
        "'Happy' is given twice",
        "unknown class 'Sadd'. Did you mean 'Sad'?",
        "'Sad' is missing",
    ):
        assert part in message
    assert "tree: class 'Happy' appears more than once" in message
    assert "subset 's': unknown class 'Hapy'" in message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1, 2]",
        "classes: 3",
        "classes: {A: 3}",
        "tree: {a: {b: [A]}}",
        "a: [\n",
        "classes: {A: {name: 2024-13-45}}",
        "classes: {A: {name: !!bool x}}",
    ],
)
def test_not_a_hierarchy(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match=r"own\.yaml is not"):
        load_hierarchy(write(tmp_path, text), ["A"])


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{name: a, sentense: b}", "class 'A' has the unknown part 'sentense'.*'sentence'"),
        ("{name: yes}", "the name of class 'A' is read as True, which is no text; write it in quo"),
        ("{sentence: 3}", "the sentence of class 'A' is read as 3, which is no text"),
    ],
)
def test_a_wrong_part_of_a_class_is_named(tmp_path: Path, entry: str, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        load_hierarchy(write(tmp_path, f"classes: {{A: {entry}}}"), ["A"])


def test_a_class_may_be_a_key_alone(tmp_path: Path) -> None:
    path = write(tmp_path, "classes:\n  yes:\n  2020:\n  LateEvening:\n")
    assert hierarchy_keys(path) == ["yes", "2020", "LateEvening"]
    hierarchy = load_hierarchy(path, ["LateEvening", "yes", "2020"])
    assert hierarchy.names == hierarchy.sentences == ["late evening", "yes", "2020"]


def test_a_folder_is_no_hierarchy(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder; expected a YAML file"):
        load_hierarchy(f"{tmp_path}/", ["A"])


def test_unknown_name() -> None:
    with pytest.raises(UserError, match="Did you mean 'intentonomy'"):
        load_hierarchy("intentonmy", KEYS)


def test_words_of_keys() -> None:
    assert key_to_words("GoodParent_closeChild") == "good parent close child"
    assert key_to_words("traffic_light") == "traffic light"
    assert key_to_words("TVSet") == "tv set"
    hierarchy = default_hierarchy(["EasyLife"])
    assert hierarchy.names == ["easy life"]
    assert hierarchy.paths == [("easy life",)]
    assert hierarchy.levels == {}


def test_a_path_is_found_from_any_folder(tmp_path: Path, monkeypatch) -> None:
    write(tmp_path, SMALL)
    monkeypatch.chdir(tmp_path)
    assert load_hierarchy("./own.yaml", ["A", "B", "C"]).names == ["first", "second", "c"]
    shipped = load_hierarchy("datasets/hierarchies/intentonomy.yaml", KEYS)  # of the project
    assert shipped == load_hierarchy("intentonomy", KEYS)
