"""Checkpoint files in the three formats, architecture files, names, and what is wrong with them."""

import json
import logging
import math

import open_clip
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from core.errors import UserError
from models import CLIP_MEAN, image_statistics, load_clip
from models.clip.weights import read_torchscript_archive
from tests.models.conftest import RESNET, TEXT


class Holder(nn.Module):
    """A module of nothing but parameters under dotted names, as an archive's attributes are."""

    def __init__(self, tensors):
        super().__init__()
        groups = {}
        for name, tensor in tensors.items():
            head, _, rest = name.partition(".")
            if rest:
                groups.setdefault(head, {})[rest] = tensor
            else:
                self.register_buffer(head, tensor)
        for name, inner in groups.items():
            self.add_module(name, Holder(inner))

    def forward(self, x):
        return x


def write(state, path, form):
    half = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    if form == "torchscript":
        extra = {
            "input_resolution": torch.tensor(64),
            "context_length": torch.tensor(77),
            "vocab_size": torch.tensor(49408),
        }
        torch.jit.save(torch.jit.script(Holder({**half, **extra})), str(path))
    elif form == "safetensors":
        save_file({k: v.clone() for k, v in half.items()}, str(path))
    elif form == "wrapped":
        torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in half.items()}}, path)
    else:
        torch.save(half, path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["torchscript", "state_dict", "wrapped", "safetensors"])
def test_formats_give_the_same_weights(resnet_clip, tmp_path, form):
    path = tmp_path / "clip.pt"
    write(resnet_clip.state_dict(), path, form)
    loaded = load_clip("", path=str(path))
    assert not loaded.training
    for name, value in resnet_clip.state_dict().items():
        assert torch.equal(
            loaded.state_dict()[name], value.half().float() if value.is_floating_point() else value
        ), name
    assert not any(p.requires_grad or p.dtype != torch.float32 for p in loaded.parameters())
    images = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(
        loaded.encode_image(images), resnet_clip.encode_image(images), atol=0.05, rtol=0.05
    )


@pytest.mark.filterwarnings("ignore")
def test_an_archive_is_read_without_torch_jit_too(resnet_clip, tmp_path):
    path = tmp_path / "clip.pt"
    write(resnet_clip.state_dict(), path, "torchscript")
    by_hand = read_torchscript_archive(path)
    for name, value in resnet_clip.state_dict().items():
        assert torch.equal(by_hand[name].float(), value.half().float()), name


def test_a_vit_is_inferred_too(vit_clip, tmp_path):
    path = tmp_path / "vit.pt"
    torch.save(vit_clip.state_dict(), path)
    images = torch.randn(1, 3, 32, 32)
    torch.testing.assert_close(
        load_clip("", path=str(path)).encode_image(images), vit_clip.encode_image(images)
    )


def test_what_a_file_need_not_have_gets_its_value(resnet_clip, tmp_path):
    state = {
        k: v
        for k, v in resnet_clip.state_dict().items()
        if k != "logit_scale" and "num_batches" not in k
    }
    torch.save(state, tmp_path / "clip.pt")
    loaded = load_clip("", path=str(tmp_path / "clip.pt"))
    assert loaded.logit_scale.item() == pytest.approx(math.log(1 / 0.07))
    assert loaded.visual.bn1.num_batches_tracked.item() == 0
    assert torch.equal(loaded.attn_mask, resnet_clip.attn_mask)
    tokens, images = open_clip.tokenize(["a photo"]), torch.randn(1, 3, 64, 64)
    assert torch.equal(loaded.encode_text(tokens), resnet_clip.encode_text(tokens))
    assert torch.equal(loaded.encode_image(images), resnet_clip.encode_image(images))


def test_weights_that_the_file_has_are_not_drawn(resnet_clip, tmp_path):
    torch.save(resnet_clip.state_dict(), tmp_path / "clip.pt")
    before = torch.get_rng_state()
    load_clip("", path=str(tmp_path / "clip.pt"))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_file_must_be_of_the_named_backbone(resnet_clip, tmp_path):
    path = tmp_path / "clip.pt"
    torch.save(resnet_clip.state_dict(), path)
    with pytest.raises(UserError, match=r"clip\.pt holds a .*MODEL\.BACKBONE\.NAME is RN101"):
        load_clip("RN101", path=str(path))


def test_missing_keys_are_named(resnet_clip, tmp_path):
    state = dict(resnet_clip.state_dict())
    del state["visual.attnpool.c_proj.weight"]
    torch.save(state, tmp_path / "clip.pt")
    with pytest.raises(UserError, match=r"c_proj\.weight"):
        load_clip("", path=str(tmp_path / "clip.pt"))


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"\x10\0\0\0\0\0\0\0{broken"])
def test_garbage_names_file_and_formats(tmp_path, content):
    path = tmp_path / "clip.pt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"clip\.pt.*safetensors") as caught:
        load_clip("RN50", path=str(path))
    assert "\n" not in str(caught.value)


def test_a_checkpoint_that_runs_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    torch.save({"x": Evil()}, tmp_path / "clip.pt")
    with pytest.raises(UserError):
        load_clip("RN50", path=str(tmp_path / "clip.pt"))
    assert not (tmp_path / "owned").exists()


def test_architecture_file_random_weights_said_loudly(tmp_path, caplog):
    arch = tmp_path / "tiny.json"
    arch.write_text(
        json.dumps({"embed_dim": 32, "quick_gelu": True, "vision_cfg": RESNET, "text_cfg": TEXT})
    )
    logger = logging.getLogger("intclip")
    logger.propagate = True
    with caplog.at_level(logging.WARNING):
        load_clip("", arch=str(arch))
    assert "RANDOM WEIGHTS" in caplog.text
    assert image_statistics(str(arch))[0] == CLIP_MEAN
    arch.write_text(
        json.dumps({"embed_dim": 32, "preprocess_cfg": {"mean": [0.1] * 3, "std": [0.2] * 3}})
    )
    assert image_statistics(str(arch)) == ((0.1,) * 3, (0.2,) * 3)
    with pytest.raises(UserError, match="vision_cfg"):
        load_clip("", arch=str(arch))


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'RN101'"):
        load_clip("RN110", pretrained=False)
