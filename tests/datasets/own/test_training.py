"""A run on users' own photographs, from the label file to the metrics, without Python code."""

import json

import numpy as np
import pytest
from PIL import Image

import train
from tests.conftest import NO_EXTRAS

COLOURS = {"red": (200, 30, 30), "green": (30, 160, 40), "blue": (30, 40, 200)}


@pytest.fixture
def run(tmp_path):
    """Return a function: data set YAML and trainer to the metrics of a short run."""

    def go(content, *opts, trainer="LinearProbe"):
        (tmp_path / "mine.yaml").write_text(content, encoding="utf-8")
        out = tmp_path / "out"
        args = ["--root", str(tmp_path / "photos"), "--seed", "1", "--trainer", trainer]
        args += ["--dataset-config-file", str(tmp_path / "mine.yaml")]
        args += ["--config-file", f"configs/trainers/{trainer}/scenes.yaml"]
        args += ["--output-dir", str(out), "OPTIM.MAX_EPOCH", "2", "INPUT.SIZE", "(32, 32)"]
        train.main([*args, *NO_EXTRAS, *opts])
        return json.loads((out / "metrics.json").read_text()), (out / "log.txt").read_text()

    return go


@pytest.fixture
def photos(tmp_path):
    """Draw 24 pictures of one or two colours each; return the colours of each name."""
    generator = np.random.default_rng(0)
    colours = {}
    names = list(COLOURS)
    for i in range(24):
        chosen = [names[i % 3]] if i % 2 else [names[i % 3], names[(i + 1) % 3]]
        pixels = generator.integers(0, 30, (40, 40, 3))
        for part, name in enumerate(chosen):
            pixels[:, 20 * part :] += np.array(COLOURS[name])
        path = tmp_path / "photos" / f"{i:02d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
        colours[path.name] = chosen
    return colours


def test_two_lines_of_yaml_train_on_a_csv_file(run, photos, tmp_path):
    lines = ["file_name,labels", *(f"{name},{'|'.join(c)}" for name, c in photos.items())]
    (tmp_path / "photos/photos.csv").write_text("\n".join(lines), encoding="utf-8")
    metrics, log = run("DATASET: {NAME: Csv, FILE: photos.csv}\n")
    assert 0 < metrics["val"]["mAP"] <= 100
    assert "Data set Csv has no val split" in log
    assert "Data set Csv has no test split" in log


def test_folders_of_classes_train(run, photos, tmp_path):
    for i, (name, colours) in enumerate(photos.items()):
        split = ("train", "train", "val", "test")[i // 6]
        folder = tmp_path / "photos" / split / colours[0]
        folder.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).rename(folder / name)
    metrics, log = run("DATASET:\n  NAME: Folder\n")
    assert metrics["test"]
    assert "DATASET.KIND auto is single_label" in log


@pytest.mark.parametrize("name", ["own_csv", "own_folder"])
def test_the_shipped_examples_are_valid(run, photos, tmp_path, name):
    from core.files import PROJECT

    content = (PROJECT / f"configs/datasets/{name}.yaml").read_text(encoding="utf-8")
    lines = ["file_name,labels,split"]
    for i, (image, colours) in enumerate(photos.items()):
        split = ("train", "train", "val", "test")[i // 6]
        lines.append(f"{image},{'|'.join(colours)},{split}")
        folder = tmp_path / "photos" / split / colours[0]
        folder.mkdir(parents=True, exist_ok=True)
        data = (tmp_path / "photos" / image).read_bytes()
        (folder / image).write_bytes(data)
    (tmp_path / "photos/photos.csv").write_text("\n".join(lines), encoding="utf-8")
    metrics, _ = run(content)
    assert metrics["test"]
