"""The evaluation of predictions of any model: files, thresholds, one line for a mistake."""

import json
import shutil

import numpy as np
import pytest

from core.config import get_cfg_default
from datasets import build_annotations
from evaluation import write_rule
from evaluation.rules import GlobalThreshold, PerClassThresholds
from tools import evaluate_predictions, reproduce

QUICK = ["TEST.BOOTSTRAP", "0", "TEST.REPORT", "False"]


@pytest.fixture(scope="module")
def annotations(scenes_root, tmp_path_factory):
    """Return a root that has the annotation files of val and test, and no image."""
    root = tmp_path_factory.mktemp("annotations")
    for split in ("val", "test"):
        name = f"annotations/intentonomy_{split}2020.json"
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(scenes_root / name, root / name)
    return root


@pytest.fixture(scope="module")
def dataset(annotations):
    cfg = get_cfg_default()
    cfg.DATASET.NAME, cfg.DATASET.HIERARCHY = "Intentonomy", "scenes"
    cfg.DATASET.ROOT = str(annotations)
    return build_annotations(cfg)


@pytest.fixture
def write(dataset, tmp_path):
    """Return a function that writes scores near the labels of a split and returns the path."""

    def write(split, **changes):
        records = getattr(dataset, split)
        labels = np.stack([record.label for record in records])
        noise = np.random.default_rng(0).random(labels.shape)
        arrays = {
            "scores": 0.5 * labels + 0.5 * noise,
            "images": [record.name for record in records],
            "classes": dataset.classnames,
        }
        path = tmp_path / f"{split}.npz"
        np.savez(path, **(arrays | changes))
        return path

    return write


@pytest.fixture
def evaluate(annotations, tmp_path):
    """Return a function that runs the tool; it returns the exit status."""

    def evaluate(*args):
        flags = ["--root", str(annotations), "--output-dir", str(tmp_path / "out")]
        flags += ["--dataset-config-file", "configs/datasets/scenes.yaml"]
        return evaluate_predictions.main([*map(str, args), *flags, *QUICK])

    return evaluate


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_val_tunes_the_threshold_of_test(write, evaluate, tmp_path):
    assert evaluate(write("test"), "--val", write("val")) == 0
    metrics = read(tmp_path / "out" / "metrics.json")
    assert metrics["model"] == "predictions of test.npz"
    assert metrics["test"]["threshold"] == metrics["val"]["threshold"]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names >= {"rule.json", "scores_val.npz", "scores_test.npz", "per_class.csv", "log.txt"}


def test_without_val_the_threshold_is_one_half_and_the_output_says_so(
    write, evaluate, tmp_path, capsys
):
    assert evaluate(write("test")) == 0
    metrics = read(tmp_path / "out" / "metrics.json")
    assert "val" not in metrics and metrics["test"]["threshold"] == 0.5
    assert metrics["test"]["macro_f1"] == metrics["test"]["macro_f1@0.5"]
    assert "the threshold is 0.5 and not tuned" in capsys.readouterr().out
    assert "not tuned" in (tmp_path / "out" / "log.txt").read_text()


def test_a_given_threshold_is_used_without_val(write, evaluate, tmp_path, capsys):
    assert evaluate(write("test"), "--threshold", "0.35") == 0
    assert read(tmp_path / "out" / "metrics.json")["test"]["threshold"] == 0.35
    assert "the given 0.35, not tuned here" in capsys.readouterr().out


def test_order_of_rows_and_columns_does_not_matter(write, evaluate, dataset, tmp_path):
    assert evaluate(write("test")) == 0
    first = (tmp_path / "out" / "metrics.json").read_bytes()
    content = np.load(tmp_path / "test.npz")
    reversed_order = {
        "scores": content["scores"][::-1, ::-1],
        "images": content["images"][::-1],
        "classes": content["classes"][::-1],
    }
    assert evaluate(write("test", **reversed_order)) == 0
    assert (tmp_path / "out" / "metrics.json").read_bytes() == first


def test_scores_that_the_tool_writes_are_predictions_again(write, evaluate, tmp_path):
    assert evaluate(write("test")) == 0
    first = read(tmp_path / "out" / "metrics.json")
    shutil.move(tmp_path / "out" / "scores_test.npz", tmp_path / "again.npz")
    assert evaluate(tmp_path / "again.npz") == 0
    assert read(tmp_path / "out" / "metrics.json")["test"] == first["test"]


def test_a_chosen_rule_is_written(write, evaluate, tmp_path):
    assert evaluate(write("test"), "--val", write("val"), "--rule", "per_class") == 0
    assert read(tmp_path / "out" / "rule.json")["name"] == "per_class"


