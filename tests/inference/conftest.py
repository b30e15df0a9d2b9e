"""Finished runs on drawn scenes, whose data set is then hidden, and predictors of them.

Beside them, predictors over the shipped CLIP: zero-shot by region, and methods before training.
"""

import shutil

import pytest

import train
from core.config_merge import setup_cfg
from datasets.classes_only import ClassesOnly
from datasets.hierarchy import default_hierarchy
from evaluation import FixedThreshold
from inference.open_run import build_without_data
from inference.predictor import IntentPredictor
from tests.conftest import FAST
from tools.scenes.make import make_scenes

CLASSES = ["red ball", "house", "bird", "boat"]
ZERO_SHOT = "configs/trainers/ZeroshotCLIP/scenes.yaml"


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


def by_region(*options, classes=CLASSES):
    """Return zero-shot CLIP by region over classes."""
    prefix = "TRAINER.ZEROSHOTCLIP"
    own = [f"{prefix}.FEATURES", "region", f"{prefix}.CLASS_TEXT", "name"]
    return IntentPredictor.from_classes(
        list(classes), config_file=ZERO_SHOT, rule="0.5", options=[*own, *options]
    )


def untrained(trainer, *options):
    """Return a method with its initial weights."""
    opts = ["TRAINER.NAME", trainer, *options]
    cfg = setup_cfg([f"configs/trainers/{trainer}/scenes.yaml"], opts=opts)
    dataset = ClassesOnly(CLASSES, default_hierarchy(CLASSES))
    return IntentPredictor(build_without_data(cfg, dataset), FixedThreshold(0.5))


@pytest.fixture(scope="session")
def region_predictor():
    return by_region()


@pytest.fixture(scope="session")
def intclip_predictor():
    names = ["N_CTX_POS", "2", "N_CTX_NEG", "3", "CLASS_TEXT", "name"]
    names += ["REGIONS", "global+locations"]
    options = []
    for key, value in zip(names[::2], names[1::2], strict=True):
        options += [f"TRAINER.INTCLIP.{key}", value]
    return untrained("IntCLIP", *options)
