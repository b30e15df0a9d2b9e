"""Emotion6: columns by name, six and seven classes, folder and argmax, folds, faults."""

import logging
from pathlib import Path

import numpy as np
import pytest

from tests.datasets.emotion_files import build, by_name, class_of, classes, fault, touch

HEADER = (
    "[image_filename]\t[valence]\t[arousal]\t[prob. anger]\t[prob. disgust]\t[prob. fear]\t"
    "[prob. joy]\t[prob. sadness]\t[prob. surprise]\t[prob. neutral]"
)
EMOTIONS = ("anger", "disgust", "fear", "joy", "sadness", "surprise")
# image -> anger, disgust, fear, joy, sadness, surprise, neutral
SPECIAL = {
    "anger/1.jpg": [0.1, 0, 0, 0.5, 0, 0, 0.4],  # argmax joy, not the folder
    "fear/1.jpg": [0, 0.4, 0.4, 0, 0, 0, 0.2],  # tie of disgust and fear: the folder's
    "joy/1.jpg": [0, 0, 0, 0.2, 0, 0.1, 0.7],  # neutral with seven classes
}


def rows_of(count: int = 4) -> dict[str, list[float]]:
    rows = {}
    for c, emotion in enumerate(EMOTIONS):
        for i in range(1, count + 1):
            probabilities = [0.0] * 7
            probabilities[c] = 0.75
            probabilities[6] = 0.25
            rows[f"{emotion}/{i}.jpg"] = probabilities
    return rows | SPECIAL


def write(root: Path, rows: dict[str, list[float]], *, header: str = HEADER) -> None:
    """Write the official layout; the columns follow the header."""
    names = [name.strip("[]").removeprefix("prob. ") for name in header.split("\t")]
    lines = [header]
    for image, probabilities in rows.items():
        values = dict(zip((*EMOTIONS, "neutral"), probabilities, strict=True))
        values |= {"valence": 4.8, "arousal": 5.2, "image_filename": image}
        lines.append("\t".join(str(values[name]) for name in names))
    (root / "ground_truth.txt").write_bytes(("\ufeff" + "\r\n".join(lines) + "\r\n").encode())
    touch(root, [f"images/{image}" for image in rows])


def test_the_class_is_the_folder_and_the_votes_are_renormalised(cfg, tmp_path: Path) -> None:
    rows = rows_of()
    write(tmp_path, rows)
    dataset = build(cfg, tmp_path, "Emotion6")
    assert dataset.classnames == list(EMOTIONS)
    assert classes(dataset) == {f"images/{image}": image.split("/")[0] for image in rows}
    for name, record in by_name(dataset).items():
        six = np.array(rows[name.removeprefix("images/")][:6])
        np.testing.assert_allclose(record.votes, six / six.sum(), rtol=1e-6)


def test_columns_are_found_by_name(cfg, tmp_path: Path) -> None:
    names = HEADER.split("\t")
    write(tmp_path, rows_of(), header="\t".join([names[0], *names[:0:-1]]))
    votes = by_name(build(cfg, tmp_path, "Emotion6"))["images/anger/1.jpg"].votes
    np.testing.assert_allclose(votes, [1 / 6, 0, 0, 5 / 6, 0, 0], rtol=1e-6)


def test_argmax_and_seven_classes(cfg, tmp_path: Path) -> None:
    write(tmp_path, rows_of())
    six = classes(build(cfg, tmp_path, "Emotion6", EMOTION6_HARD="argmax"))
    special = [f"images/{image}" for image in SPECIAL]
    assert [six[name] for name in special] == ["joy", "fear", "joy"]
    dataset = build(cfg, tmp_path, "Emotion6", EMOTION6_HARD="argmax", EMOTION6_CLASSES=7)
    seven = classes(dataset)
    assert [seven[name] for name in special] == ["joy", "fear", "neutral"]
    assert dataset.classnames == [*EMOTIONS, "neutral"]
    votes = by_name(dataset)["images/joy/1.jpg"].votes
    np.testing.assert_allclose(votes, SPECIAL["joy/1.jpg"], rtol=1e-6)


