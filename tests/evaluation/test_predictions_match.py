"""Matching predictions to a split by names, and bringing scores to the scale of probabilities."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UserError
from evaluation import Groups, f1_scores, mean_average_precision
from evaluation.predictions import (
    MatchedPredictions,
    Predictions,
    as_probabilities,
    match,
    read_predictions,
)

FOLDER = Path(os.environ.get("INTENTONOMY_ANNOTATIONS", ""))

IMAGES = ["low/a.jpg", "low/b.jpg", "low/c.v2.jpg"]
NAMES = ["Happy", "EnjoyLife", "Health"]
WORDS = ["happy", "enjoy life", "health"]
GROUPS = Groups(
    levels={
        "mid": {"joy": [0, 1], "health": [2], "body": [2]},
        "super": {"well-being": [0, 1, 2], "health": [2], "body": [1, 2]},
    }
)
SCORES = np.arange(9).reshape(3, 3) / 10


def matched(images=IMAGES, classes=NAMES, scores=SCORES, **options):
    return match(Predictions(scores, images, classes, "x.csv"), IMAGES, NAMES, **options)


def error_of(*args, **options):
    with pytest.raises(UserError) as caught:
        matched(*args, **options)
    message = str(caught.value)
    assert message.startswith("x.csv does not match the 3 images and 3 classes of the split: ")
    assert len(message.splitlines()) == 1
    return message


@given(st.permutations(range(3)), st.permutations(range(3)))
def test_any_order_of_rows_and_columns_gives_the_order_of_the_split(rows, columns):
    result = matched(
        [IMAGES[i] for i in rows], [NAMES[c] for c in columns], SCORES[rows][:, columns]
    )
    np.testing.assert_array_equal(result.scores, SCORES)
    assert not result.notes


@pytest.mark.parametrize(
    ("images", "note"),
    [
        (["./low/a.jpg", "./low/b.jpg", "low//c.v2.jpg"], "the last 2 parts"),
        (["/data/low/a.jpg", "/data/low/b.jpg", "/data/low/c.v2.jpg"], "the last 2 parts"),
        (["C:\\low\\a.jpg", "C:\\low\\b.jpg", "C:\\low\\c.v2.jpg"], "the last 2 parts"),
        (["a.jpg", "high/b.jpg", "c.v2.jpg"], "without folders"),
        (["a", "b.png", "c.v2"], "without folders and suffix"),
    ],
)
def test_images_are_matched_by_other_forms_of_their_names(images, note):
    result = matched(images)
    np.testing.assert_array_equal(result.scores, SCORES)
    (found,) = result.notes
    assert note in found


def test_a_form_that_makes_two_images_alike_is_not_used():
    images = ["train/1.jpg", "test/1.jpg"]
    scores = np.array([[0.1], [0.2]])
    result = match(Predictions(scores, ["/x/test/1.jpg", "/x/train/1.jpg"], None), images, ["A"])
    assert result.scores.tolist() == [[0.2], [0.1]]
    with pytest.raises(UserError, match=r"2 images are unknown: '1\.jpg', '1'"):
        match(Predictions(scores, ["1.jpg", "1"], None), images, ["A"])


def test_without_names_the_order_is_that_of_the_file_and_the_counts_must_agree():
    result = matched(None, None)
    np.testing.assert_array_equal(result.scores, SCORES)
    assert len(result.notes) == 2
    assert "there are 2 rows without image names; expected 3" in error_of(None, scores=SCORES[:2])
    message = error_of(classes=None, scores=SCORES[:, :2])
    assert "there are 2 columns without class names; expected 3" in message


def test_missing_doubled_and_unknown_images_are_named_together():
    message = error_of(["low/a.jpg", "low/a.jpg", "d.jpg"])
    assert "2 images are missing: 'low/b.jpg', 'low/c.v2.jpg'" in message
    assert "1 image is given twice: 'low/a.jpg'" in message
    assert "1 image is unknown: 'd.jpg'" in message


def test_missing_doubled_and_unknown_classes_are_named_together():
    message = error_of(classes=["Happy", "Happy", "Healt"])
    assert "2 classes are missing: 'EnjoyLife', 'Health'" in message
    assert "1 class is given twice: 'Happy'" in message
    assert "1 class is unknown: 'Healt'. Did you mean 'Health'?" in message


def test_faults_of_images_classes_and_scores_are_one_message():
    scores = SCORES.copy()
    scores[0, 1], scores[2, 2] = np.nan, np.inf
    message = error_of(["low/a.jpg", "low/b.jpg", "x\ny"], ["Happy", "EnjoyLife", "x"], scores)
    assert "1 image is unknown: 'x\\ny'" in message
    assert "1 class is unknown: 'x'" in message
    assert "2 scores are not finite or empty (image / class): 'low/a.jpg / EnjoyLife'" in message


def test_only_the_first_five_are_named():
    images = [f"{i}.jpg" for i in range(1007)]
    with pytest.raises(UserError) as caught:
        match(Predictions(np.zeros((1, 1)), ["0.jpg"], None), images, ["A"])
    assert "1,006 images are missing: '1.jpg', '2.jpg'" in str(caught.value)
    assert "'5.jpg' and 1,001 more" in str(caught.value)
    with pytest.raises(UserError) as caught:
        match(Predictions(np.full((1007, 1), np.nan), images, None), images, ["A"])
    assert "1,007 scores are not finite or empty" in str(caught.value)
    assert "'4.jpg / column 1' and 1,002 more" in str(caught.value)


def test_classes_are_matched_by_words_and_without_regard_to_case():
    result = matched(classes=["happy", "enjoy life", "health"], words=WORDS)
    np.testing.assert_array_equal(result.scores, SCORES)
    assert not result.notes
    result = matched(classes=["HAPPY", "Enjoy_Life", "health "], words=WORDS)
    np.testing.assert_array_equal(result.scores, SCORES)
    assert "without regard to case" in result.notes[0]


def test_words_of_two_classes_name_none():
    message = error_of(classes=["same", "EnjoyLife", "Health"], words=["same", "same", "health"])
    assert "1 class is missing: 'Happy'; 1 class is unknown: 'same'" in message


def test_columns_of_groups_are_scores_of_parents():
    scores = np.arange(18).reshape(3, 6) / 20
    classes = ["joy", "Happy", "EnjoyLife", "Health", "health", "super/body"]
    result = match(Predictions(scores, IMAGES, classes), IMAGES, NAMES, GROUPS, words=WORDS)
    np.testing.assert_array_equal(result.scores, scores[:, 1:4])
    assert {level: list(groups) for level, groups in result.parents.items()} == {
        "mid": ["joy", "health"],
        "super": ["health", "body"],
    }
    np.testing.assert_array_equal(result.parents["mid"]["joy"], scores[:, 0])
    # Both levels have the same classes below this name.
    np.testing.assert_array_equal(result.parents["mid"]["health"], scores[:, 4])
    np.testing.assert_array_equal(result.parents["super"]["health"], scores[:, 4])
    np.testing.assert_array_equal(result.parents["super"]["body"], scores[:, 5])


def test_a_class_wins_over_a_group_of_its_name():
    result = matched(classes=["Happy", "EnjoyLife", "health"], groups=GROUPS, words=WORDS)
    np.testing.assert_array_equal(result.scores, SCORES)
    assert not result.parents


def test_a_group_that_differs_between_levels_needs_its_level():
    scores = np.zeros((3, 4))
    with pytest.raises(UserError, match="1 class is unknown: 'body'"):
        match(Predictions(scores, IMAGES, [*NAMES, "body"]), IMAGES, NAMES, GROUPS)


# Scale --------------------------------------------------------------------------------------------


def test_scores_outside_0_to_1_need_the_flag():
    result = matched(scores=SCORES * 4 - 1)
    with pytest.raises(UserError) as caught:
        as_probabilities(result)
    message = str(caught.value)
    assert "x.csv: 6 of 9 scores are outside 0 to 1, such as -1 for image 'low/a.jpg'" in message
    assert "--logits" in message


def test_logits_become_probabilities():
    logits = np.array([[-1000.0, 0, 1000], [-2, 2, 20], [1, -30, 0.5]])
    result = as_probabilities(matched(scores=logits), logits=True)
    with np.errstate(over="ignore"):
        expected = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(result.scores, expected, rtol=1e-14)
    assert not result.notes


def test_doubtful_logits_are_said():
    assert "may be wrong" in as_probabilities(matched(), logits=True).notes[0]
    logits = np.array([[50.0, 60, 0], [1, 2, 3], [4, 5, 6]])
    assert "ranks tie" in as_probabilities(matched(scores=logits), logits=True).notes[0]


def test_probabilities_stay_as_they_are():
    result = matched()
    np.testing.assert_array_equal(as_probabilities(result).scores, result.scores)


def test_scores_of_groups_have_the_same_scale():
    parents = {"mid": {"joy": np.array([0.5, -2.0, 0.5])}}
    result = MatchedPredictions(SCORES, parents, source="x.csv")
    with pytest.raises(UserError, match=r"x\.csv: 'joy' \(mid\) has scores outside 0 to 1"):
        as_probabilities(result)
    scaled = as_probabilities(result, logits=True)
    assert scaled.parents["mid"]["joy"][1] == pytest.approx(1 / (1 + np.exp(2)))


# Real scores --------------------------------------------------------------------------------------


@pytest.mark.skipif(
    not (FOLDER / "real_test_scores.npz").is_file(),
    reason="INTENTONOMY_ANNOTATIONS does not name a folder with annotations and real scores",
)
def test_real_scores_give_the_known_numbers():
    content = json.loads((FOLDER / "intentonomy_test2020.json").read_text())
    filenames = {image["id"]: image["filename"] for image in content["images"]}
    images = [filenames[entry["image_id"]] for entry in content["annotations"]]
    names = [row["name"] for row in sorted(content["categories"], key=lambda row: row["id"])]
    labels = np.zeros((len(images), len(names)))
    for row, entry in zip(labels, content["annotations"], strict=True):
        row[entry["category_ids"]] = 1
    result = match(read_predictions(FOLDER / "real_test_scores.npz"), images, names)
    assert 100 * mean_average_precision(result.scores, labels) == pytest.approx(47.10, abs=0.005)
    f1 = f1_scores(result.scores > 0.35, labels)
    found = [100 * f1[name] for name in ("macro", "micro", "samples")]
    assert found == pytest.approx([42.476, 53.781, 54.015], abs=0.0005)


def test_probabilities_that_rounding_carried_over_one_are_one():
    matched = MatchedPredictions(
        scores=np.array([[1.0000001, -1e-8, 0.5]]),
        parents={},
        notes=[],
        images=["a"],
        names=["x", "y", "z"],
        source="f.csv",
    )
    assert as_probabilities(matched).scores.tolist() == [[1.0, 0.0, 0.5]]
    with pytest.raises(UserError, match="--logits"):
        as_probabilities(replace(matched, scores=matched.scores + 1e-5))
