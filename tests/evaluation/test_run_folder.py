"""Reading finished runs: metrics, scores, logs of other projects, and broken files."""

import json

import numpy as np
import pytest

from core.errors import UserError
from evaluation.comparison.run_folder import common_split, read_log, read_run, read_scores

from .run_folders import CLASSES, NUM_TEST, make_run

LOG = """\
epoch [50/50] batch [5/5] loss 1.0
Finish training
Deploy the model with the best val performance
Evaluate on the *val* set
=> result
* total: 80
* mAP: 41.50%
Evaluate on the *test* set
=> result
* total: 1,217
* correct: 870
* accuracy: 71.2%
* error: 28.8%
* macro_f1: 7.01e+01%
Elapsed: 0:12:34
"""


def test_a_run_has_metrics_scores_and_card(tmp_path):
    run = read_run(make_run(tmp_path / "A"))
    assert list(run.metrics) == ["val", "test"]
    assert run.metrics["test"]["threshold"] == run.metrics["val"]["threshold"]
    assert run.config["MODEL"]["BACKBONE"]["NAME"] == "RN101"
    assert run.has_scores("test") and not run.has_scores("train")
    saved = run.scores("test")
    assert saved.scores.shape == saved.labels.shape == (NUM_TEST, len(CLASSES))
    assert saved.images[0] == "low/test0000.jpg"
    assert saved.classes == list(CLASSES)


def test_a_folder_of_an_earlier_version_has_metrics_alone():
    run = read_run("tests/golden/earlier_version/IntCLIP")
    assert run.metrics["test"]["mAP"] > 0
    assert not run.config and not run.rule and not run.has_scores("test")


def test_null_in_metrics_is_nan(tmp_path):
    (tmp_path / "metrics.json").write_text('{"test": {"mAP": null, "macro_f1": 3}}')
    metrics = read_run(tmp_path).metrics["test"]
    assert np.isnan(metrics["mAP"]) and metrics["macro_f1"] == 3.0


def test_the_last_block_of_each_split_of_a_log_counts(tmp_path):
    path = tmp_path / "log.txt"
    path.write_text(LOG.replace("41.50", "1.00") + LOG)
    expected = {
        "val": {"mAP": 41.5},
        "test": {"accuracy": 71.2, "error": 28.8, "macro_f1": 70.1},
    }
    assert read_log(path) == expected
    assert read_run(tmp_path).metrics == expected
    assert read_run(path).metrics == expected


def test_a_log_that_names_no_split_is_of_test(tmp_path):
    path = tmp_path / "log.txt"
    path.write_text("[12/01 10:00:00] => result\r\n* accuracy: 50.0%\r\n")
    assert read_log(path) == {"test": {"accuracy": 50.0}}


def test_metrics_win_over_the_log(tmp_path):
    folder = make_run(tmp_path / "A")
    (folder / "log.txt").write_text(LOG)
    assert "accuracy" not in read_run(folder).metrics["test"]


def test_runs_are_compared_on_the_split_that_all_have(tmp_path):
    both = read_run(make_run(tmp_path / "A"))
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "metrics.json").write_text('{"val": {"mAP": 1}}')
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "metrics.json").write_text('{"test": {"mAP": 1}}')
    val, test = read_run(tmp_path / "v"), read_run(tmp_path / "t")
    assert common_split([both, both]) == "test"
    assert common_split([both, val]) == "val"
    with pytest.raises(UserError, match=r"no split in common.*has val.*has test"):
        common_split([val, test])


@pytest.mark.parametrize(
    "name, text, fault",
    [
        ("metrics.json", "{", "is not valid JSON"),
        ("metrics.json", "{}", "is not the result of a run"),
        ("metrics.json", '{"model": "epoch 2"}', "is not the result of a run"),
        ("metrics.json", "[1]", "holds no JSON object"),
        ("log.txt", "Finish training\n", "has no result"),
        ("log.txt", "=> result\n* total: 12\n", "has no result"),
        ("readme", "", "has no metrics.json and no log.txt"),
    ],
)
def test_a_folder_without_a_result_is_one_line(tmp_path, name, text, fault):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError) as caught:
        read_run(tmp_path)
    assert fault in str(caught.value) and "\n" not in str(caught.value)


def test_a_broken_run_card_is_an_error(tmp_path):
    folder = make_run(tmp_path / "A")
    (folder / "run.json").write_text("{")
    with pytest.raises(UserError, match=r"run\.json is not valid JSON"):
        read_run(folder)


def arrays():
    scores = np.full((3, 2), 0.5)
    labels = np.zeros((3, 2))
    return {"scores": scores, "labels": labels, "images": ["a", "b", "c"], "classes": ["x", "y"]}


@pytest.mark.parametrize(
    "changes, fault",
    [
        ({"labels": None}, "has no array 'labels'"),
        ({"images": None, "classes": None}, "has no array 'images', 'classes'"),
        ({"images": ["a"]}, "'images' has 1 names; expected 3, as in 'scores'"),
        ({"images": "a"}, r"'images' is <U1 \(\); expected text"),
        ({"classes": [b"x", b"\xff"]}, "'classes' is not text in UTF-8"),
        ({"labels": np.zeros((3, 1))}, r"'labels' is float64 \(3, 1\)"),
        ({"scores": np.zeros(3), "labels": np.zeros(3)}, r"'scores' is float64 \(3,\)"),
        ({"scores": np.full((3, 2), np.nan)}, "a score is NaN or infinite"),
        ({"scores": np.full((3, 2), "x")}, "expected numbers"),
        ({"classes": np.array(["x", None], dtype=object)}, "holds pickled objects"),
    ],
)
def test_broken_scores_are_one_line(tmp_path, changes, fault):
    content = {name: value for name, value in (arrays() | changes).items() if value is not None}
    np.savez(tmp_path / "s.npz", **content)
    with pytest.raises(UserError, match=fault):
        read_scores(tmp_path / "s.npz")


def test_scores_that_are_no_archive_are_one_line(tmp_path):
    path = tmp_path / "s.npz"
    with pytest.raises(UserError, match="No such file"):
        read_scores(path)
    path.write_text(json.dumps({}))
    with pytest.raises(UserError, match="is no archive"):
        read_scores(path)
    path.write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(UserError, match="cannot read"):
        read_scores(path)
    np.save(tmp_path / "s.npy", np.zeros(3))
    with pytest.raises(UserError, match="is a single array"):
        read_scores(tmp_path / "s.npy")


def test_every_byte_of_compressed_scores_may_be_damaged(tmp_path):
    path = tmp_path / "s.npz"
    np.savez_compressed(path, **arrays())
    content = path.read_bytes()
    errors = 0
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            read_scores(path)
        except UserError as error:
            assert len(str(error).splitlines()) == 1
            errors += 1
    assert errors > len(content) / 2
