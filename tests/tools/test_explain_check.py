"""explain_check: curves of a finished run, its verdict, its picture, and clear mistakes."""

import numpy as np
import pytest
import torch
from PIL import Image

import train
from tests.conftest import NO_EXTRAS
from tools import explain_check
from tools.explain_check import Curves, blurred, run_name, table, verdict


@pytest.fixture(scope="module")
def finished(scenes_root, tmp_path_factory):
    """Return the output folder of zero-shot CLIP by region."""
    out = tmp_path_factory.mktemp("runs") / "zero" / "seed1"
    args = ["--root", str(scenes_root), "--seed", "1", "--trainer", "ZeroshotCLIP"]
    args += ["--output-dir", str(out)]
    args += ["--dataset-config-file", "configs/datasets/scenes.yaml"]
    args += ["--config-file", "configs/trainers/ZeroshotCLIP/scenes.yaml"]
    train.main([*args, "TRAINER.ZEROSHOTCLIP.FEATURES", "region", *NO_EXTRAS])
    return out


def result_lines(capsys):
    """Return what is printed from the table on; a log of the training may come before."""
    lines = capsys.readouterr().out.splitlines()
    return lines[next(i for i, line in enumerate(lines) if line.startswith("run ")) :]


def test_a_run_is_checked_on_its_own_val_images(finished, tmp_path, capsys):
    picture = tmp_path / "curves.png"
    arguments = ["--run", str(finished), "--images", "8", "--random", "2"]
    assert explain_check.main([*arguments, "--output", str(picture)]) == 0
    lines = result_lines(capsys)
    rows = [line.split() for line in lines[2:4]]
    assert [row[1:3] for row in rows] == [["insertion", "8"], ["deletion", "8"]]
    for row in rows:
        ours, random, difference = (float(value) for value in row[3:6])
        assert difference == pytest.approx(ours - random, abs=2e-3)
    assert lines[5].startswith("seed1: ") and "random regions" in lines[5]
    with Image.open(picture) as image:
        assert image.format == "PNG" and image.width > 600
    assert explain_check.main([*arguments, "--batch-size", "3"]) == 0
    assert result_lines(capsys)[:4] == lines[:4]


def test_mistakes_are_one_line(finished, tmp_path, capsys):
    for arguments, words in (
        (["--run", str(finished), "--output", "a.gif"], ".png, .svg, .pdf"),
        (["--run", str(finished), "--images", "1"], "--images is 1"),
        (["--run", str(tmp_path)], "run.json"),
        (["--run", str(finished), "--root", str(tmp_path)], str(tmp_path)),
    ):
        assert explain_check.main(arguments) == 2
        error = capsys.readouterr().err
        assert words in error and error.startswith("error: ") and len(error.splitlines()) == 1


def curves(name, insertion, deletion):
    """Return curves whose areas over random orders differ by about these numbers."""
    noise = np.random.default_rng(0).normal(0, 0.01, (40, 1))
    random = {mode: np.full((40, 3), 0.5) for mode in explain_check.MODES}
    ours = {"insertion": 0.5 + insertion + noise, "deletion": 0.5 + deletion + noise}
    ours = {mode: np.repeat(values, 3, axis=1) for mode, values in ours.items()}
    return Curves(name, np.array([0, 0.5, 1.0]), ours, random)


@pytest.mark.parametrize(
    ("insertion", "deletion", "words"),
    [
        (0.1, -0.1, "yes, the maps beat random regions in insertion and in deletion"),
        (0.1, 0.0, "in part, the maps beat random regions in insertion, not deletion"),
        (0.0, 0.0, "NO, the maps do not beat random regions"),
        (0.1, 0.1, "NO, in deletion the maps are worse than random regions"),
        (-0.1, -0.1, "NO, in insertion the maps are worse than random regions"),
    ],
)
def test_the_verdict_follows_from_both_intervals(insertion, deletion, words):
    assert verdict(curves("mine", insertion, deletion)) == f"mine: {words}"


def test_the_table_has_areas_and_signed_differences():
    lines = table([curves("mine", 0.1, -0.1)]).splitlines()
    assert "0.599" in lines[2] and "0.500" in lines[2] and "+0.099" in lines[2]
    assert "0.399" in lines[3] and "-0.101" in lines[3]


def test_runs_are_told_apart_by_the_shortest_end_of_their_path(tmp_path):
    folders = [tmp_path / name for name in ("a/seed1", "b/seed1", "b/seed2")]
    assert [run_name(folder, folders) for folder in folders] == ["a/seed1", "b/seed1", "seed2"]


@pytest.mark.parametrize("size", [(96, 96), (32, 224)])
def test_a_blurred_copy_keeps_colours_and_loses_details(size):
    image = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0)) + 1.5
    found = blurred(image)
    assert found.shape == image.shape
    assert found.std() < 0.25 * image.std()
    torch.testing.assert_close(found.mean(), image.mean(), atol=0.05, rtol=0)
