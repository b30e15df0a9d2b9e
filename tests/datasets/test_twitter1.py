"""Twitter I: the lists of agreement, votes in either order, folds, faults."""

import logging
from pathlib import Path

import numpy as np
import pytest

from tests.datasets.emotion_files import build, by_name, classes, fault, touch

FOLDER = "Agg_AMT_Candidates"
# image -> negative and positive votes of five annotators
VOTES = {f"{i}.jpg": (i % 6, 5 - i % 6) for i in range(24)}


def write(root: Path, *, pattern: str = "{}_agree.txt", end: str = "\n") -> None:
    for number, word in ((3, "three"), (4, "four"), (5, "five")):
        lines = []
        for image, (negative, positive) in VOTES.items():
            if max(negative, positive) >= number:
                lines.append(f"{image} {int(positive > negative)}")
        (root / pattern.format(word)).write_bytes(end.join(lines).encode())
    touch(root, [f"{FOLDER}/{image}" for image in VOTES])


@pytest.mark.parametrize(
    ("pattern", "end"), [("{}_agree.txt", "\n"), ("twitter_{}_agrees.txt", "\r\n")]
)
def test_one_is_positive(cfg, tmp_path: Path, pattern: str, end: str) -> None:
    write(tmp_path, pattern=pattern, end=end)
    expected = {}
    for image, (negative, positive) in VOTES.items():
        expected[f"{FOLDER}/{image}"] = "positive" if positive > negative else "negative"
    dataset = build(cfg, tmp_path, "TwitterI")
    assert classes(dataset) == expected
    assert dataset.classnames == ["negative", "positive"]
    assert dataset.train_x[0].votes is None


def test_agreement_selects_the_list(cfg, tmp_path: Path) -> None:
    write(tmp_path)
    sizes = []
    for agreement in ("three", "four", "five"):
        sizes.append(len(by_name(build(cfg, tmp_path, "TwitterI", AGREEMENT=agreement))))
    assert sizes == [24, 16, 8]


def write_votes(root: Path, header: str, *, positive_first: bool) -> None:
    lines = [header] if header else []
    for image, (negative, positive) in VOTES.items():
        pair = (positive, negative) if positive_first else (negative, positive)
        lines.append(f"{image},5,{pair[0]},{pair[1]}")
    (root / "amt_result.csv").write_text("\n".join(lines))


@pytest.mark.parametrize(
    ("header", "positive_first", "logged"),
    [
        ("", False, "the first count is of negative votes: so 24 of 24 labels agree"),
        ("image,votes,a,b", True, "the first count is of positive votes: so 24 of 24 labels agree"),
        ("image,votes,Positive,Negative", True, ""),
        ("image,votes,'negative','positive'", False, ""),
    ],
)
def test_votes_are_read_in_either_order(
    cfg, tmp_path: Path, caplog, header, positive_first, logged
) -> None:
    write(tmp_path)
    write_votes(tmp_path, header, positive_first=positive_first)
    with caplog.at_level(logging.INFO):
        dataset = build(cfg, tmp_path, "TwitterI", TARGETS="soft")
    assert ("labels agree" in caplog.text) == bool(logged) and logged in caplog.text
    for name, record in by_name(dataset).items():
        shares = np.array(VOTES[name.split("/")[1]]) / 5
        np.testing.assert_allclose(record.votes, shares, rtol=1e-6)
    for record in dataset.train_x:
        np.testing.assert_array_equal(record.label, record.votes)
    for record in dataset.test:
        assert sorted(record.label.tolist()) == [0, 1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "is empty"),
        ("1.jpg", "line 1 is '1.jpg'; expected <image> 0 or <image> 1"),
        ("1.jpg 1\n\n2.jpg 2", "line 3: the label is '2'; accepted: 0, 1"),
        ("1.jpg 1\n1.jpg 0", "line 2: image '1.jpg' is listed twice"),
        ("gone.jpg 1", "1 images cannot be divided"),
        ("\n".join(f"{i}.gif 1" for i in range(9)), "9 images are missing below"),
    ],
)
def test_faults_of_a_list(cfg, tmp_path: Path, text, expected) -> None:
    write(tmp_path)
    if text == "gone.jpg 1":
        touch(tmp_path, [f"{FOLDER}/gone.jpg"])
    (tmp_path / "three_agree.txt").write_text(text)
    assert expected in fault(cfg, tmp_path, "TwitterI")


def test_faults_of_files(cfg, tmp_path: Path) -> None:
    message = fault(cfg, tmp_path, "TwitterI")
    assert "expected three_agree.txt or twitter_three_agrees.txt" in message
    write(tmp_path)
    (tmp_path / "amt_result.csv").write_text("name,n,a,b\n1.jpg,5,4")
    assert "amt_result.csv: line 2 has 3 cells" in fault(cfg, tmp_path, "TwitterI")
    (tmp_path / "amt_result.csv").write_text('name,n,a,b\n"1.jpg,5,4,1\n2.jpg,5,5,0\n')
    assert "amt_result.csv: line 2 has 1 cells" in fault(cfg, tmp_path, "TwitterI")
    (tmp_path / "amt_result.csv").write_text("name,n,a,b\n1.jpg,5,4,x")
    assert "line 2: 'x' is no number of votes" in fault(cfg, tmp_path, "TwitterI")
