"""Counts, shifts, common classes and annotators, against other forms and published examples."""

import numpy as np
import pytest

from datasets.checks.agreement import fleiss_kappa, infer_annotators, measure_agreement
from datasets.checks.cooccurrence import count_together
from datasets.checks.counts import compare_splits, count_classes, rank_correlation
from datasets.checks.findings import label_findings
from datasets.checks.splits import listed_in_several, listed_twice, places_of, unlabelled
from datasets.checks.texts import CONTEXT_LENGTH, check_texts
from tests.datasets.checks.pictures import record, views_of


def random_states(seed: int, num_images: int = 200, num_classes: int = 6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.choice([-1, 0, 1], size=(num_images, num_classes), p=[0.2, 0.5, 0.3])


def test_the_share_of_positives_leaves_unknown_images_out():
    counts = count_classes(np.array([[1, 0, -1], [1, -1, -1], [0, 0, -1]]))
    assert counts.positive.tolist() == [2, 0, 0]
    assert counts.known.tolist() == [3, 2, 0]
    np.testing.assert_allclose(counts.prior, [2 / 3, 0, np.nan])


@pytest.mark.parametrize("seed", range(5))
def test_the_rank_correlation_is_pearsons_of_ranks_counted_one_by_one(seed: int):
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 6, (2, 30)).astype(float)  # with ties

    def ranks(values: np.ndarray) -> list[float]:
        return [(values < v).sum() + ((values == v).sum() + 1) / 2 for v in values]

    expected = np.corrcoef(ranks(first), ranks(second))[0, 1]
    assert rank_correlation(first, second) == pytest.approx(expected, abs=1e-12)


def test_the_rank_correlation_of_a_known_example():
    # IQ and hours of television of ten people, the worked example of Spearman's rho: -29/165.
    scores = np.array([106, 100, 86, 101, 99, 103, 97, 113, 112, 110], dtype=float)
    hours = np.array([7, 27, 2, 50, 28, 29, 20, 12, 6, 17], dtype=float)
    assert rank_correlation(scores, hours) == pytest.approx(-29 / 165)


def test_a_rank_correlation_of_constant_or_single_values_is_not_defined():
    assert np.isnan(rank_correlation(np.ones(4), np.arange(4.0)))
    assert np.isnan(rank_correlation(np.array([1.0, np.nan]), np.array([1.0, 2.0])))


def test_a_strong_shift_is_large_and_beyond_chance():
    train, test = np.zeros((1000, 4)), np.zeros((500, 4))
    train[:60, 0], test[:2, 0] = 1, 1  # 6 % to 0.4 %: both
    train[:4, 1], test[:0, 1] = 1, 1  # 0.4 % to 0 %: chance
    train[:400, 2], test[:300, 2] = 1, 1  # 40 % to 60 %: no factor of 3
    (shift,) = compare_splits({"train": count_classes(train), "test": count_classes(test)})
    assert shift.strong == [0]
    np.testing.assert_allclose(shift.ratio, [0.4 / 6, 0, 1.5, np.nan])


def test_an_empty_split_has_no_shift():
    empty = count_classes(np.zeros((0, 3)))
    assert compare_splits({"train": count_classes(np.eye(3)), "val": empty}) == []


@pytest.mark.parametrize("seed", range(3))
def test_common_images_and_lift_are_those_of_a_loop_over_pairs(seed: int):
    states = random_states(seed)
    together = count_together(states)
    for a in range(states.shape[1]):
        for b in range(states.shape[1]):
            judged = states[(states[:, a] >= 0) & (states[:, b] >= 0)] > 0
            both = (judged[:, a] & judged[:, b]).mean()
            expected = judged[:, a].mean() * judged[:, b].mean()
            assert together.lift[a, b] == pytest.approx(both / expected)
            assert together.counts[a, b] == ((states[:, a] > 0) & (states[:, b] > 0)).sum()


def test_pairs_are_listed_once_and_the_most_frequent_first():
    states = np.array([[1, 1, 0]] * 6 + [[0, 1, 1]] * 9 + [[1, 0, 1]])
    together = count_together(states)
    assert together.most_frequent() == [(1, 2), (0, 1), (0, 2)]
    assert together.most_attracted() == [(1, 2), (0, 1)]  # the third pair has one image


