"""Output folders and checkpoints of an earlier version evaluate to the numbers that it wrote."""

import json
import shutil
from pathlib import Path

import pytest
import torch

import train
from core.errors import UserError
from tests.conftest import NO_EXTRAS
from tests.golden.data import write_data

FOLDERS = Path(__file__).parent / "earlier_version"
SAME = [
    "OPTIM.MAX_EPOCH", "2", "INPUT.SIZE", "(64, 64)", "DATALOADER.TRAIN_X.BATCH_SIZE", "16",
    "TEST.FINAL_MODEL", "best_val",
]  # fmt: skip
OWN = {
    "IntCLIP": [
        "TRAINER.INTCLIP.SEMANTIC_LAYERS",
        "('layer4',)",
        "TRAINER.INTCLIP.LOSS_WEIGHT",
        "0.02",
    ],
    "DualCoOp": ["TRAINER.DUALCOOP.ASL_GAMMA_NEG", "3.0"],
    "LinearProbe": [],
}
PROMPTS = ["CSC", "False", "N_CTX_POS", "4", "N_CTX_NEG", "4"]


def command(name, root, out):
    """Return the command line of the stored run ``name``."""
    opts = [*SAME, *OWN[name]]
    if name != "LinearProbe":
        for key, value in zip(PROMPTS[::2], PROMPTS[1::2], strict=True):
            opts += [f"TRAINER.{name.upper()}.{key}", value]
    return [
        "--root", str(root), "--seed", "1", "--trainer", name, "--output-dir", str(out),
        "--dataset-config-file", "configs/datasets/scenes_plain.yaml",
        "--config-file", f"tests/golden/configs/{name}.yaml", *opts, *NO_EXTRAS,
    ]  # fmt: skip


@pytest.mark.parametrize("name", OWN)
def test_an_earlier_checkpoint_evaluates_to_its_numbers(tmp_path, name):
    root, out = write_data(tmp_path / "data"), tmp_path / "out"
    args = command(name, root, out)
    train.main(["--eval-only", "--model-dir", str(FOLDERS / name), *args])
    found = json.loads((out / "metrics.json").read_text())
    stored = json.loads((FOLDERS / name / "metrics.json").read_text())
    for split in ("val", "test"):
        now = {key: found[split][key] for key in stored[split]}
        assert now == pytest.approx(stored[split], abs=0.02, nan_ok=True)


def earlier_run(name, folder):
    """Return a copy of a stored run whose checkpoint has today's name of the plain world's classes;
    the earlier version called them ``scenes``.
    """
    shutil.copytree(FOLDERS / name, folder)
    for path in folder.glob("*/model.pth.tar-*"):
        checkpoint = torch.load(path, map_location="cpu", weights_only=False)
        assert checkpoint["settings"]["DATASET.HIERARCHY"] == "scenes"
        checkpoint["settings"]["DATASET.HIERARCHY"] = "scenes_plain"
        torch.save(checkpoint, path)
    return folder


def test_an_earlier_run_resumes_and_its_options_are_compared_under_their_new_names(tmp_path):
    root, folder = write_data(tmp_path / "data"), str(earlier_run("DualCoOp", tmp_path / "earlier"))
    args = command("DualCoOp", root, tmp_path / "out")
    train.main(["--resume", folder, *args])
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())
    stored = json.loads((FOLDERS / "DualCoOp" / "metrics.json").read_text())
    assert found["test"]["mAP"] == pytest.approx(stored["test"]["mAP"], abs=0.02)
    other = command("DualCoOp", root, tmp_path / "other")
    with pytest.raises(UserError, match=r"LOSS\.ASYMMETRICPAIRLOSS\.GAMMA_NEG was 3\.0, is 1\.5"):
        train.main(["--resume", folder, *other, "LOSS.ASYMMETRICPAIRLOSS.GAMMA_NEG", "1.5"])
