"""Abstract: quoted names, votes by column name, ties, folds, faults."""

import logging
from pathlib import Path

import numpy as np
import pytest

from tests.datasets.emotion_files import build, by_name, class_of, classes, fault, touch

HEADER = ",'Amusement','Anger','Awe','Content','Disgust','Excitement','Fear','Sad'"
NAMES = ("amusement", "anger", "awe", "contentment", "disgust", "excitement", "fear", "sadness")
TIES = {"abstract_0090.jpg": [5, 5, 0, 0, 0, 0, 0, 0], "abstract_0091.jpg": [1] * 8}


def counts() -> dict[str, list[int]]:
    """Return 24 images, three of each emotion, and two with a tie."""
    rows = {}
    for i in range(24):
        votes = [1] * 8
        votes[i % 8] = 7
        rows[f"abstract_{i:04d}.jpg"] = votes
    return rows | TIES


def write(root: Path, folder: str = "testImages_abstract/", *, header: str = HEADER) -> None:
    order = [name.strip("'") for name in header.split(",")[1:]]
    short = dict(zip(NAMES, HEADER.replace("'", "").split(",")[1:], strict=True))
    lines = [header]
    for image, votes in counts().items():
        values = {short[name]: str(vote) for name, vote in zip(NAMES, votes, strict=True)}
        lines.append(f"'{image}'," + ",".join(values[name] for name in order))
    touch(root, [f"{folder}{image}" for image in counts()])
    (root / folder / "ABSTRACT_groundTruth.csv").write_bytes("\r\n".join(lines).encode())


@pytest.mark.parametrize("folder", ["testImages_abstract/", ""])
def test_most_votes_are_the_class_and_ties_are_left_out(
    cfg, tmp_path: Path, caplog, folder: str
) -> None:
    write(tmp_path, folder)
    with caplog.at_level(logging.INFO):
        dataset = build(cfg, tmp_path, "Abstract")
    expected = {}
    for i in range(24):
        expected[f"{folder}abstract_{i:04d}.jpg"] = NAMES[i % 8]
    assert classes(dataset) == expected
    assert "2 of 26 images have several emotions with most votes" in caplog.text
    assert "Abstract without ties has 24 images; the published one has 228" in caplog.text
    votes = by_name(dataset)[f"{folder}abstract_0003.jpg"].votes
    np.testing.assert_allclose(votes, np.array([1, 1, 1, 7, 1, 1, 1, 1]) / 14, rtol=1e-6)


def test_columns_are_found_by_name_and_may_lack_a_header(cfg, tmp_path: Path) -> None:
    write(
        tmp_path, header=",'Sad','Fear','Excitement','Disgust','Content','Awe','Anger','Amusement'"
    )
    turned = classes(build(cfg, tmp_path, "Abstract"))
    write(tmp_path)
    official = classes(build(cfg, tmp_path, "Abstract"))
    file = tmp_path / "testImages_abstract/ABSTRACT_groundTruth.csv"
    file.write_text(file.read_text().replace(HEADER, ""))
    assert turned == official == classes(build(cfg, tmp_path, "Abstract"))


def test_ties_can_be_used_in_train_and_nowhere_else(cfg, tmp_path: Path) -> None:
    write(tmp_path)
    without = build(cfg, tmp_path, "Abstract", TARGETS="soft")
    dataset = build(cfg, tmp_path, "Abstract", TIES="train")
    for split in ("val", "test"):
        names = [[record.name for record in getattr(d, split)] for d in (without, dataset)]
        assert names[0] == names[1]
        for record in getattr(dataset, split):
            assert class_of(dataset, record) == record.classname
    added = dataset.train_x[len(without.train_x) :]
    assert [record.name.split("/")[1] for record in added] == list(TIES)
    np.testing.assert_allclose(added[0].label, [0.5, 0.5, 0, 0, 0, 0, 0, 0])


def test_ties_in_train_need_soft_targets(cfg, tmp_path: Path) -> None:
    write(tmp_path)
    assert "needs DATASET.TARGETS soft" in fault(cfg, tmp_path, "Abstract", TIES="train")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\n", "is empty"),
        (HEADER.replace("'Sad'", "'Joy'"), "line 1: no column of 'sadness' in the header"),
        (f"{HEADER}\n'a.jpg',1,2,3", "line 2 has 4 cells; expected a name and 8 votes"),
        (f"{HEADER}\n\n'a.jpg',1,2,3,4,5,6,7,x", "line 3: 'x' is no number of votes"),
        (f"{HEADER}\n'a.jpg,1,0,0,0,0,0,0,0\n'b.jpg',1,0,0,0,0,0,0,0", "line 2 has 1 cells"),
        (f"{HEADER}\n'a.jpg',0,0,0,0,0,0,0,0", "line 2: all votes are 0"),
        (f"{HEADER}\n'',0,0,0,0,0,0,0,1", "line 2 has no name of an image"),
        (f"{HEADER}\n'a.jpg',1,1,0,0,0,0,0,0", "no image with one strongest emotion"),
        (f"{HEADER}\n" + "'a.jpg',1,2,0,0,0,0,0,0\n" * 2, "image 'a.jpg' is listed twice"),
        (f"{HEADER}\n'b.jpg',1,2,0,0,0,0,0,0", "1 image is missing below"),
    ],
)
def test_faults(cfg, tmp_path: Path, text, expected) -> None:
    touch(tmp_path, ["a.jpg"])
    (tmp_path / "ABSTRACT_groundTruth.csv").write_text(text)
    assert expected in fault(cfg, tmp_path, "Abstract")


def test_the_file_is_looked_for_in_both_places(cfg, tmp_path: Path) -> None:
    message = fault(cfg, tmp_path, "Abstract")
    assert "expected testImages_abstract/ABSTRACT_groundTruth.csv or ABSTRACT_groundTruth.csv" in (
        message
    )
