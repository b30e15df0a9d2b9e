"""Facts of real data on built results, and the sum of trained and zero-shot scores."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.facts.combine import NUM_BEST, Scores, combine, standardise
from benchmarks.facts.combined_runs import Gain
from benchmarks.facts.find import read_roles
from benchmarks.facts.labels import labels_of, rank_correlation, read_annotations
from benchmarks.facts.table import Roles, facts_table, find_facts
from benchmarks.methods.against import compare_with
from benchmarks.methods.page import Page
from benchmarks.methods.plan import Method, Plan, read_plan
from core.errors import UserError
from evaluation.metrics import mean_average_precision
from tools.scenes.make import make_scenes

ROLES = Roles(
    "pooled", "mean", "both", "name", "sentence", ("both", "tuned"), ("tuned",), small="small"
)
GOOD = {
    "pooled": 40.0, "mean": 39.0, "both": 41.0, "small": 30.0,
    "name": 20.0, "sentence": 25.0, "tuned": 41.5,
}  # fmt: skip
CONFIG = "configs/datasets/scenes.yaml"


def page(**changes: float) -> Page:
    """Return results of two splits and three seeds around the given means."""
    noise = 0.1 * np.random.default_rng(0).normal(size=(2, 3))
    values = {}
    for name, mean in (GOOD | changes).items():
        values[name] = dict.fromkeys(("mAP", "macro_f1"), mean + noise)
    methods = [Method(name, f"label of {name}", "IntCLIP") for name in GOOD]
    return Page(methods, {}, values, {}, 9.3, (1, 2), (1, 2, 3))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("facts")
    make_scenes(root, seed=1, size=16, num_train=400, num_val=200, num_test=200)
    return root


def verdicts(root: Path, gain: float = 2.0, **changes: float) -> dict[str, list[bool]]:
    gains = {"tuned": Gain(np.full((2, 3), gain), np.full((2, 3), gain))}
    found: dict[str, list[bool]] = {}
    for fact in find_facts(page(**changes), ROLES, {1: root}, CONFIG, gains):
        found.setdefault(fact.number, []).append(fact.agrees)
    return found


def test_results_like_those_of_real_data_agree(root: Path) -> None:
    found = verdicts(root)
    assert list(found) == ["R1", "R2", "R3", "R4", "R5", "R6"]
    assert all(all(agrees) for agrees in found.values())


@pytest.mark.parametrize(
    ("changes", "number", "expected"),
    [
        ({"both": 20.0, "tuned": 20.0, "small": 10.0}, "R1", [False, True]),
        ({"small": 41.0}, "R1", [True, False]),
        ({"name": 10.0}, "R2", [False, True]),
        ({"sentence": 20.0}, "R2", [True, False]),
        ({"gain": -1.0}, "R3", [False]),
        ({"pooled": 42.0}, "R5", [False]),
        ({"tuned": 44.0}, "R6", [False, True]),
        ({"tuned": 24.0}, "R6", [False, False]),
    ],
)
def test_results_unlike_those_of_real_data_do_not(
    root: Path, changes: dict, number: str, expected: list[bool]
) -> None:
    assert verdicts(root, **changes)[number] == expected


def test_without_a_small_clip_its_row_is_left_out(root: Path) -> None:
    gains = {"tuned": Gain(np.full((2, 3), 1.0), np.full((2, 3), 1.0))}
    roles = replace(ROLES, small="")
    numbers = [fact.number for fact in find_facts(page(), roles, {1: root}, CONFIG, gains)]
    assert numbers.count("R1") == 1
    assert "small" not in roles.methods() and "small" in ROLES.methods()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pold": "pooled"}, "'pold'; accepted: .*pooled"),
        ({"mean": None}, "needs mean"),
        ({"both": "bth"}, "'bth'; accepted: .*Did you mean 'both'"),
    ],
)
def test_wrong_roles_are_one_line_before_any_run(changes: dict, message: str) -> None:
    given = {**vars(ROLES), **changes}
    facts = {role: name for role, name in given.items() if name is not None}
    methods = tuple(Method(name, name, "IntCLIP") for name in GOOD)
    with pytest.raises(UserError, match=message):
        read_roles(Plan(methods, {}, 1, CONFIG, facts=facts))
    assert read_roles(Plan(methods, {}, 1, CONFIG)) is None


def test_the_shipped_plan_names_its_facts() -> None:
    assert read_roles(read_plan(Path("configs/benchmarks/scenes.yaml"))) is not None


def test_the_table_has_a_row_per_fact(root: Path) -> None:
    gains = {"tuned": Gain(np.full((2, 3), -1.0), np.full((2, 3), 1.0))}
    text = facts_table(find_facts(page(), ROLES, {1: root}, CONFIG, gains))
    assert text.count("\n") == 10
    assert "**no**" in text and "helps: label of tuned" in text and "mAP -1.0 [-1.0, -1.0]" in text


def test_frequencies_shift_between_train_and_test_only(root: Path) -> None:
    labels = labels_of(read_annotations(root, CONFIG)[1])
    train = rank_correlation(labels["train"], labels["test"])
    assert train + 0.2 < rank_correlation(labels["val"], labels["test"]) <= 1
    assert rank_correlation(labels["test"], labels["test"]) == pytest.approx(1)


# Sum of scores ------------------------------------------------------------------------------------


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def model(truth: np.ndarray, signal: float, seed: int) -> Scores:
    rng = np.random.default_rng(seed)
    half = len(truth) // 2
    scores = sigmoid(signal * truth + rng.normal(size=truth.shape))
    return Scores(scores[:half], scores[half:])


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return (np.random.default_rng(0).random((400, 20)) < 0.2).astype(float)


def test_independent_knowledge_is_added(truth: np.ndarray) -> None:
    trained, zero_shot = model(truth, 1.5, 1), model(truth, 1.5, 2)
    found = combine(trained, zero_shot, truth[:200], mean_average_precision)
    assert found.weight > 0
    before = mean_average_precision(trained.test, truth[200:])
    assert mean_average_precision(found.scores.test, truth[200:]) > before + 0.05


def test_noise_gets_little_weight(truth: np.ndarray) -> None:
    found = combine(model(truth, 3.0, 1), model(truth, 0.0, 2), truth[:200], mean_average_precision)
    assert found.weight <= 0.25


def test_without_a_gain_the_scores_stay(truth: np.ndarray) -> None:
    trained = model(truth, 2.0, 1)
    found = combine(trained, model(truth, 2.0, 2), truth[:200], lambda scores, labels: 0.0)
    assert (found.weight, found.num_best) == (0.0, NUM_BEST[0])
    np.testing.assert_allclose(found.scores.test, trained.test, rtol=1e-6)


@given(st.integers(0, 1000))
def test_standardised_scores_have_mean_0_and_deviation_1_on_val(seed: int) -> None:
    rng = np.random.default_rng(seed)
    val = rng.normal(size=(30, 4)) * [1, 5, 0, 2] + [0, 3, 1, -2]
    found = standardise(Scores(val, val[:7])).val
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(found.std(axis=0), [1, 1, 0, 1], atol=1e-9)


# Before and after ---------------------------------------------------------------------------------


def test_a_change_is_shown_against_an_earlier_call(tmp_path: Path) -> None:
    before = page()
    before._write_values(tmp_path / "table.json")
    text = compare_with(page(tuned=45.0), tmp_path)
    (row,) = [line for line in text.splitlines() if "label of tuned" in line]
    assert "+3.5 [+3.5, +3.5]" in row
    assert text.count("not resolved") == len(GOOD) - 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read"),
        ("{", "cannot read"),
        (json.dumps({"other": {"mAP": [[1]]}}), "no method of this plan"),
        (json.dumps({"tuned": {"mAP": [[1]]}}), "has 1 splits and 1 seeds; expected 2 and 3"),
    ],
)
def test_mistakes_about_the_earlier_call_are_one_line(
    tmp_path: Path, content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "table.json").write_text(content)
    with pytest.raises(UserError, match=message):
        compare_with(page(), tmp_path)
