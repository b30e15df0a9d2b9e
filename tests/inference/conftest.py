"""Finished runs on drawn scenes, whose data set is then hidden, and predictors of them."""

import shutil

import pytest

import train
from inference.predictor import IntentPredictor
from tests.conftest import FAST
from tools.scenes.make import make_scenes


def train_run(root, out, trainer, *opts):
    """Train for two epochs, or evaluate a trainer that learns nothing, and return ``out``."""
    train.main(
        [
            *("--root", str(root), "--seed", "1", "--trainer", trainer),
            *("--dataset-config-file", "configs/datasets/scenes.yaml"),
            *("--config-file", f"configs/trainers/{trainer}/scenes.yaml"),
            *("--output-dir", str(out), *FAST, "OPTIM.MAX_EPOCH", "2", *map(str, opts)),
        ]
    )
    return out


@pytest.fixture(scope="session")
def runs_folder(tmp_path_factory):
    """Return the folder of all runs."""
    return tmp_path_factory.mktemp("inference_runs")


@pytest.fixture(scope="session")
def run(runs_folder):
    """Return the folder of a run of IntCLIP: last step, both epochs kept, batches of 16.

    Its data set is not where the run read it any more, but in ``pictures`` beside it.
    """
    root, out = runs_folder / "data", runs_folder / "intclip"
    make_scenes(root, seed=0, size=64, num_train=32, num_val=16, num_test=24)
    options = ("TRAIN.CHECKPOINT_FREQ", 1, "DATALOADER.TEST.BATCH_SIZE", 16)
    train_run(root, out, "IntCLIP", *options, "TEST.FINAL_MODEL", "last_step")
    shutil.move(root, runs_folder / "pictures")
    return out


@pytest.fixture(scope="session")
def pictures(run):
    """Return the folder of the pictures of the run."""
    return run.parent / "pictures"


@pytest.fixture(scope="session")
def predictor(run):
    """Return the predictor of the run."""
    return IntentPredictor.from_run(run)


@pytest.fixture
def copied(run, tmp_path):
    """Return a copy of the run's folder that a test may damage."""
    return shutil.copytree(run, tmp_path / "copied")
