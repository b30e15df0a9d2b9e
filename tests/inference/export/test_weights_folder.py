"""The exported folder predicts as the run, alone, and shows nothing of the machine."""

import json
import shutil
import sys
import types

import numpy as np
import pytest

from core.errors import UserError
from engine.run_card import read_card
from inference.export.new_folder import new_folder
from inference.export.run import export
from inference.export.weights_folder import copy_modules
from inference.predictor import IntentPredictor
from tests.inference.export.conftest import SECRET


def predictions(folder, photos, **options):
    predictor = IntentPredictor.from_run(folder, device="cpu", **options)
    found = predictor([str(photo) for photo in photos])
    scores = np.stack([prediction.probabilities for prediction in found])
    return scores, [[intent.key for intent in prediction.intents] for prediction in found]


@pytest.mark.parametrize("trainer", ["IntCLIP", "LinearProbe", "ZeroshotCLIP"])
def test_the_folder_predicts_as_the_run_without_it(trainer, finished, photos, tmp_path):
    run = finished(trainer)
    expected = predictions(run, photos)
    copy = shutil.copytree(run, tmp_path / "run")
    folder = export(copy, "safetensors", tmp_path / "model", with_backbone=True)
    shutil.rmtree(copy)
    scores, intents = predictions(folder.rename(tmp_path / "moved"), photos)
    np.testing.assert_array_equal(scores, expected[0])
    assert intents == expected[1]
    assert scores.std() > 0


def test_a_folder_without_the_backbone_asks_for_it_in_one_line(
    finished, photos, backbone, tmp_path
):
    folder = export(finished("LinearProbe"), "safetensors", tmp_path / "model")
    assert not list(folder.glob("backbone*"))
    with pytest.raises(UserError, match=r"'clip\.safetensors' is not a file") as error:
        IntentPredictor.from_run(folder)
    assert "\n" not in str(error.value)
    scores, _ = predictions(folder, photos, options=["MODEL.BACKBONE.PATH", str(backbone)])
    np.testing.assert_array_equal(scores, predictions(finished("LinearProbe"), photos)[0])
    text = (folder / "README.md").read_text()
    assert "--run MODEL --set MODEL.BACKBONE.PATH clip.safetensors" in text


def test_no_file_names_a_place_of_the_machine(finished, place, tmp_path):
    folder = export(finished("IntCLIP"), "safetensors", tmp_path / "model")
    assert SECRET in (finished("IntCLIP") / "run.json").read_text()
    for file in folder.iterdir():
        content = file.read_bytes()
        assert SECRET.encode() not in content and str(place.parent).encode() not in content, file


def test_the_card_keeps_recipe_and_result(finished, tmp_path):
    before = read_card(finished("IntCLIP"))
    folder = export(finished("IntCLIP"), "safetensors", tmp_path / "model")
    card = read_card(folder)
    assert card["result"] == before["result"] and card["data"] == before["data"]
    for section in ("TRAINER", "OPTIM", "INPUT", "LOSS"):
        assert card["config"][section] == before["config"][section]
    assert card["backbone"]["path"]["sha256"] == before["backbone"]["path"]["sha256"]
    assert not {"argv", "variables"} & card.keys()


def test_a_backbone_of_the_project_keeps_its_place(finished, tmp_path):
    shipped = "assets/scenes_rn.safetensors"
    folder = export(finished("LinearProbe"), "safetensors", tmp_path / "model", backbone=shipped)
    assert read_card(folder)["config"]["MODEL"]["BACKBONE"]["PATH"] == shipped
    IntentPredictor.from_run(folder)  # finds it without a word of the user


def test_another_backbone_is_refused(finished, tmp_path):
    with pytest.raises(UserError, match="holds other weights than in training"):
        export(
            finished("LinearProbe"),
            "safetensors",
            tmp_path / "model",
            backbone="assets/scenes_plain_rn.safetensors",
        )
    assert not list(tmp_path.iterdir())


def test_own_modules_come_along_and_packages_do_not(tmp_path, monkeypatch):
    source = tmp_path / "photos.py"
    source.write_text("WORD = 1\n")
    for name in ("photos", "lab.photos"):
        module = types.ModuleType(name)
        module.__file__ = str(source)
        monkeypatch.setitem(sys.modules, name, module)
    (tmp_path / "out").mkdir()
    names = copy_modules(tmp_path / "out", [str(source), "photos", "lab.photos"])
    assert names == ["photos.py", "photos.py", "lab.photos"]
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["photos.py"]


def test_a_folder_with_files_is_not_touched(finished, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty; delete it, or give another --output"):
        export(finished("LinearProbe"), "safetensors", tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_nothing_remains_of_a_folder_that_fails(tmp_path):
    with pytest.raises(OSError, match="full"), new_folder(tmp_path / "model") as folder:
        (folder / "part").write_text("part")
        raise OSError("full")
    assert not list(tmp_path.iterdir())


def test_front_matter_and_classes_of_the_model_card(finished, tmp_path):
    folder = export(
        finished("ZeroshotCLIP"), "safetensors", tmp_path / "model", license="cc-by-4.0"
    )
    text = (folder / "README.md").read_text()
    assert text.startswith("---\nlicense: cc-by-4.0\npipeline_tag: image-classification\ntags:\n")
    classes = json.loads((folder / "classes.json").read_text())["classes"]
    assert all(f"`{key}`" in text for key in classes)
    test = read_card(folder)["result"]["test"]
    assert f"| test | {test['mAP']:.2f} | {test['macro_f1']:.2f} |" in text
    assert "48 train, 24 val, 24 test" in text
