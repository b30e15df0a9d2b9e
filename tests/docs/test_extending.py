"""The examples of docs/extending.md run as they stand on the page."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from core import config
from core.config_merge import setup_cfg
from core.errors import UserError
from datasets import DATASET_REGISTRY, build_dataset
from engine.base_choice import TRAINER_REGISTRY
from engine.loop import TrainingStep
from engine.precision import Precision
from losses import LOSS_REGISTRY, binary_pair_loss, binary_sigmoid_loss
from models import FrozenEncoder, load_clip
from models.image import families
from tests.docs.page import read_page

ROOT = Path(__file__).parents[2]
PAGE = read_page(ROOT / "docs" / "extending.md")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a reader's folder: all files of the page, a ``python`` on the path, drawn pictures."""
    folder = tmp_path_factory.mktemp("reader")
    for section in PAGE.values():
        for name, content in section.files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    follow("", folder)
    return folder


def follow(heading, folder):
    """Run the commands of a section in order; each ends as the page says."""
    section = PAGE[heading]
    assert section.commands
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    env |= {"INTCLIP": str(ROOT), "PATH": f"{folder / 'bin'}{os.pathsep}{env['PATH']}"}
    for command, error in section.commands:
        done = subprocess.run(
            ["bash", "-e", "-c", command], cwd=folder, env=env, capture_output=True, text=True
        )
        said = f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        assert done.returncode == (2 if error else 0), said
        if error:
            assert done.stderr.strip().splitlines()[-1] == error, said


def metrics(folder, name):
    return json.loads((folder / "output" / name / "metrics.json").read_text())


def log(folder, name):
    return (folder / "output" / name / "log.txt").read_text()


def test_every_file_is_used_by_a_command_or_by_another_file():
    files = {name: text for section in PAGE.values() for name, text in section.files.items()}
    commands = [command for section in PAGE.values() for command, _ in section.commands]
    for name in files:
        others = [text for other, text in files.items() if other != name]
        used = Path(name).stem if name.endswith(".py") else Path(name).name
        assert any(used in text for text in [*commands, *others]), name


def test_a_loss_with_an_option_a_misspelt_one_and_a_refused_resume(folder):
    follow("A loss with an option", folder)
    results = metrics(folder, "focal")
    assert 0 < results["test"]["mAP"] <= 100
    assert "GAMMA: 1.5" in log(folder, "focal")


def test_a_trainer_hands_the_epoch_over_to_its_loss(folder, monkeypatch):
    follow("A loss that knows the epoch", folder)
    assert 0 < metrics(folder, "smoothed")["test"]["mAP"] <= 100
    said = "SmoothedProbe defines build_loss, so the option TRAINER.LINEARPROBE.LOSS has no effect"
    assert said in log(folder, "smoothed")
    monkeypatch.setattr(TRAINER_REGISTRY, "_obj_map", dict(TRAINER_REGISTRY._obj_map))
    exec(PAGE["A loss that knows the epoch"].files["smoothed.py"], {"__name__": "smoothed"})
    trainer = object.__new__(TRAINER_REGISTRY.get("SmoothedProbe"))
    trainer.dm = SimpleNamespace(set_epoch=lambda epoch: None)
    trainer.loss = trainer.build_loss()
    logits, target = torch.zeros(2, 3) + 5, torch.ones(2, 3)
    values = []
    for trainer.epoch in (0, 1, 4):
        trainer.before_epoch()
        share = 0.2 / (trainer.epoch + 1)
        expected = binary_sigmoid_loss(logits, (1 - share) * target + share / 2)
        values.append(trainer.loss(logits, target))
        torch.testing.assert_close(values[-1], expected, rtol=1e-5, atol=1e-5)
    assert values[0] > values[1] > values[2]


@pytest.mark.slow
def test_a_trainer_with_two_options_and_a_network_of_its_own(folder):
    follow("A trainer with two options", folder)
    assert 0 < metrics(folder, "bottleneck")["test"]["mAP"] <= 100
    checkpoint = next((folder / "output" / "bottleneck").rglob("model.pth.tar-1"))
    weights = torch.load(checkpoint, weights_only=False)["state_dict"]
    assert {name: tuple(value.shape) for name, value in weights.items()} == {
        "mlp.0.weight": (16, 128),
        "mlp.0.bias": (16,),
        "mlp.2.weight": (20, 16),
        "mlp.2.bias": (20,),
    }


def test_the_table_names_pictures_that_the_page_draws(folder):
    rows = (folder / "data" / "photos.csv").read_text().splitlines()[1:]
    assert len(rows) == 16
    for row in rows:
        assert (folder / "data" / row.split(",")[0]).is_file(), row


