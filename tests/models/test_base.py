"""The base of networks: named frozen features, names of earlier checkpoints, speed, text."""

import contextlib

import pytest
import torch
from torch import nn

from core.errors import UserError
from models import (
    DualCoOpNetwork,
    FineTuneNetwork,
    FreeText,
    IntCLIPNetwork,
    LinearProbeNetwork,
    PooledFeatures,
    PromptedText,
    ZeroshotCLIPNetwork,
    learnable_groups,
)
from tests.models.text.test_prompts import TEXTS

PROMPTS = {"num_ctx_pos": 3, "num_ctx_neg": 3}
NETWORKS = {
    "IntCLIP": lambda clip: IntCLIPNetwork(clip, TEXTS, **PROMPTS),
    "DualCoOp": lambda clip: DualCoOpNetwork(clip, TEXTS, **PROMPTS),
    "FineTune": lambda clip: FineTuneNetwork(clip, 3),
    "LinearProbe": lambda clip: LinearProbeNetwork(clip, 3, features="concat"),
    "ZeroshotCLIP": lambda clip: ZeroshotCLIPNetwork(clip, TEXTS),
    "ZeroshotCLIP by region": lambda clip: ZeroshotCLIPNetwork(clip, TEXTS, features="region"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_frozen_features_survive_the_way_through_a_flat_tuple(resnet_clip, name):
    model, images = NETWORKS[name](resnet_clip).eval(), torch.randn(3, 3, 64, 64)
    features = model.frozen_features(images)
    restored = model.restore_features(features.tensors, (64, 64))
    assert restored.named_tensors().keys() == features.named_tensors().keys()
    assert torch.equal(model(restored), model(images))
    parts = restored.split(2)
    assert [len(part.tensors[0]) for part in parts] == [2, 1]
    torch.testing.assert_close(
        torch.cat([model(part) for part in parts]), model(images), atol=1e-4, rtol=1e-4
    )


def test_fields_that_are_none_are_left_out():
    features = PooledFeatures((5, 7), mean=torch.ones(2, 3))
    doubled = features.map(lambda tensor: 2 * tensor)
    assert tuple(doubled.named_tensors()) == ("mean",)
    assert doubled.pooled is None
    assert doubled.image_size == (5, 7)
    assert torch.equal(doubled.mean, torch.full((2, 3), 2.0))


def test_names_of_earlier_checkpoints_are_translated(resnet_clip):
    model = NETWORKS["DualCoOp"](resnet_clip)
    shape = model.text.prompts.ctx_pos.shape
    old = {"prompts.ctx_pos": torch.full(shape, 1.0), "prompts.ctx_neg": torch.full(shape, 2.0)}
    model.load_trainable_state_dict(old)
    assert torch.equal(model.text.prompts.ctx_pos, old["prompts.ctx_pos"])
    assert torch.equal(model.text.prompts.ctx_neg, old["prompts.ctx_neg"])
    free = DualCoOpNetwork(resnet_clip, TEXTS, text=FreeText(model.text()))
    vectors = {"prompts.pos": torch.ones(3, 32), "prompts.neg": torch.zeros(3, 32)}
    free.load_trainable_state_dict(vectors)
    assert torch.equal(free.text.positive, vectors["prompts.pos"])
    with pytest.raises(UserError, match=r"unexpected prompts\.other"):
        model.load_trainable_state_dict({**old, "prompts.other": torch.ones(1)})


@pytest.mark.parametrize("name", NETWORKS)
def test_the_groups_of_every_network_are_complete(resnet_clip, name):
    model = NETWORKS[name](resnet_clip)
    learnable = [p for p in model.parameters() if p.requires_grad]
    grouped = [p for group in learnable_groups(model).values() for p in group]
    assert set(map(id, grouped)) == set(map(id, learnable))


class _Layers(nn.Module):
    """Two layers, of which ``second`` is frozen, and groups that a test gives."""

    def __init__(self, groups):
        super().__init__()
        self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2).requires_grad_(False)
        self.groups = groups

    def parameter_groups(self):
        return self.groups(self)


@pytest.mark.parametrize(
    ("groups", "fault"),
    [
        (lambda self: {"all": [self.first.weight]}, "(missing: first.bias)"),
        (
            lambda self: {"a": self.first.parameters(), "b": [self.first.bias]},
            "(more than once: first.bias)",
        ),
        (lambda self: {"all": self.parameters()}, "(frozen: second.weight, second.bias)"),
        (
            lambda self: {"all": [*self.first.parameters(), nn.Parameter(torch.ones(3))]},
            "(of another module: (3,))",
        ),
        (lambda self: {}, "(missing: first.weight, first.bias)"),
    ],
)
def test_groups_that_do_not_fit_the_network_end_in_one_line(groups, fault):
    with pytest.raises(UserError) as caught:
        learnable_groups(_Layers(groups))
    assert fault in str(caught.value) and "\n" not in str(caught.value)
    fitting = _Layers(lambda self: {"all": self.first.parameters()})  # an iterator will do
    assert learnable_groups(fitting) == {"all": [fitting.first.weight, fitting.first.bias]}


def test_a_text_component_takes_the_place_of_the_prompts(resnet_clip):
    def generator():
        return torch.Generator().manual_seed(4)

    text = FreeText(PromptedText(resnet_clip, TEXTS, **PROMPTS)())
    model = IntCLIPNetwork(resnet_clip, TEXTS, text=text, generator=generator(), **PROMPTS)
    assert model.parameter_groups()["prompts"] == [text.positive, text.negative]
    names = {name for name in model.trainable_state_dict() if name.startswith("text.")}
    assert names == {"text.positive", "text.negative"}
    images = torch.randn(2, 3, 64, 64)
    prompted = IntCLIPNetwork(resnet_clip, TEXTS, generator=generator(), **PROMPTS)
    prompted.aggregation.load_state_dict(model.aggregation.state_dict())
    with torch.no_grad():
        same = FreeText(prompted.text())
    free = IntCLIPNetwork(resnet_clip, TEXTS, text=same)
    torch.testing.assert_close(free(images), prompted(images), atol=1e-4, rtol=1e-4)


def test_only_networks_with_text_share_it(resnet_clip):
    model = NETWORKS["IntCLIP"](resnet_clip)
    with model.shared_text():
        assert model.text().positive is model.text().positive
    assert isinstance(NETWORKS["FineTune"](resnet_clip).shared_text(), contextlib.nullcontext)


PARTS = {
    "IntCLIP": {"trunk", "semantic", "text"},
    "DualCoOp": {"trunk", "text"},
    "FineTune": {"trunk", "semantic"},
    "LinearProbe": {"trunk"},
    "ZeroshotCLIP": {"trunk"},
    "ZeroshotCLIP by region": {"trunk"},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_speed_is_asked_of_the_parts_that_a_network_has(resnet_clip, name):
    model, images = NETWORKS[name](resnet_clip), torch.randn(2, 3, 64, 64)
    expected = model(images)
    assert model.channels_last()
    assert model.recompute() == ("semantic" in PARTS[name])
    assert model.compile_parts(("trunk", "semantic", "text"), backend="eager") == PARTS[name]
    torch.testing.assert_close(model(images), expected, atol=1e-4, rtol=1e-4)
