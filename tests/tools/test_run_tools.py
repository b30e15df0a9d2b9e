"""The tools that read finished runs: the table of several, the sheet of predicted pictures."""

import csv
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import train
from tests.conftest import NO_EXTRAS
from tools import compare_runs, contact_sheet


@pytest.fixture(scope="module")
def finished(scenes_root, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    for trainer in ("ZeroshotCLIP", "LinearProbe"):
        args = ["--root", str(scenes_root), "--seed", "1", "--trainer", trainer]
        args += ["--output-dir", f"{out}/{trainer}/seed1"]
        args += ["--dataset-config-file", "configs/datasets/scenes.yaml"]
        args += ["--config-file", f"configs/trainers/{trainer}/scenes.yaml"]
        train.main([*args, "OPTIM.MAX_EPOCH", "1", "TEST.PREDICTIONS", "True", *NO_EXTRAS])
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
        strongest = max(scores, key=scores.get)
        assert row["predicted"].split(";") == (above or [strongest])
        assert set(row["true"].split(";")) <= set(scores)


def test_table_of_runs(finished, capsys):
    folders = [str(finished / trainer / "seed1") for trainer in ("ZeroshotCLIP", "LinearProbe")]
    assert compare_runs.main(folders) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["run", "mAP"]
    assert [line.split()[0] for line in lines[2:4]] == ["ZeroshotCLIP", "LinearProbe"]
    test = json.loads((finished / "LinearProbe" / "seed1" / "metrics.json").read_text())["test"]
    assert f"{test['mAP']:.2f}" in lines[3]


def test_a_folder_without_a_result_is_one_line(tmp_path, capsys):
    assert compare_runs.main([str(tmp_path)]) == 2
    assert "has no metrics.json" in capsys.readouterr().err
    (tmp_path / "metrics.json").write_text("{}")
    assert compare_runs.main([str(tmp_path)]) == 2
    assert "is not the result of a run" in capsys.readouterr().err


def test_sheet_is_drawn(finished, tmp_path):
    output = tmp_path / "sheet.png"
    predictions = finished / "LinearProbe" / "seed1" / "predictions.csv"
    assert contact_sheet.main([str(predictions), "--output", str(output), "--num", "8"]) == 0
    with Image.open(output) as image:
        assert min(image.size) > 300


def test_found_missed_and_wrong_classes():
    judged = contact_sheet.judge({"true": "FindPeace;FeelLoss", "predicted": "FindPeace;KeepHope"})
    assert [text for text, _ in judged] == ["✓ find peace", "○ feel loss", "✗ keep hope"]


def test_mistakes_of_the_sheet_are_one_line(tmp_path, capsys):
    file = tmp_path / "predictions.csv"
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")

    def error(text, *flags):
        if text is not None:
            file.write_text(f"image,true,predicted\n{text},A,B\n")
        assert contact_sheet.main([str(file), *flags]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "cannot read" in error(None)
    assert "Did you mean 'jpg'?" in error(tmp_path / "a.png", "--output", f"{tmp_path}/x.jpgg")
    assert "cannot read image gone.jpg" in error("gone.jpg")
    assert "--num is 0; expected at least 1" in error("gone.jpg", "--num", "0")
    file.write_text("a,b\n1,2\n")
    assert "expected the columns image, true, predicted" in error(None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "predictions.csv"]


TOOLS = [
    "tools.check_data",
    "tools.compare_runs",
    "tools.config_page",
    "tools.contact_sheet",
    "tools.download",
    "tools.evaluate_predictions",
    "tools.prepare_images",
    "tools.reproduce",
    "tools.run_folds",
    "tools.scenes.make",
    "tools.scenes.pretrain",
]


@pytest.mark.parametrize("name", TOOLS)
def test_every_tool_has_help_and_refuses_an_unknown_flag_in_one_line(name, capsys):
    main = importlib.import_module(name).main
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: python -m {name} ")
    with pytest.raises(SystemExit) as caught:
        main(["--nonsense"])
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and line.endswith(f"python -m {name} --help")


@pytest.mark.slow
@pytest.mark.parametrize("name", TOOLS)
def test_every_tool_runs_as_a_module(name):
    command = [sys.executable, "-m", name]
    shown = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout
    assert shown.startswith(f"usage: python -m {name} ")
    refused = subprocess.run([*command, "--nonsense"], capture_output=True, text=True)
    assert refused.returncode == 2
    last = refused.stderr.splitlines()[-1]
    assert last.startswith("error: ") and last.endswith(f"python -m {name} --help")


def test_every_module_with_a_command_line_is_listed():
    root = Path(__file__).parents[2]
    with_main = [
        ".".join(path.relative_to(root).with_suffix("").parts)
        for path in (root / "tools").rglob("*.py")
        if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
    ]
    assert sorted(with_main) == TOOLS


def test_an_unknown_flag_is_one_line_with_the_nearest_flag(capsys):
    with pytest.raises(SystemExit) as caught:
        compare_runs.main(["out", "--swap", "3"])
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--swap 3. Did you mean '--swaps'?" in line
    assert line.endswith("python -m tools.compare_runs --help")
