"""The backbones that a name can choose, described without building them."""

import open_clip
import pytest
import torch

from models.clip.catalog import count_parameters, list_backbones
from models.clip.configs import PUBLISHED, named_config
from models.image.families import find_family

BACKBONES = {backbone.name: backbone for backbone in list_backbones()}
SMALL = ["RN50", "RN101", "RN50x4", "ViT-B/32", "ViT-S-16-alt", "ViT-M-32"]
OTHERS = sorted(set(BACKBONES) - set(SMALL))


def build(name):
    with torch.device("meta"):
        return open_clip.CLIP(**named_config(name))


def test_openais_backbones_come_first_and_only_they_have_a_download():
    names = list(BACKBONES)
    assert names[: len(PUBLISHED)] == list(PUBLISHED)
    have = [backbone.has_download for backbone in BACKBONES.values()]
    assert have == sorted(have, reverse=True) and not all(have)
    assert BACKBONES["ViT-L/14-336"].image_size == 336
    assert BACKBONES["RN101"].describe() == (
        "ResNet         224 px, embed  512,   120 M parameters, OpenAI's weights"
    )


def test_other_text_encoders_and_image_encoders_without_a_family_are_left_out():
    for name in ("ViT-B-16-SigLIP", "roberta-ViT-B-32", "convnext_base"):
        assert name in open_clip.list_models() and name not in BACKBONES
    assert "ViT-H-14-worldwide" not in BACKBONES  # which not every version of open_clip lists


@pytest.mark.parametrize("name", SMALL)
def test_the_number_of_parameters_is_that_of_the_network(name):
    network = build(name)
    assert BACKBONES[name].num_parameters == sum(p.numel() for p in network.parameters())
    assert find_family(network.visual)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_the_number_of_parameters_of_every_other_backbone(name):
    network = build(name)
    assert BACKBONES[name].num_parameters == sum(p.numel() for p in network.parameters())
    assert find_family(network.visual)


def test_the_number_is_unknown_for_an_architecture_that_is_not_counted():
    config = named_config("ViT-B/32")
    config["vision_cfg"]["attentional_pool"] = True
    assert count_parameters(config) is None