def test_a_threshold_from_a_file_decides_without_val(write, evaluate, dataset, tmp_path):
    rule = tmp_path / "rule.json"
    write_rule(rule, GlobalThreshold(0.35), dataset.classnames)
    assert evaluate(write("test"), "--rule", rule) == 0
    given = read(tmp_path / "out" / "metrics.json")["test"]
    assert given["threshold"] == 0.35
    assert evaluate(write("test"), "--threshold", "0.35") == 0
    assert read(tmp_path / "out" / "metrics.json")["test"]["macro_f1"] == given["macro_f1"]


@pytest.mark.parametrize("with_val", [False, True])
def test_a_rule_from_a_file_has_a_row_beside_the_headline(
    write, evaluate, dataset, tmp_path, capsys, with_val
):
    rule, names = tmp_path / "rule.json", dataset.classnames
    write_rule(rule, PerClassThresholds(np.linspace(0.2, 0.6, len(names))), names)
    val = ["--val", write("val")] if with_val else []
    assert evaluate(write("test"), *val, "--rule", rule) == 0
    table = capsys.readouterr().out.partition("Decision rules on test:")[2].splitlines()
    assert table[4].startswith("from file  ")  # below title, heads, line and headline
    assert read(tmp_path / "out" / "rule.json")["name"] == "per_class"


def test_labels_of_a_file_are_compared_with_those_of_the_data_set(write, evaluate, dataset, capsys):
    labels = np.stack([record.label for record in dataset.test])
    assert evaluate(write("test", labels=labels)) == 0
    assert "are not those of the data set" not in capsys.readouterr().out
    labels[0] = 1 - labels[0]
    assert evaluate(write("test", labels=labels)) == 0
    expected = f"{labels.shape[1]} of {labels.size:,} labels in the file are not those"
    assert expected in capsys.readouterr().out


def test_scores_of_groups_give_the_violation_rate(write, evaluate, dataset, tmp_path):
    groups = list(dataset.hierarchy.levels["super"])
    content = np.load(write("test"))
    zeros = np.zeros((len(content["scores"]), len(groups)))
    path = write(
        "test",
        scores=np.concatenate([content["scores"], zeros], axis=1),
        classes=[*dataset.classnames, *(f"super/{group}" for group in groups)],
    )
    assert evaluate(path) == 0
    assert read(tmp_path / "out" / "metrics.json")["test"]["violation_rate/super"] == 100


def test_logits_need_their_flag(write, evaluate, tmp_path, capsys):
    assert evaluate(write("test")) == 0
    plain = read(tmp_path / "out" / "metrics.json")["test"]
    scores = np.load(tmp_path / "test.npz")["scores"]
    path = write("test", scores=np.log(scores / (1 - scores)))
    capsys.readouterr()
    assert evaluate(path) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "are outside 0 to 1" in line and "--logits" in line
    assert evaluate(path, "--logits") == 0
    assert read(tmp_path / "out" / "metrics.json")["test"] == pytest.approx(plain)


def test_mistakes_are_one_line_and_leave_no_folder(write, evaluate, tmp_path, capsys):
    test, val = write("test"), write("val")

    def error(*args):
        capsys.readouterr()
        assert evaluate(*args) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ")
        assert not (tmp_path / "out").exists()
        return line

    assert "exclude each other" in error(test, "--val", val, "--threshold", "0.3")
    assert "--threshold is 3; expected" in error(test, "--threshold", "3")
    assert "gone.csv: No such file" in error(tmp_path / "gone.csv")
    assert "are missing" in error(val)  # images of another split
    assert "Did you mean 'shrunk'?" in error(test, "--rule", "shrunken")
    assert "unknown key 'TEST.NONSENSE'" in error(test, "TEST.NONSENSE", "1")
    broken = np.full_like(np.load(test)["scores"], np.nan)
    assert "scores are not finite or empty" in error(write("test", scores=broken))
    (tmp_path / "text.csv").write_text("image,A\na.jpg,high\n")
    assert "line 2, column 'A': 'high' is no number" in error(tmp_path / "text.csv")


def test_a_rule_that_needs_val_is_refused_without_it(write, evaluate, capsys):
    assert evaluate(write("test"), "--rule", "per_class") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "'per_class' cannot be fitted: it needs a val split" in line


def test_results_of_a_training_run_are_not_overwritten(write, evaluate, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "metrics.json").write_text('{"model": "epoch 3", "test": {}}')
    assert evaluate(write("test")) == 2
    assert "has the results of another run" in capsys.readouterr().err
    assert read(tmp_path / "out" / "metrics.json")["model"] == "epoch 3"


def test_results_that_cannot_be_read_are_not_overwritten(write, evaluate, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "metrics.json").write_text("[" * 100_000)
    assert evaluate(write("test")) == 2
    assert "metrics.json is not valid JSON" in capsys.readouterr().err


