"""Votes from one export of CVAT per annotator."""

import logging

import pytest

from tests.datasets.own.conftest import labels_of


def cvat_export(**tags):
    body = "".join(
        f'<image name="{name}.jpg">{"".join(f"<tag label={label!r}/>" for label in labels)}</image>'
        for name, labels in tags.items()
    )
    declared = "".join(f"<label><name>{name}</name></label>" for name in ("joy", "calm"))
    meta = f"<meta><task><labels>{declared}</labels></task></meta>"
    return f"<annotations>{meta}{body}</annotations>"


@pytest.mark.parametrize("name", ["votes/{}.xml", "votes/{}/annotations.xml"])
def test_cvat_exports_of_annotators_are_votes(write, load, draw, tmp_path, caplog, name):
    write(name.format("ann"), cvat_export(a=["joy", "calm"], b=["calm"], c=[]))
    write(name.format("ben"), cvat_export(a=["joy"], b=["calm"]))
    write("votes/._ben.xml", b"\0")
    draw("images/a.jpg", "images/b.jpg", "images/c.jpg")
    for policy, target in (("any", [1, 1]), ("majority", [1, 0]), ("soft", [1, 0.5])):
        with caplog.at_level(logging.INFO):
            dataset = load(FILE="votes", LABEL_POLICY=policy, images=True)
        assert dataset.classnames == ["joy", "calm"]
        labels = [record.label.tolist() for record in dataset.train_x]
        assert labels == [target, [0, 1], [0, 0]]
        votes = [record.votes.tolist() for record in dataset.train_x]
        assert votes == [[1, 0.5], [0, 1], [0, 0]]
        assert dataset.train_x[0].impath == str(tmp_path / "images/a.jpg")
    assert "ann.xml" in caplog.text or "ann/annotations.xml" in caplog.text
    assert "the labels of annotator ben" in caplog.text


def test_cvat_exports_of_different_images_are_parts_without_votes(write, load):
    write("parts/1.xml", cvat_export(a=["joy"]))
    write("parts/2.xml", cvat_export(b=["calm"]))
    dataset = load(FILE="parts")
    assert labels_of(dataset) == {"a.jpg": {"joy"}, "b.jpg": {"calm"}}
    assert [record.votes for record in dataset.train_x] == [None, None]
