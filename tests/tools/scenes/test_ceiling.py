"""The ceiling of drawn scenes, and the fit of an intent's frequency."""

from dataclasses import replace

import numpy as np
import pytest

from tools.scenes import ceiling as module
from tools.scenes import get_world
from tools.scenes.calibrate import FREQUENT, RARE, fit_biases, frequencies
from tools.scenes.ceiling import ceiling, main
from tools.scenes.make import make_scenes


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("scenes")
    make_scenes(root, seed=5, size=16, num_train=1, num_val=1, num_test=150)
    return root


def test_disagreement_leaves_a_ceiling_below_100(root):
    found = ceiling(root)
    assert 70 < found.mean_ap < 98 and 75 < found.first_guess < 98


def test_without_noise_there_is_no_ceiling(root, monkeypatch):
    world = get_world("rich")
    agreeing = replace(world.annotators, shared_noise=0.0, own_noise=0.0, preference={})
    silent = replace(world, annotators=agreeing)
    monkeypatch.setattr(module, "get_world", lambda name: silent)
    found = ceiling(root)
    assert found.mean_ap == found.first_guess == pytest.approx(100)


def test_command_line(root, tmp_path, capsys):
    assert main(["--root", str(root)]) == 0
    assert capsys.readouterr().out == f"{ceiling(root).first_guess:.1f}\n"
    assert main(["--root", str(root), "--metric", "mAP"]) == 0
    assert capsys.readouterr().out == f"{ceiling(root).mean_ap:.1f}\n"
    assert main(["--root", str(tmp_path)]) == 2
    assert "has no readable scenes.json" in capsys.readouterr().err


def test_biases_are_fitted_to_falling_frequencies():
    world = get_world("rich")
    rng = np.random.default_rng(3)
    scenes = [world.sample(rng) for _ in range(300)]
    flat = [replace(intent, bias=-2.0) for intent in world.annotators.intents]
    start = replace(world.annotators, intents=tuple(flat))
    wanted = np.geomspace(FREQUENT, RARE, len(flat))
    errors = []
    for annotators in (start, fit_biases(start, scenes)):
        agreed = frequencies(annotators, scenes, seed=77)[1]
        errors.append(np.abs(np.log(np.maximum(agreed, 1e-3) / wanted)).mean())
    assert errors[1] < 0.3 < errors[0]
