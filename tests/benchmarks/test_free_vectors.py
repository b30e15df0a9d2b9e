"""The controls with free vectors: trainers of the project with another text component."""

import pytest
import torch

import benchmarks.methods.free_vectors  # noqa: F401  (registers the trainers)
from benchmarks.methods.free_vectors import with_free_text
from models import DualCoOpNetwork, FreeText, IntCLIPNetwork
from tests.models.text.test_prompts import TEXTS

SETTINGS = {"num_ctx_pos": 3, "num_ctx_neg": 2, "class_specific": False, "text_chunk_size": 2}


@pytest.mark.parametrize("network_class", [DualCoOpNetwork, IntCLIPNetwork])
def test_only_the_text_component_differs(resnet_clip, network_class):
    def build(make):
        generator = torch.Generator().manual_seed(3)
        return make(resnet_clip, TEXTS, generator=generator, **SETTINGS)

    free, prompted = build(with_free_text(network_class)), build(network_class)
    assert isinstance(free.text, FreeText)
    assert type(free) is type(prompted) is network_class
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(free(images), prompted(images), atol=1e-4, rtol=1e-4)

    def rest(model):
        state = model.trainable_state_dict()
        return {name: value for name, value in state.items() if not name.startswith("text.")}

    assert rest(free).keys() == rest(prompted).keys()
    for name, value in rest(free).items():
        assert torch.equal(value, rest(prompted)[name]), name


def test_the_vectors_learn(resnet_clip):
    model = with_free_text(DualCoOpNetwork)(resnet_clip, TEXTS, **SETTINGS)
    model(torch.randn(1, 3, 64, 64)).sum().backward()
    assert model.text.positive.grad.any() and model.text.negative.grad.any()
