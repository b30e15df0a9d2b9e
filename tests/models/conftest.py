"""Tiny CLIPs with real text encoders' vocabulary, in float32 on the CPU."""

import open_clip
import pytest
import torch
from torch import nn

TEXT = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 2}
RESNET = {"layers": [1, 1, 1, 1], "width": 8, "image_size": 64, "patch_size": None}
VIT = {"layers": 3, "width": 64, "image_size": 32, "patch_size": 8}


def make_clip(vision):
    torch.manual_seed(0)
    clip = open_clip.CLIP(32, dict(vision), dict(TEXT), quick_gelu=True).eval()
    for name, parameter in clip.named_parameters():
        # open_clip starts bn3 and biases at values that would hide their work.
        if parameter.dim() == 1 and "logit" not in name:
            nn.init.uniform_(parameter, 0.5, 1.0)
    for module in clip.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return clip.requires_grad_(False)


@pytest.fixture
def resnet_clip():
    return make_clip(RESNET)


@pytest.fixture
def vit_clip():
    return make_clip(VIT)
