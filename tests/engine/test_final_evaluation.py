"""The final evaluation: its files, the chosen rule, the same bytes twice, the run card."""

import csv
import json
import shutil

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

import train
from core.errors import UserError
from evaluation import write_rule
from evaluation.rules import PerClassThresholds

SAME_BYTES = (
    "metrics.json",
    "intervals.json",
    "rule.json",
    "predictions.csv",
    "scores_val.npz",
    "scores_test.npz",
)


def command(root, out, *opts):
    return [
        "--root", str(root), "--seed", "1", "--trainer", "LinearProbe", "--output-dir", str(out),
        "--dataset-config-file", "configs/datasets/scenes.yaml",
        "--config-file", "configs/trainers/LinearProbe/scenes.yaml",
        "OPTIM.MAX_EPOCH", "2", "INPUT.SIZE", "(64, 64)", "TEST.BOOTSTRAP", "50",
        "TEST.PREDICTIONS", "True", *opts,
    ]  # fmt: skip


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def finished(scenes_root, tmp_path_factory):
    out = tmp_path_factory.mktemp("final")
    train.main(command(scenes_root, out))
    return out


def test_all_files_are_there(finished):
    names = {path.name for path in finished.iterdir()}
    assert names >= {*SAME_BYTES, "run.json", "per_class.csv", "report.html", "tables"}
    assert "rules.csv" in {path.name for path in (finished / "tables").iterdir()}