def test_soft_targets_are_of_train_alone(cfg, tmp_path: Path) -> None:
    write(tmp_path, rows_of())
    dataset = build(cfg, tmp_path, "Emotion6", TARGETS="soft", EMOTION6_CLASSES=7)
    for record in dataset.train_x:
        np.testing.assert_array_equal(record.label, record.votes)
    for record in (*dataset.val, *dataset.test):
        assert class_of(dataset, record) == record.classname == record.name.split("/")[1]


def test_every_image_is_in_test_of_one_fold(cfg, tmp_path: Path) -> None:
    rows = rows_of()
    write(tmp_path, rows)
    tested: list[str] = []
    for fold in range(5):
        dataset = build(cfg, tmp_path, "Emotion6", FOLD=fold)
        names = [{record.name for record in split} for split in (dataset.train_x, dataset.val)]
        test = {record.name for record in dataset.test}
        assert not test & names[0] and not test & names[1] and not names[0] & names[1]
        tested += test
    assert sorted(tested) == sorted(f"images/{image}" for image in rows)


def test_an_image_that_is_neutral_alone_is_left_out_of_six_classes(
    cfg, tmp_path: Path, caplog
) -> None:
    write(tmp_path, rows_of() | {"joy/2.jpg": [0, 0, 0, 0, 0, 0, 1]})
    with caplog.at_level(logging.WARNING):
        assert "images/joy/2.jpg" not in by_name(build(cfg, tmp_path, "Emotion6"))
    assert "1 images are neutral alone and are left out" in caplog.text
    dataset = build(cfg, tmp_path, "Emotion6", EMOTION6_CLASSES=7, EMOTION6_HARD="argmax")
    assert classes(dataset)["images/joy/2.jpg"] == "neutral"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "is empty"),
        ("anger/1.jpg 1 2 1 0 0 0 0 0 0", "line 1 is 'anger/1.jpg 1 2 1 0 0 0 0 0 0'; expected"),
        (HEADER.replace("joy", "happy"), "line 1: no column of 'joy' in the header"),
        (HEADER.replace("joy", "fear"), "line 1: two columns of 'fear' in the header"),
        (f"{HEADER}\nanger/1.jpg 1 2 1 0", "line 2 has 5 cells; expected 10"),
        (f"{HEADER}\nanger/1.jpg 1 2 1 0 0 0 0 0 x", "line 2: 'x' is no number of votes"),
        (f"{HEADER}\nanger/1.jpg 1 2 5 0 0 0 0 0 0", "line 2: the probabilities sum to 5.000"),
        (f"{HEADER}\n\nangr/1.jpg 1 2 1 0 0 0 0 0 0", "line 3: emotion is 'angr'; accepted"),
        (f"{HEADER}\n1.jpg 1 2 1 0 0 0 0 0 0", "'1.jpg' has no folder"),
        (f"{HEADER}\nanger/1.jpg 1 2 -1 0 0 0 0 1 1", "'-1' is no number of votes"),
        (f"{HEADER}\nanger/1.jpg 1 2 0 0 0 0 0 0 0", "all votes are 0"),
        (f"{HEADER}\n" + "anger/1.jpg 1 2 1 0 0 0 0 0 0\n" * 2, "is listed twice"),
        (f"{HEADER}\nanger/1.jpg 1 2 1 0 0 0 0 0 0", "1 images cannot be divided into 5 folds"),
        (f"{HEADER}\nanger/9.jpg 1 2 1 0 0 0 0 0 0", "missing below"),
    ],
)
def test_faults(cfg, tmp_path: Path, text, expected) -> None:
    touch(tmp_path, ["images/anger/1.jpg"])
    (tmp_path / "ground_truth.txt").write_text(text)
    assert expected in fault(cfg, tmp_path, "Emotion6")