@pytest.mark.slow
def test_a_data_set_from_a_csv_file_under_a_trainer_of_ones_own(folder):
    follow("A data set from a CSV file", folder)
    assert 0 <= metrics(folder, "photos")["test"]["mAP"] <= 100
    per_class = (folder / "output" / "photos" / "per_class.csv").read_text()
    for name in ("bright", "colorful", "contrasty"):
        assert name in per_class


def test_a_metric_is_reported_and_selects(folder):
    follow("A metric", folder)
    results = metrics(folder, "hamming")
    assert next(iter(results["val"])) == "hamming"
    assert 0 < results["test"]["hamming"] <= 100


def test_a_decision_rule_is_listed_beside_the_others_and_stored(folder):
    follow("A decision rule", folder)
    assert "RelativeScore (tuned on val)" in log(folder, "relative")
    output = folder / "output" / "relative"
    rule = json.loads((output / "rule.json").read_text())
    assert rule["name"] == "RelativeScore" and 0.5 <= rule["parameters"]["share"] <= 1
    intervals = json.loads((output / "intervals.json").read_text())
    assert "difference" in intervals["rules"]["RelativeScore"]
    assert "RelativeScore" in (output / "report.html").read_text()


@pytest.mark.slow
def test_an_evaluator_of_three_methods_replaces_the_report(folder):
    follow("An evaluator", folder)
    results = metrics(folder, "exact")
    assert list(results["val"]) == list(results["test"]) == ["exact_match"]
    assert 0 <= results["test"]["exact_match"] <= 100


@pytest.mark.slow
def test_a_backbone_family_trains_with_a_published_method(folder):
    follow("A backbone family", folder)
    assert 0 < metrics(folder, "convnext")["test"]["mAP"] <= 100
    assert "semantic" in log(folder, "convnext")


def test_the_backbone_family_gives_the_embedding_of_the_clip_it_wraps(folder, monkeypatch):
    monkeypatch.setattr(families, "_FAMILIES", dict(families._FAMILIES))
    exec(PAGE["A backbone family"].files["convnext.py"], {"__name__": "convnext"})
    visual = load_clip("", arch=str(folder / "convnext.json"), generator_seed=0).visual
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    encoder = FrozenEncoder(visual, "concat")
    features = encoder.frozen_features(images)
    torch.testing.assert_close(features.pooled, visual(images), rtol=1e-4, atol=1e-5)
    assert features.mean.shape == (2, 64)


@pytest.mark.parametrize("micro_batch", [3, 4])
def test_the_loss_has_the_same_gradient_in_micro_batches(monkeypatch, micro_batch):
    focal = build_focal(monkeypatch)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(16, 5, generator=generator)
    labels = torch.randint(-1, 2, (16, 4), generator=generator).float()

    def update(size):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(5, 8), nn.Unflatten(1, (2, 4)))
        optim = torch.optim.SGD(network.parameters(), lr=0.1)
        precision = Precision("fp32", torch.device("cpu"))
        step = TrainingStep(network, network, focal, optim, precision, micro_batch=size)
        return step(images, labels), network[0].weight.detach()

    torch.testing.assert_close(update(micro_batch), update(0), rtol=1e-5, atol=1e-6)


def test_the_loss_without_focusing_is_binary_cross_entropy(monkeypatch):
    focal = build_focal(monkeypatch, gamma=0.0)
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 2, 4, generator=generator)
    target = torch.tensor([0.0, 0.3, 1.0, -1.0]).expand(6, 4)
    expected = binary_pair_loss(logits, target)
    torch.testing.assert_close(focal(logits, target), expected, rtol=1e-5, atol=1e-5)


def test_the_option_of_the_data_set_names_the_file(folder, monkeypatch):
    monkeypatch.setattr(DATASET_REGISTRY, "_obj_map", dict(DATASET_REGISTRY._obj_map))
    monkeypatch.setattr(config, "_declared", dict(config.declared_keys()))
    exec(PAGE["A data set from a CSV file"].files["photos.py"], {"__name__": "photos"})
    opts = ["DATASET.NAME", "Photos", "DATASET.ROOT", str(folder / "data")]
    dataset = build_dataset(setup_cfg([], opts=opts))
    assert (len(dataset.train_x), len(dataset.val), len(dataset.test)) == (8, 4, 4)
    with pytest.raises(UserError, match=r"other\.csv does not exist"):
        build_dataset(setup_cfg([], opts=[*opts, "DATASET.PHOTOS.FILE", "other.csv"]))


def build_focal(monkeypatch, **settings):
    """Return the loss of the page; what it registers and declares is forgotten after the test."""
    monkeypatch.setattr(LOSS_REGISTRY, "_obj_map", dict(LOSS_REGISTRY._obj_map))
    monkeypatch.setattr(config, "_declared", dict(config.declared_keys()))
    exec(PAGE["A loss with an option"].files["focal.py"], {"__name__": "focal"})
    return LOSS_REGISTRY.get("FocalLoss")(**settings)