@pytest.mark.parametrize("part", ["trainer", "data", "predictions"])
def test_results_of_another_run_are_not_overwritten(scenes_root, finished, tmp_path, part):
    out = tmp_path / "copy"
    shutil.copytree(finished, out)
    card = read(out / "run.json")
    if part == "predictions":
        card["kind"] = "predictions"
    elif part == "data":
        card["config"]["DATASET"]["NAME"] = "Coco"
    else:
        card["config"]["TRAINER"]["NAME"] = "ZeroshotCLIP"
    (out / "run.json").write_text(json.dumps(card), encoding="utf-8")
    before = {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    with pytest.raises(UserError, match=r"has the results of another run \(TRAINER.NAME "):
        train.main(command(scenes_root, out))
    assert {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()} == before


def test_saved_scores_give_the_reported_map(finished):
    with np.load(finished / "scores_test.npz") as file:
        scores, labels = file["scores"], file["labels"]
        images, classes = file["images"], file["classes"]
    assert scores.dtype == np.float32 and scores.shape == (len(images), len(classes))
    present = labels.any(axis=0)
    expected = average_precision_score(labels[:, present], scores[:, present], average="macro")
    assert read(finished / "metrics.json")["test"]["mAP"] == pytest.approx(100 * expected)


def test_predictions_name_images_as_the_annotation_file_does(finished, scenes_root):
    file = read(scenes_root / "annotations" / "intentonomy_test2020.json")
    names = {image["id"]: image["filename"] for image in file["images"]}
    expected = [names[entry["image_id"]] for entry in file["annotations"]]
    with (finished / "predictions.csv").open() as rows:
        assert [row["image"] for row in csv.DictReader(rows)] == expected


def test_intervals_hold_the_values_that_are_reported(finished):
    test, intervals = read(finished / "metrics.json")["test"], read(finished / "intervals.json")
    assert intervals["split"] == "test" and intervals["draws"] == 50
    for name, row in intervals["metrics"].items():
        if test[name] is not None:
            assert row["value"] == pytest.approx(test[name])
            assert row["low"] <= row["value"] <= row["high"]
    assert set(intervals["rules"]) >= {"global", "fixed", "per_class", "shrunk", "prior", "top_k"}


def test_the_same_command_gives_the_same_bytes(finished, scenes_root, tmp_path):
    train.main(command(scenes_root, tmp_path, "TEST.REPORT", "False", "TEST.COSTS", "False"))
    for name in SAME_BYTES:
        assert (tmp_path / name).read_bytes() == (finished / name).read_bytes(), name


def test_another_rule_decides_and_the_headline_stays(finished, scenes_root, tmp_path):
    extra = ["TEST.RULE", "shrunk", "TEST.REPORT", "False", "TEST.BOOTSTRAP", "0"]
    args = command(scenes_root, tmp_path, *extra)
    train.main(["--eval-only", "--model-dir", str(finished), *args])
    assert read(tmp_path / "metrics.json")["test"] == read(finished / "metrics.json")["test"]
    rule = read(tmp_path / "rule.json")
    assert rule["name"] == "shrunk" and len(rule["parameters"]["class_thresholds"]) == 20
    assert not (tmp_path / "intervals.json").exists()
    card = read(tmp_path / "run.json")
    assert card["trained_by"]["start"] == read(finished / "run.json")["start"]
    again = tmp_path / "again"
    extra = ["TEST.RULE", str(tmp_path / "rule.json"), "TEST.REPORT", "False"]
    args = command(scenes_root, again, *extra, "TEST.BOOTSTRAP", "0")
    train.main(["--eval-only", "--model-dir", str(finished), *args])
    assert read(again / "rule.json") == rule
    assert (again / "predictions.csv").read_bytes() == (tmp_path / "predictions.csv").read_bytes()


@pytest.mark.parametrize(
    ("rule", "message"),
    [("shrunken", "Did you mean 'shrunk'"), ("gone/rule.json", "which does not exist")],
)
def test_a_wrong_rule_is_refused_before_training(scenes_root, tmp_path, rule, message):
    with pytest.raises(UserError, match=f"TEST.RULE is '{rule}'.*{message}"):
        train.main(command(scenes_root, tmp_path, "TEST.RULE", rule))
    assert not (tmp_path / "linearprobe").exists()


def test_the_card_has_the_command_the_data_and_the_costs(finished):
    card = read(finished / "run.json")
    assert "--trainer LinearProbe" in card["command"]
    assert card["config"]["TEST"]["BOOTSTRAP"] == 50
    assert card["data"]["test"]["images"] == 24
    assert card["costs"]["learnable_parameters"] > 0 and card["costs"]["flops_per_image"] > 0
    assert card["result"]["test"]["mAP"] == read(finished / "metrics.json")["test"]["mAP"]


def test_the_report_shows_the_training_curves(finished):
    page = (finished / "report.html").read_text(encoding="utf-8")
    assert "LinearProbe on drawn scenes, seed 1" in page
    for heading in ("Result on test", "Decision rules", "Per class", "Training", "Costs"):
        assert heading in page
    assert "Beside published numbers" not in page  # other data in the same format


def test_a_fault_in_the_analysis_loses_no_number(scenes_root, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("in the bootstrap")

    monkeypatch.setattr("engine.final_evaluation.bootstrap_intervals", fail)
    with pytest.raises(RuntimeError, match="in the bootstrap"):
        train.main(command(scenes_root, tmp_path))
    assert read(tmp_path / "metrics.json")["test"]["mAP"] > 0
    assert (tmp_path / "scores_test.npz").is_file()


def test_val_alone_is_evaluated_and_results_of_test_do_not_stay(finished, scenes_root, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    extra = ["TEST.SPLIT", "val", "TEST.BOOTSTRAP", "20", "TEST.PREDICTIONS", "False"]
    train.main(["--eval-only", "--model-dir", str(finished), *command(scenes_root, out, *extra)])
    assert list(read(out / "metrics.json")) == ["model", "val"]
    assert read(out / "intervals.json")["split"] == "val"
    for name in ("scores_test.npz", "predictions.csv", "per_class_val.csv"):
        assert not (out / name).exists(), name
    assert "optimistic" in (out / "report.html").read_text(encoding="utf-8")


def test_one_draw_is_refused_before_training(scenes_root, tmp_path):
    with pytest.raises(UserError, match=r"TEST\.BOOTSTRAP is 1; expected 0 or at least 2"):
        train.main(command(scenes_root, tmp_path, "TEST.BOOTSTRAP", "1"))
    assert not (tmp_path / "linearprobe").exists()


def test_a_rule_for_other_classes_is_refused_before_training(scenes_root, tmp_path):
    rule = tmp_path / "rule.json"
    write_rule(rule, PerClassThresholds(np.array([0.5, 0.4])), ["a", "b"])
    with pytest.raises(UserError, match="has no such class"):
        train.main(command(scenes_root, tmp_path / "out", "TEST.RULE", str(rule)))
    assert not (tmp_path / "out" / "linearprobe").exists()
