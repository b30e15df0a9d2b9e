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


SHEET = """image,true,predicted,FindPeace,FeelLonely,GetRich,TravelFar
a.png,FindPeace;GetRich,FindPeace,0.8,0.1,0.3,0.2
b.png,TravelFar,GetRich,0.1,0.2,0.9,0.4
c.png,FeelLonely,FeelLonely,0.1,0.6,0.2,0.4
"""


def test_the_sheet_shows_true_classes_and_the_three_most_probable(tmp_path):
    (tmp_path / "predictions.csv").write_text(SHEET)
    first, second, third = contact_sheet.read_rows(tmp_path / "predictions.csv")
    assert first.true == ("FindPeace", "GetRich")
    assert [name for name, _ in first.guesses] == ["FindPeace", "GetRich", "TravelFar"]
    assert [text for text, _ in contact_sheet.lines_below(first)] == [
        "true: find peace, get rich",
        "",
        "✓  80%  find peace",
        "✓  30%  get rich",
        "✗  20%  travel far",
    ]
    assert [picture.is_right for picture in (first, second, third)] == [True, False, True]


def test_the_sheet_says_how_often_the_first_guess_is_right(tmp_path, capsys):
    for name in "abc":
        Image.new("RGB", (8, 8)).save(tmp_path / f"{name}.png")
    file = tmp_path / "predictions.csv"
    file.write_text(SHEET)
    assert contact_sheet.main([str(file), "--root", str(tmp_path), "--ceiling", "89.4"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == (
        "The first guess is right for 2 of 3 pictures (67 %); annotators disagree, so that no "
        "model can exceed 89 %."
    )


def test_pictures_are_chosen_by_the_seed_alone(tmp_path, monkeypatch):
    file = tmp_path / "predictions.csv"
    file.write_text(SHEET)
    drawn = []
    monkeypatch.setattr(contact_sheet, "draw_sheet", lambda found, *_, **__: drawn.append(found))
    for seed in ("1", "1", "2", "3", "4", "5", "6"):
        assert contact_sheet.main([str(file), "--num", "2", "--seed", seed]) == 0
    assert drawn[0] == drawn[1]
    assert len({tuple(picture.image for picture in pictures) for pictures in drawn}) > 1


def test_mistakes_of_the_sheet_are_one_line(tmp_path, capsys):
    file = tmp_path / "predictions.csv"
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")

    def error(text, *flags):
        if text is not None:
            file.write_text(f"image,true,predicted,A,B\n{text},A,B,0.1,0.2\n")
        assert contact_sheet.main([str(file), *flags]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "cannot read" in error(None)
    assert "Did you mean 'jpg'?" in error(tmp_path / "a.png", "--output", f"{tmp_path}/x.jpgg")
    assert "cannot read image gone.jpg" in error("gone.jpg")
    assert "--num is 0; expected at least 1" in error("gone.jpg", "--num", "0")
    assert "--ceiling is 101" in error("gone.jpg", "--ceiling", "101")
    file.write_text("image,true,predicted,A\na.png,A,A,x\n")
    assert "line 2: score of A is 'x'" in error(None)
    file.write_text("image,true,predicted,A\na.png,,A,0.1\n")
    assert "has a true class" in error(None)
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
    "tools.explain_check",
    "tools.export",
    "tools.prepare_images",
    "tools.reproduce",
    "tools.run_folds",
    "tools.scenes.calibrate",
    "tools.scenes.ceiling",
    "tools.scenes.make",
    "tools.scenes.pointing",
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
