"""Backbone families: found by the class of CLIP's image encoder, from outside the project too."""

import pytest
import torch
from torch import nn

from core.errors import UserError
from models import (
    DualCoOpNetwork,
    FrozenEncoder,
    IntCLIPNetwork,
    SightSemantic,
    SightSemanticResNet,
    SightSemanticViT,
    build_encoder,
    find_family,
    register_family,
)
from models.image import families
from tests.models.text.test_prompts import TEXTS


class Convolution(nn.Module):
    """An image encoder of somebody else: two convolutions and the mean over locations."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 8, stride=8)
        self.second = nn.Conv2d(8, 32, 1)


class MeanPool(nn.Module):
    def forward(self, shared, tail):
        return tail.mean(dim=(2, 3))


class ConvolutionFamily(SightSemantic):
    """Both branches of :class:`Convolution`: the second convolution twice."""

    def __init__(self, visual, settings):
        super().__init__(settings)
        self.trunk = visual.first
        if settings.branches != "semantic":
            self.sight = nn.Sequential(visual.second)
        if settings.branches != "sight":
            self.semantic = nn.Sequential(nn.Conv2d(8, 32, 1))
        self.embed_dim = 32
        self._freeze()

    @staticmethod
    def build_global_pool(visual):
        return MeanPool()

    def run_trunk(self, images):
        return self.trunk(images)

    def read(self, x, size):
        return x

    def read_global(self, x):
        return x.mean(dim=(2, 3))

    def split_point(self):
        return "second"


@pytest.fixture
def foreign_clip(resnet_clip, monkeypatch):
    monkeypatch.setattr(families, "_FAMILIES", dict(families._FAMILIES))
    resnet_clip.visual = Convolution()
    return resnet_clip


def test_a_family_from_outside_registers_itself(foreign_clip):
    with pytest.raises(UserError, match="Convolution has no dense form"):
        build_encoder(foreign_clip.visual)
    register_family(Convolution)(ConvolutionFamily)
    images = torch.randn(2, 3, 32, 48)
    for network in (IntCLIPNetwork, DualCoOpNetwork):
        model = network(
            foreign_clip, TEXTS, num_ctx_pos=3, num_ctx_neg=3, regions="global+locations"
        )
        assert model(images).shape == (2, 2, len(TEXTS))
    pooled = FrozenEncoder(foreign_clip.visual, "concat").frozen_features(images)
    torch.testing.assert_close(pooled.pooled, pooled.mean)


def test_the_family_of_a_subclass_is_its_parents(resnet_clip, vit_clip):
    assert find_family(resnet_clip.visual) is SightSemanticResNet
    assert find_family(vit_clip.visual) is SightSemanticViT
    vit_clip.visual.__class__ = type("Derived", (type(vit_clip.visual),), {})
    assert find_family(vit_clip.visual) is SightSemanticViT


def test_a_second_family_for_one_class_is_an_error_that_names_both(foreign_clip):
    register_family(Convolution)(ConvolutionFamily)
    assert register_family(Convolution)(ConvolutionFamily) is ConvolutionFamily
    with pytest.raises(KeyError, match=r"ConvolutionFamily already; .*SightSemanticViT"):
        register_family(Convolution)(SightSemanticViT)
