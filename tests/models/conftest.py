"""Tiny CLIPs: random, but with every parameter and statistic away from its neutral value."""

import json
from pathlib import Path

import open_clip
import pytest
import torch

TEXT = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 2}
RESNET = {
    "embed_dim": 32,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 96, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None},
    "text_cfg": TEXT,
}
VIT = {
    "embed_dim": 32,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 48, "layers": 3, "width": 64, "patch_size": 16},
    "text_cfg": TEXT,
}


def make_clip(config: dict, seed: int = 0) -> open_clip.CLIP:
    torch.manual_seed(seed)
    model = open_clip.CLIP(**json.loads(json.dumps(config))).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1 and name.startswith(("visual", "transformer", "ln")):
                parameter.add_(0.2 * torch.randn_like(parameter))
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.copy_(0.5 + torch.rand_like(module.weight))
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    return model.requires_grad_(False)


@pytest.fixture
def resnet_clip() -> open_clip.CLIP:
    return make_clip(RESNET)


@pytest.fixture
def vit_clip() -> open_clip.CLIP:
    return make_clip(VIT)


@pytest.fixture
def arch(tmp_path: Path) -> str:
    path = tmp_path / "arch.json"
    path.write_text(json.dumps(RESNET))
    return str(path)


@pytest.fixture(params=["resnet", "vit"])
def any_clip(request: pytest.FixtureRequest) -> open_clip.CLIP:
    return make_clip(RESNET if request.param == "resnet" else VIT)