def test_no_result_of_an_earlier_evaluation_stays(write, evaluate, tmp_path):
    out = tmp_path / "out"
    assert evaluate(write("test"), "--val", write("val"), "TEST.PREDICTIONS", "True") == 0
    (out / "notes.txt").write_text("of the user")
    (out / "report.html").write_text("of the first evaluation")
    (out / "tables").mkdir()
    (out / "tables" / "rules.tex").write_text("of the first evaluation")
    (out / "tables" / "rules.csv").write_text("of the first evaluation")
    (out / "tables" / "mine.csv").write_text("of the user")
    assert evaluate(write("test")) == 0
    assert "val" not in read(out / "metrics.json")
    assert not {"scores_val.npz", "per_class_val.csv", "report.html"} & set(names(out))
    assert not (out / "predictions.csv").exists()
    assert (out / "notes.txt").read_text() == "of the user"
    assert names(out / "tables") == ["mine.csv"]


def test_a_file_of_the_user_in_the_output_folder_stays(write, evaluate, tmp_path):
    out = tmp_path / "out"
    assert evaluate(write("test"), "TEST.PREDICTIONS", "True") == 0
    content = (out / "predictions.csv").read_bytes()
    assert evaluate(out / "predictions.csv") == 0
    assert (out / "predictions.csv").read_bytes() == content


def test_a_failed_evaluation_keeps_the_earlier_results(write, evaluate, tmp_path):
    out = tmp_path / "out"
    assert evaluate(write("test"), "--val", write("val")) == 0
    before = names(out)
    assert evaluate(write("test"), "--rule", "per_class") == 2
    assert names(out) == before


@pytest.mark.parametrize(
    ("rule", "message"),
    [("other/rule.json", "has no such class"), ("prior", "needs the labels of train")],
)
def test_a_rule_that_cannot_decide_keeps_the_earlier_results(
    write, evaluate, tmp_path, monkeypatch, capsys, rule, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    write_rule("other/rule.json", PerClassThresholds(np.array([0.5, 0.4])), ["a", "b"])
    assert evaluate(write("test"), "--val", write("val")) == 0
    before = contents(tmp_path / "out")
    capsys.readouterr()
    assert evaluate(write("test"), "--val", write("val"), "--rule", rule) == 2
    assert message in capsys.readouterr().err
    assert contents(tmp_path / "out") == before


@pytest.fixture
def evaluate_one_class(tmp_path):
    """Return a function that evaluates three images with one class each."""
    labels = "image,label,split\na.jpg,calm,test\nb.jpg,glad,test\nc.jpg,calm,test\n"
    (tmp_path / "labels.csv").write_text(labels)
    scores = "image,calm,glad\na.jpg,0.6,0.5\nb.jpg,0.3,0.4\nc.jpg,0.1,0.2\n"
    (tmp_path / "scores.csv").write_text(scores)

    def evaluate(*args):
        flags = ["--root", str(tmp_path), "--output-dir", str(tmp_path / "out")]
        flags += ["DATASET.NAME", "Csv", "DATASET.FILE", "labels.csv", *QUICK]
        return evaluate_predictions.main([str(tmp_path / "scores.csv"), *args, *flags])

    return evaluate


def test_a_threshold_for_one_class_per_image_is_refused(evaluate_one_class, tmp_path, capsys):
    assert evaluate_one_class("--threshold", "0.3") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--threshold is 0.3, but the data set has one class per image" in line
    assert evaluate_one_class() == 0
    metrics = read(tmp_path / "out" / "metrics.json")["test"]
    assert metrics["accuracy"] == pytest.approx(200 / 3)


def test_another_evaluator_of_one_class_per_image_is_not_tuned_on_test(
    evaluate_one_class, tmp_path
):
    assert evaluate_one_class("--threshold", "0.35", "TEST.EVALUATOR", "MultiLabel") == 0
    assert read(tmp_path / "out" / "metrics.json")["test"]["threshold"] == 0.35
    assert evaluate_one_class("TEST.EVALUATOR", "MultiLabel") == 0
    assert read(tmp_path / "out" / "metrics.json")["test"]["threshold"] == 0.5


def test_nothing_differs_right_after_an_evaluation(write, evaluate, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.backends.cudnn.version", lambda: 9)
    assert evaluate(write("test"), "TRAINER.NAME", "LinearProbe") == 0
    card = read(tmp_path / "out" / "run.json")
    assert card["hardware"]["device"] == "cpu" and card["seconds"] >= 0
    capsys.readouterr()
    assert reproduce.main([str(tmp_path / "out")]) == 0
    assert "Nothing differs now." in capsys.readouterr().out


def contents(folder):
    """Return path and content of all files without logs, which every call adds to."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("log.txt"):
            found[path.relative_to(folder)] = path.read_bytes()
    return found


def names(folder):
    """Return the names of the files without logs, which every call adds to."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("log.txt"))
