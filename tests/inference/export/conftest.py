"""A small finished run, whose backbone and data lie outside of the project."""

import shutil

import pytest

import train
from core.files import PROJECT
from tests.conftest import FAST

SECRET = "machine_of_somebody"  # part of every path that an export must not show


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp(SECRET)


@pytest.fixture(scope="session")
def backbone(place):
    """Return the file of the backbone, outside of the project."""
    return shutil.copyfile(PROJECT / "assets/scenes_rn.safetensors", place / "clip.safetensors")


@pytest.fixture(scope="session")
def finished(scenes_root, place, backbone):
    """Return a function: trainer to the output folder of its run."""
    data = shutil.copytree(scenes_root, place / "data")
    folders = {}

    def folder(trainer):
        if trainer not in folders:
            folders[trainer] = place / trainer
            train.main([
                "--root", str(data), "--seed", "1", "--trainer", trainer,
                "--dataset-config-file", "configs/datasets/scenes.yaml",
                "--config-file", f"configs/trainers/{trainer}/scenes.yaml",
                "--output-dir", str(folders[trainer]), *FAST,
                "OPTIM.MAX_EPOCH", "1", "MODEL.BACKBONE.PATH", str(backbone),
            ])  # fmt: skip
        return folders[trainer]

    return folder


@pytest.fixture(scope="session")
def photos(place, finished):
    """Return three pictures that the runs have not been trained on."""
    return sorted((place / "data" / "low").iterdir())[-3:]
