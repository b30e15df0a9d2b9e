"""The tools that read finished runs: the table of several, the sheet of predicted pictures."""

import csv
import json

import pytest
from PIL import Image

import train
from core.errors import UserError
from tools import compare_runs, contact_sheet


@pytest.fixture(scope="module")
def finished(scenes_root, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    for trainer in ("ZeroshotCLIP", "LinearProbe"):
        args = [
            "--root",
            str(scenes_root),
            "--seed",
            "1",
            "--trainer",
            trainer,
            "--output-dir",
            f"{out}/{trainer}/seed1",
        ]
        args += ["--dataset-config-file", "configs/datasets/scenes.yaml"]
        args += ["--config-file", f"configs/trainers/{trainer}/scenes.yaml"]
        train.main([*args, "OPTIM.MAX_EPOCH", "1", "TEST.PREDICTIONS", "True"])
    return out


def test_predictions_agree_with_the_metrics(finished):
    folder = finished / "LinearProbe" / "seed1"
    with (folder / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    threshold = json.loads((folder / "metrics.json").read_text())["test"]["threshold"]
    assert len(rows) == 24
    for row in rows:
        scores = {name: float(row[name]) for name in list(row)[3:]}
        above = [name for name, score in scores.items() if score > threshold]
        assert row["predicted"].split(";") == (above or [max(scores, key=scores.get)])
        assert set(row["true"].split(";")) <= set(scores)


def test_table_of_runs(finished, capsys):
    folders = [str(finished / trainer / "seed1") for trainer in ("ZeroshotCLIP", "LinearProbe")]
    assert compare_runs.main(folders) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["run", "mAP"]
    assert [line.split()[0] for line in lines[2:]] == ["ZeroshotCLIP", "LinearProbe"]
    test = json.loads((finished / "LinearProbe" / "seed1" / "metrics.json").read_text())["test"]
    assert f"{test['mAP']:.2f}" in lines[3]


def test_a_folder_without_a_result_is_one_line(tmp_path, capsys):
    assert compare_runs.main([str(tmp_path)]) == 2
    assert "has no metrics.json" in capsys.readouterr().err
    (tmp_path / "metrics.json").write_text("{}")
    assert compare_runs.main([str(tmp_path)]) == 2
    assert "is no result of a run" in capsys.readouterr().err


def test_sheet_is_drawn(finished, tmp_path):
    output = tmp_path / "sheet.png"
    predictions = finished / "LinearProbe" / "seed1" / "predictions.csv"
    assert contact_sheet.main([str(predictions), "--output", str(output), "--num", "8"]) == 0
    with Image.open(output) as image:
        assert min(image.size) > 300


def test_found_missed_and_wrong_classes():
    judged = contact_sheet.judge({"true": "FindPeace;FeelLoss", "predicted": "FindPeace;KeepHope"})
    assert [text for text, _ in judged] == ["✓ find peace", "○ feel loss", "✗ keep hope"]


def test_mistakes_of_the_sheet(tmp_path):
    with pytest.raises(UserError, match="cannot read"):
        contact_sheet.read_rows(tmp_path / "none.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="expected the columns image, true, predicted"):
        contact_sheet.read_rows(tmp_path / "other.csv")
