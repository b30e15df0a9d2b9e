"""A finished run opens from its folder alone and gives the probabilities of its evaluation."""

import json
import logging
import random
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import core.config
from core.errors import UserError
from core.files import PROJECT
from core.logging import get_logger
from engine.base_choice import TRAINER_REGISTRY
from inference.open_run import WEIGHTS_FILE, open_run
from inference.predictor import IntentPredictor
from tests.docs.page import read_page
from tests.inference.conftest import train_run

SLOW = pytest.mark.slow
TRAINERS = [
    pytest.param("DualCoOp", marks=SLOW),
    pytest.param("FineTune", marks=SLOW),
    "LinearProbe",
    "ZeroshotCLIP",
]


def evaluated(folder, split="test"):
    """Return the names of the images and the probabilities that a run stored."""
    with np.load(folder / f"scores_{split}.npz") as stored:
        return list(stored["images"]), stored["scores"]


def predicted(predictor, pictures, names):
    """Return the probabilities ``(N, C)`` of pictures by the stream."""
    results = list(predictor.stream([str(pictures / name) for name in names]))
    assert [result.image for result in results] == [str(pictures / name) for name in names]
    return np.stack([result.probabilities for result in results])


def check_equal(folder, pictures):
    """Check that the folder gives its stored scores: bit for bit, and nearly in other batches."""
    names, scores = evaluated(folder)
    same = predicted(IntentPredictor.from_run(folder), pictures, names)
    assert same.dtype == np.float32
    np.testing.assert_array_equal(same, scores)
    other = predicted(IntentPredictor.from_run(folder, batch_size=5), pictures, names)
    np.testing.assert_allclose(other, scores, atol=1e-5, rtol=0)
    assert np.ptp(scores, axis=0).max() > 1e-3  # the pictures do not all look the same


