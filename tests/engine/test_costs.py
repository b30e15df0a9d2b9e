"""Costs: counts against formulas, and no trace in random states, modes or weights."""

import copy
import random

import numpy as np
import pytest
import torch
from torch import nn

from engine.costs import count_parameters, measure_costs, training_time
from engine.precision import Precision
from models import FineTuneNetwork, IntCLIPNetwork, LinearProbeNetwork, ZeroshotCLIPNetwork
from models.clip.load import load_clip

CPU = torch.device("cpu")
WORDS = ["calm", "joy", "pride"]


def measure(network, predict=None, size=(64, 64), batch_size=4):
    return measure_costs(
        network,
        predict or (lambda images: network.scores(network(images))),
        input_size=size,
        batch_size=batch_size,
        device=CPU,
        precision=Precision("fp32", CPU),
    )


class Small(nn.Module):
    """A convolution and a linear layer, whose FLOPs are known."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, kernel_size=3, padding=1, bias=False)
        self.linear = nn.Linear(8, 5)
        self.linear.requires_grad_(False)
        self.dropout = nn.Dropout(0.5)

    def forward(self, images):
        return self.linear(self.dropout(self.conv(images).mean(dim=(2, 3))))


def test_flops_of_a_convolution_and_a_linear_layer_follow_from_their_shapes():
    network = Small()
    costs = measure(network, network, size=(16, 12))
    convolution = 2 * 3 * 3 * 3 * 8 * 16 * 12
    assert costs["flops_per_image"] == convolution + 2 * 8 * 5
    assert costs["flops_text"] == 0


def test_flops_of_an_attention_are_counted_in_evaluation_mode():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(16, 2, batch_first=True)

        def forward(self, images):
            x = images.flatten(2).transpose(1, 2).repeat(1, 1, 6)[..., :16]  # (B, HW, 16)
            return self.attention(x, x, x, need_weights=False)[0]

    network = Attention()
    tokens, width = 4 * 4, 16
    projections = 4 * 2 * tokens * width * width
    products = 2 * 2 * tokens * tokens * width
    costs = measure(network, network, size=(4, 4))
    assert costs["flops_per_image"] == projections + products


def test_learnable_and_total_parameters_count_a_shared_one_once():
    network = Small()
    network.again = network.conv
    assert count_parameters(network) == {
        "learnable_parameters": 3 * 8 * 9,
        "total_parameters": 3 * 8 * 9 + 8 * 5 + 5,
    }


@pytest.mark.parametrize(
    "build",
    [
        IntCLIPNetwork,
        ZeroshotCLIPNetwork,
        lambda clip, words: LinearProbeNetwork(clip, len(words)),
        lambda clip, words: FineTuneNetwork(clip, len(words)),
    ],
)
def test_every_network_is_measured_and_stays_as_it_was(build):
    clip = load_clip(
        "", arch="configs/backbones/scenes_rn.json", pretrained=False, generator_seed=0
    )
    network = build(clip, WORDS).train()
    weights = copy.deepcopy(network.state_dict())
    modes = [module.training for module in network.modules()]
    states = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    costs = measure(network)
    assert costs["flops_per_image"] > 0
    assert costs["latency_ms"] > 0 and costs["throughput_images_per_second"] > 0
    assert 1 <= costs["throughput_batch_size"] <= 4
    assert [module.training for module in network.modules()] == modes
    assert random.getstate() == states[0]
    assert (np.random.get_state()[1] == states[1]).all()
    assert torch.equal(torch.get_rng_state(), states[2])
    for name, value in network.state_dict().items():
        assert torch.equal(value, weights[name])


def test_texts_are_counted_once_and_not_per_image():
    clip = load_clip(
        "", arch="configs/backbones/scenes_rn.json", pretrained=False, generator_seed=0
    )
    few, many = IntCLIPNetwork(clip, WORDS[:1]), IntCLIPNetwork(clip, WORDS)
    costs = [measure(network) for network in (few, many)]
    assert costs[1]["flops_text"] == pytest.approx(3 * costs[0]["flops_text"], rel=0.05)
    assert costs[1]["flops_per_image"] < 1.5 * costs[0]["flops_per_image"]


def test_a_network_that_cannot_predict_images_keeps_its_parameter_counts(caplog):
    def fail(images):
        raise RuntimeError("needs two views")

    network = Small()  # its weights are drawn before the state is read
    state = torch.get_rng_state()
    costs = measure(network, fail)
    assert costs["total_parameters"] == 261
    assert "latency_ms" not in costs
    assert "needs two views" in caplog.text
    assert torch.equal(state, torch.get_rng_state())


def test_a_network_that_draws_random_numbers_does_not_move_the_generators():
    network = Small()
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    measure(network, lambda images: network(images + torch.rand(())))
    assert torch.equal(torch.rand(2), expected)


def test_an_interruption_is_not_taken_for_a_network_that_cannot_predict():
    def interrupt(images):
        raise KeyboardInterrupt

    network = Small().train()
    with pytest.raises(KeyboardInterrupt):
        measure(network, interrupt)
    assert network.training


def test_training_time_is_of_the_epochs_of_this_process(monkeypatch):
    monkeypatch.setattr("engine.costs.time.time", lambda: 130.0)
    costs = training_time(100.0, epochs=3, num_images=48)
    assert costs == {
        "training_seconds": 30.0,
        "training_epochs": 3,
        "training_images_per_epoch": 48,
    }
    assert training_time(100.0, epochs=0, num_images=48) == {}