def test_fleiss_kappa_of_the_published_example():
    # Ten subjects, fourteen raters, five answers: the worked example of Fleiss' kappa, 0.210.
    marks = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    assert fleiss_kappa(np.array(marks, dtype=float)) == pytest.approx(0.210, abs=5e-4)


@pytest.mark.parametrize("number", [2, 3, 5, 8])
def test_the_number_of_annotators_follows_from_the_shares(number: int):
    marks = np.random.default_rng(number).integers(0, number + 1, (300, 4))
    assert infer_annotators((marks / number).astype(np.float32)) == number
    assert infer_annotators((marks / number).round(3)) == number


@pytest.mark.parametrize("shares", [[0, 1, 1], [0, 1 / 3, 1 / 5], [0.12345, 0.5, 0.777]])
def test_ambiguous_shares_tell_no_number(shares: list[float]):
    assert infer_annotators(np.array([shares])) is None


def test_agreement_counts_the_images_in_which_somebody_chose_the_class():
    votes = np.array([[1, 0], [1, 2 / 3], [1 / 3, 0], [0, 1]], dtype=np.float32)
    agreement = measure_agreement(votes)
    assert agreement.num_annotators == 3
    assert agreement.chosen.tolist() == [3, 2]
    np.testing.assert_allclose(agreement.mean_share, [7 / 9, 5 / 6], rtol=1e-6)
    np.testing.assert_allclose(agreement.unanimous, [2 / 3, 1 / 2])
    assert agreement.kappa_single is None
    # Pairs that agree: 1, 1, 1/3, 1; share of marks 7/12.
    by_chance = (7 / 12) ** 2 + (5 / 12) ** 2
    expected = (10 / 12 - by_chance) / (1 - by_chance)
    assert agreement.kappa[0] == pytest.approx(expected)


def test_exclusive_answers_have_one_kappa_over_all_classes():
    votes = np.array([[1, 0, 0], [0.5, 0.5, 0], [0, 0, 1]])
    agreement = measure_agreement(votes)
    assert agreement.kappa_single == pytest.approx(fleiss_kappa(2 * votes))


def test_shares_of_0_and_1_alone_are_no_marks_of_several_annotators():
    assert measure_agreement(np.zeros((0, 3))) is None
    assert measure_agreement(np.eye(3)) is None


def test_rows_without_label_and_images_that_are_listed_twice():
    twice = [record("/a", 1, 0), record("/b", 0, 0), record("/c", 0, -1), record("/a", 1, 0)]
    views = views_of(["x", "y"], train=twice, test=[record("/b", 1, 1)])
    assert unlabelled(views[0]) == ["b"]
    assert listed_twice(views[0]) == ["a"]
    assert listed_in_several(places_of(views)) == ["b (train, test)"]


def test_two_boxes_of_a_file_are_two_images():
    views = views_of(["x"], train=[record("/a", 1), record("/a", 1)])
    views[0].parts[:] = [(0, 0, 9, 9), (9, 0, 18, 9)]
    assert listed_twice(views[0]) == []


def test_words_beyond_the_end_of_the_text_encoder_are_named():
    words = [f"w{i}" for i in range(80)]
    texts = {"name": ["short", " ".join(words)]}
    check = check_texts(
        texts, ["A", "B"], encode=lambda text: text.split(), decode=" ".join, around=18
    )
    (long_text,) = check.too_long["name"]
    assert (long_text.classname, long_text.num_tokens) == ("B", 98)
    assert long_text.cut.split() == words[CONTEXT_LENGTH - 18 :]
    fits = check_texts(
        {"name": [" ".join(words[:59])]}, ["B"], encode=str.split, decode=" ".join, around=18
    )
    assert fits.longest == {"name": CONTEXT_LENGTH} and fits.too_long == {"name": []}


@pytest.mark.parametrize(("absent", "word"), [(1, "it"), (2, "them")])
def test_a_finding_on_absent_classes_is_in_the_singular_or_the_plural(absent: int, word: str):
    positive = np.ones((2, 3), dtype=int)
    positive[:, :absent] = 0
    counts = {"val": count_classes(positive)}
    findings = label_findings([], counts, [], ["a", "b", "c"], [])
    assert findings[0].text.endswith(f"without a positive in val, so that metrics leave {word} out")
