"""Forms of predictions files that other programs write: other keys, headings and first lines."""

import json
import os

import numpy as np
import pytest

from core.errors import UserError
from evaluation.predictions import read_predictions

IMAGES = ["low/a.jpg", "low/b.jpg"]
CLASSES = ["Happy", "attractive, fastidious"]
SCORES = np.array([[0.25, 1e-7], [1.0, 1 / 3]])


@pytest.mark.parametrize("images", ["filenames", "image", "names", "file_name"])
@pytest.mark.parametrize("classes", ["class_names", "classnames"])
def test_names_of_an_archive_may_have_another_key(tmp_path, images, classes):
    np.savez(tmp_path / "x.npz", scores=SCORES, **{images: IMAGES, classes: CLASSES})
    found = read_predictions(tmp_path / "x.npz")
    assert list(found.images) == list(IMAGES) and list(found.classes) == list(CLASSES)


def test_two_arrays_of_names_are_an_error(tmp_path):
    np.savez(tmp_path / "x.npz", scores=SCORES, images=IMAGES, filenames=IMAGES)
    with pytest.raises(UserError, match="'images', 'filenames' have the same meaning"):
        read_predictions(tmp_path / "x.npz")


def test_arrays_that_are_not_read_are_known(tmp_path):
    np.savez(tmp_path / "x.npz", scores=SCORES, who=IMAGES, labels=np.zeros_like(SCORES))
    found = read_predictions(tmp_path / "x.npz")
    assert found.left_out == ["who"] and found.labels.shape == SCORES.shape


def test_json_lines_may_list_their_classes(tmp_path):
    lines = []
    for image, row in zip(IMAGES, SCORES, strict=True):
        order = np.random.default_rng(len(lines)).permutation(len(CLASSES))
        entry = {"image": image, "classes": [CLASSES[c] for c in order]}
        lines.append(json.dumps({**entry, "scores": [float(row[c]) for c in order]}))
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(lines))
    found = read_predictions(path)
    order = [list(found.classes).index(name) for name in CLASSES]
    np.testing.assert_array_equal(found.scores[:, order], SCORES)
    path.write_text('{"image": "a", "classes": ["x"], "scores": [0.5, 0.5]}')
    with pytest.raises(UserError, match="line 1 has 2 scores and 1 classes"):
        read_predictions(path)


def test_excels_line_of_the_separator_is_skipped(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("sep=;\nimage;Happy;Sad\na;0,5;0,25\n")
    found = read_predictions(path)
    assert found.scores.tolist() == [[0.5, 0.25]] and list(found.classes) == ["Happy", "Sad"]
    path.write_text("sep=;\nimage;Happy;Sad\na;0,5\n")
    with pytest.raises(UserError, match="line 3 has 2 cells"):
        read_predictions(path)


def test_scores_in_place_of_image_names_are_named(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("Happy,Sad\n0.5,0.25\n0.125,0.75\n")
    with pytest.raises(UserError, match="column 'Happy' has scores in place of image names"):
        read_predictions(path)
    path.write_text("id,Sad\n17,0.25\n18,0.75\n")
    assert list(read_predictions(path).images) == ["17", "18"]
    path.write_text("image,Sad\n1.5,0.25\n2.5,0.75\n")
    assert list(read_predictions(path).images) == ["1.5", "2.5"]


@pytest.mark.parametrize("key", ["scores", "probabilities", "probs"])
def test_a_list_of_scores_may_have_another_key(tmp_path, key):
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"image_id": "a", key: [0.5, 0.25]}))
    found = read_predictions(path)
    assert found.scores.tolist() == [[0.5, 0.25]] and list(found.images) == ["a"]


def test_a_pipe_is_not_waited_for(tmp_path):
    path = tmp_path / "x.csv"
    os.mkfifo(path)
    with pytest.raises(UserError, match=r"x.csv: it is no regular file"):
        read_predictions(path)