def error_of(*args, **kwargs):
    with pytest.raises(UserError) as caught:
        open_run(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# The same probabilities -------------------------------------------------------------------------


def test_a_run_gives_the_scores_of_its_evaluation_from_another_folder(
    run, pictures, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    check_equal(run, pictures)


@pytest.mark.parametrize("trainer", TRAINERS)
def test_every_trainer_opens_without_its_data_set(
    runs_folder, pictures, tmp_path, monkeypatch, trainer
):
    data = shutil.copytree(pictures, tmp_path / "data")
    out = train_run(data, tmp_path / "out", trainer, "DATALOADER.TEST.BATCH_SIZE", 16)
    shutil.rmtree(data)
    monkeypatch.chdir(tmp_path)
    check_equal(out, pictures)


@pytest.fixture
def page_trainer(tmp_path, monkeypatch):
    """Return a folder with the files of the page on extending for a trainer of one's own."""
    monkeypatch.setattr(core.config, "_declared", dict(core.config.declared_keys()))
    monkeypatch.setattr(TRAINER_REGISTRY, "_obj_map", dict(TRAINER_REGISTRY._obj_map))
    monkeypatch.setattr(sys, "path", list(sys.path))
    page = read_page(PROJECT / "docs" / "extending.md")
    for name, text in page["A trainer with two options"].files.items():
        (tmp_path / name).write_text(text)
    yield tmp_path
    sys.modules.pop("bottleneck", None)


@pytest.mark.parametrize("module", [pytest.param("bottleneck", marks=SLOW), "./bottleneck.py"])
def test_a_trainer_of_ones_own_is_found_where_the_run_started(
    page_trainer, pictures, tmp_path_factory, monkeypatch, module
):
    monkeypatch.chdir(page_trainer)
    yaml = page_trainer / "bottleneck.yaml"
    yaml.write_text(yaml.read_text().replace("IMPORTS: bottleneck", f"IMPORTS: {module}"))
    out = train_run(pictures, "out", "LinearProbe", *("IMPORTS", module, *OWN))
    sys.path[:] = [folder for folder in sys.path if Path(folder) != page_trainer]
    del sys.modules["bottleneck"]
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    del TRAINER_REGISTRY._obj_map["Bottleneck"]
    for name in [name for name in core.config._declared if "BOTTLENECK" in name]:
        del core.config._declared[name]
    check_equal(page_trainer / out, pictures)


OWN = ("TRAINER.NAME", "Bottleneck", "TRAINER.BOTTLENECK.WIDTH", 8)


# The evaluated epoch ----------------------------------------------------------------------------


def test_each_kept_epoch_can_be_opened(run, pictures):
    names, scores = evaluated(run)
    first = predicted(IntentPredictor.from_run(run, epoch=1), pictures, names)
    last = predicted(IntentPredictor.from_run(run, epoch=2), pictures, names)
    np.testing.assert_array_equal(last, scores)
    assert abs(first - scores).max() > 1e-4


def test_the_best_epoch_is_opened_where_the_run_evaluated_it(pictures, tmp_path):
    # a learning rate that makes the second epoch worse than the first
    options = ("TEST.FINAL_MODEL", "best_val", "OPTIM.LR", 50.0, "DATALOADER.TEST.BATCH_SIZE", 16)
    out = train_run(pictures, tmp_path / "out", "LinearProbe", *options)
    best = torch.load(next(out.glob("*/model-best.pth.tar")), weights_only=True)["epoch"]
    assert json.loads((out / "run.json").read_text())["result"]["model"] == f"epoch {best}"
    check_equal(out, pictures)
    assert open_run(out).weights == f"epoch {best}"


def test_another_best_epoch_than_the_evaluated_one_is_refused(copied):
    card = json.loads((copied / "run.json").read_text())
    card["result"]["model"] = "epoch 7"  # and 7 is not kept
    (copied / "run.json").write_text(json.dumps(card))
    best = torch.load(copied / "intclip" / "model-best.pth.tar", weights_only=True)["epoch"]
    error = error_of(copied)
    assert f"is of epoch {best}, but the run evaluated epoch 7" in error


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [(0, "the epoch is 0"), (-1, "the epoch is -1"), (3, "no checkpoint at .*model.pth.tar-3")],
)
def test_an_epoch_that_the_run_does_not_have_is_refused(run, epoch, expected):
    with pytest.raises(UserError, match=expected):
        open_run(run, epoch=epoch)


def test_exported_weights_serve_in_place_of_checkpoints(copied, pictures):
    names, scores = evaluated(copied)
    weights = open_run(copied).model.trainable_state_dict()
    contiguous = {name: value.contiguous() for name, value in weights.items()}
    save_file(contiguous, copied / WEIGHTS_FILE)
    shutil.rmtree(copied / "intclip")
    found = predicted(IntentPredictor.from_run(copied), pictures, names)
    np.testing.assert_array_equal(found, scores)
    (copied / WEIGHTS_FILE).write_bytes(b"no weights")
    assert f"cannot read {copied / WEIGHTS_FILE}" in error_of(copied)


# Mistakes ---------------------------------------------------------------------------------------


def test_a_folder_that_is_no_run_is_one_line(tmp_path, run):
    assert "nothing does not exist; expected the output folder" in error_of(tmp_path / "nothing")
    assert "run.json is a file; expected the output folder" in error_of(run / "run.json")
    assert "has no run.json" in error_of(tmp_path)


def test_an_export_to_onnx_has_its_own_command(tmp_path):
    (tmp_path / "model.onnx").touch()
    with pytest.raises(UserError, match=r"is an export to ONNX.* python .*onnx_predict\.py "):
        open_run(tmp_path)


def test_missing_files_are_one_line(copied):
    shutil.rmtree(copied / "intclip")
    assert "has no checkpoint of its training; expected intclip/model-best" in error_of(copied)
    (copied / "classes.json").unlink()
    error = error_of(copied)
    assert "has no classes.json: an earlier version" in error
    assert f"--eval-only --model-dir {copied}" in error


def test_given_predictions_have_no_model(copied):
    card = json.loads((copied / "run.json").read_text())
    (copied / "run.json").write_text(json.dumps({**card, "kind": "predictions"}))
    assert "has the evaluation of given predictions, without a model" in error_of(copied)


@pytest.mark.parametrize("part", ["classes", "names", "groups"])
def test_other_classes_are_one_line(copied, part):
    file = copied / "classes.json"
    content = json.loads(file.read_text())
    if part == "classes":
        content["classes"][:2] = content["classes"][1::-1]
    elif part == "names":
        content["hierarchy"]["names"][0] = "another word"
    else:
        content["hierarchy"]["levels"].popitem()
    file.write_text(json.dumps(content))
    assert error_of(copied) == f"{file} has other classes or words than the run; restore the file"


def test_a_damaged_checkpoint_is_one_line(copied):
    file = copied / "intclip" / "model.pth.tar-2"
    file.write_bytes(file.read_bytes()[:1000])
    assert f"{file} is not a checkpoint that can be read" in error_of(copied)


def test_a_missing_and_another_backbone_are_one_line(copied, tmp_path):
    error = error_of(copied, options=["MODEL.BACKBONE.PATH", str(tmp_path / "gone.safetensors")])
    assert "gone.safetensors" in error
    other = PROJECT / "assets" / "scenes_plain_rn.safetensors"
    error = error_of(copied, options=["MODEL.BACKBONE.PATH", str(other)])
    trained = json.loads((copied / "run.json").read_text())["backbone"]["path"]["sha256"]
    assert f"'{other}' holds other weights than in training (SHA-256 then: {trained[:12]}" in error
    assert error.endswith("give the file of the training: MODEL.BACKBONE.PATH FILE")


def test_a_setting_that_changes_the_network_is_one_line(run):
    error = error_of(run, options=["MODEL.BACKBONE.QUICK_GELU", "False"])
    assert "a setting or the version of the code differs" in error
    assert "unknown key 'OPTIM.LRR'" in error_of(run, options=["OPTIM.LRR", "1"])


# The process that calls ---------------------------------------------------------------------------


def random_numbers():
    return random.random(), np.random.random(), torch.rand(()).item()


def seed_all():
    random.seed(5)
    np.random.seed(5)
    torch.manual_seed(5)


def test_opening_and_predicting_leave_the_process_as_it_is(run, pictures, monkeypatch, capfd):
    logger = get_logger()
    monkeypatch.setattr(logger, "level", logging.ERROR)
    path, files = list(sys.path), snapshot(run)
    seed_all()
    expected = random_numbers()
    seed_all()
    predictor = IntentPredictor.from_run(run)
    found = list(predictor.stream(sorted(map(str, pictures.glob("low/*.jpg")))[:3]))
    assert random_numbers() == expected
    assert len(found) == 3
    assert (logger.level, logger.handlers) == (logging.ERROR, [])
    assert sys.path == path
    assert snapshot(run) == files
    assert capfd.readouterr() == ("", "")


def snapshot(folder):
    """Return size and time of all files below a folder."""
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def test_a_run_without_training_has_no_epochs(pictures, tmp_path):
    out = train_run(pictures, tmp_path / "out", "ZeroshotCLIP")
    assert error_of(out, epoch=1) == f"{out} has no epochs: ZeroshotCLIP trains nothing"
