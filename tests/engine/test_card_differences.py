"""Differences between a run card and the present state, and which of them can change numbers."""

import copy

import pytest

from engine.card_differences import compare_cards

CARD = {
    "seed": 1,
    "commit": "a" * 40,
    "dirty": False,
    "code": {"digest": "d" * 64, "changed": [], "imports": {"own": "1"}},
    "versions": {"python": "3.11.2", "torch": "2.11.0"},
    "hardware": {"cpu": "one", "cores": 8, "threads": 4, "device": "cpu", "processes": 2},
    "config": {"OPTIM": {"LR": 0.1}, "OUTPUT_DIR": "out"},
    "data": {"test": {"images": 24, "labels": "e" * 64}},
    "backbone": {"name": "RN101"},
}


def compare(change, card=CARD):
    now = copy.deepcopy(card)
    change(now)
    return compare_cards(card, now, may_change={"OUTPUT_DIR"})


def test_an_equal_state_has_no_differences():
    assert compare(lambda now: None) == []


@pytest.mark.parametrize(
    ("path", "value", "changes_numbers"),
    [
        ("versions.torch", "2.12.0", True),
        ("versions.python", "3.12.0", False),
        ("hardware.cpu", "another", True),
        ("hardware.threads", 2, True),
        ("hardware.cores", 16, False),
        ("hardware.processes", 1, False),
        ("config.OPTIM.LR", 0.2, True),
        ("config.OUTPUT_DIR", "other", False),
        ("data.test.labels", "f" * 64, True),
        ("backbone.name", "RN50", True),
        ("code.digest", "c" * 64, True),
        ("code.imports.own", "2", True),
        ("commit", "b" * 40, False),
    ],
)
def test_each_difference_is_found_and_judged(path, value, changes_numbers):
    def change(now):
        *parents, leaf = path.split(".")
        for parent in parents:
            now = now[parent]
        now[leaf] = value

    differences = compare(change)
    assert len(differences) == 1
    assert differences[0].changes_numbers == changes_numbers
    assert "\n" not in differences[0].describe()


def test_seed_and_processor_change_nothing_of_given_predictions():
    def change(now):
        now["hardware"].update(cpu="another", threads=2)

    card = {**CARD, "kind": "predictions", "seed": -1}
    differences = compare(change, card)
    assert [difference.name for difference in differences] == ["hardware.cpu", "hardware.threads"]
    assert not any(difference.changes_numbers for difference in differences)
    assert compare(change, {**card, "kind": "run"})[0].name == "SEED"


def test_the_processor_does_not_matter_to_a_run_on_a_gpu():
    card = copy.deepcopy(CARD)
    card["hardware"]["device"] = "a GPU"
    (difference,) = compare(lambda now: now["hardware"].update(cpu="another"), card)
    assert not difference.changes_numbers
    (difference,) = compare(lambda now: now["hardware"].update(device="another GPU"), card)
    assert difference.changes_numbers


def test_a_run_without_a_seed_cannot_come_back():
    card = {**CARD, "seed": -1}
    (difference,) = compare_cards(card, card)
    assert difference.name == "SEED" and difference.changes_numbers


def test_a_key_that_is_gone_is_named_and_a_new_one_is_not():
    def change(now):
        del now["config"]["OPTIM"]["LR"]
        now["config"]["NEW"] = 1

    (difference,) = compare(change)
    assert difference.describe() == "config.OPTIM.LR was 0.1, is (not there)"


def test_a_part_that_is_unknown_now_is_not_compared():
    assert compare(lambda now: now.pop("data")) == []


def test_code_that_was_in_no_commit_is_named():
    card = copy.deepcopy(CARD)
    card["dirty"] = True
    card["code"]["changed"] = ["core/cli.py"]

    def change(now):
        now["code"]["digest"] = "0" * 64
        now["dirty"] = False

    (difference,) = compare(change, card)
    short = "a" * 12
    assert difference.describe() == (
        f"source code was {short} with changes in core/cli.py, is {short}"
    )
