"""The first losses of every trainer are the recorded ones: a change of numbers is seen at once."""

import json

import pytest
import torch

from tests.golden.data import write_data
from tests.golden.make import LEARNING, LOSSES, NUM_STEPS, build, build_in_float64, train_steps

STORED = json.loads(LOSSES.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("golden") / "data")


@pytest.mark.parametrize("name", LEARNING)
def test_thirty_losses_in_float64(root, tmp_path, name):
    losses = train_steps(build_in_float64(name, root, tmp_path), dtype=torch.float64)
    assert len(losses) == NUM_STEPS
    assert losses == pytest.approx(STORED["float64"][name], rel=1e-6)


@pytest.mark.parametrize("name", LEARNING)
def test_ten_losses_in_float32(root, tmp_path, name):
    losses = train_steps(build(name, root, tmp_path), num_steps=10)
    assert losses == pytest.approx(STORED["float32"][name][:10], rel=1e-4)
