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
from core.files import PROJECT
from models import CLIP_MEAN, image_statistics, load_clip
from models.clip.weights import read_torchscript_archive
from tests.models.conftest import RESNET, TEXT, VIT, make_clip


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


@pytest.fixture
def log_text(caplog, monkeypatch):
    """Return a function that gives all logged text."""
    monkeypatch.setattr(logging.getLogger("intclip"), "propagate", True)
    caplog.set_level(logging.INFO, logger="intclip")
    return lambda: caplog.text


@pytest.fixture
def write_arch(tmp_path):
    """Return a function that writes an architecture file and returns its path."""

    def write_file(vision, **more):
        config = {"embed_dim": 32, "vision_cfg": vision, "text_cfg": TEXT, **more}
        path = tmp_path / "arch.json"
        path.write_text(json.dumps(config))
        return str(path)

    return write_file


@pytest.fixture
def resnet_arch(write_arch):
    return write_arch(RESNET, quick_gelu=True)


def marked(state):
    """Return ``state`` with the marks of OpenAI's own files."""
    half = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    marks = {"input_resolution": 64, "context_length": 77, "vocab_size": 49408}
    return half | {name: torch.tensor(value) for name, value in marks.items()}


def write(state, path, form):
    half = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    if form == "torchscript":
        torch.jit.save(torch.jit.script(Holder(marked(state))), str(path))
    elif form == "safetensors":
        save_file({k: v.clone() for k, v in half.items()}, str(path))
    elif form == "wrapped":
        torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in half.items()}}, path)
    else:
        torch.save(half, path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["torchscript", "state_dict", "wrapped", "safetensors"])
def test_formats_give_the_same_weights(resnet_clip, resnet_arch, tmp_path, form):
    path = tmp_path / "clip.pt"
    write(resnet_clip.state_dict(), path, form)
    loaded = load_clip("", path=str(path), arch="" if form == "torchscript" else resnet_arch)
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
    torch.save(marked(vit_clip.state_dict()), path)
    images = torch.randn(1, 3, 32, 32)
    expected = vit_clip.half().float().encode_image(images)
    torch.testing.assert_close(load_clip("", path=str(path)).encode_image(images), expected)


def test_what_a_file_need_not_have_gets_its_value(resnet_clip, resnet_arch, tmp_path):
    state = {
        k: v
        for k, v in resnet_clip.state_dict().items()
        if k != "logit_scale" and "num_batches" not in k
    }
    torch.save(state, tmp_path / "clip.pt")
    loaded = load_clip("", path=str(tmp_path / "clip.pt"), arch=resnet_arch)
    assert loaded.logit_scale.item() == pytest.approx(math.log(1 / 0.07))
    assert loaded.visual.bn1.num_batches_tracked.item() == 0
    assert torch.equal(loaded.attn_mask, resnet_clip.attn_mask)
    tokens, images = open_clip.tokenize(["a photo"]), torch.randn(1, 3, 64, 64)
    assert torch.equal(loaded.encode_text(tokens), resnet_clip.encode_text(tokens))
    assert torch.equal(loaded.encode_image(images), resnet_clip.encode_image(images))


def test_weights_that_the_file_has_are_not_drawn(resnet_clip, resnet_arch, tmp_path):
    torch.save(resnet_clip.state_dict(), tmp_path / "clip.pt")
    before = torch.get_rng_state()
    load_clip("", path=str(tmp_path / "clip.pt"), arch=resnet_arch)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_file_must_be_of_the_named_backbone(resnet_clip, tmp_path):
    path = tmp_path / "clip.pt"
    torch.save(resnet_clip.state_dict(), path)
    with pytest.raises(UserError, match=r"clip\.pt holds a .*MODEL\.BACKBONE\.NAME is RN101"):
        load_clip("RN101", path=str(path))


def test_missing_keys_are_named(resnet_clip, resnet_arch, tmp_path):
    state = dict(resnet_clip.state_dict())
    del state["visual.attnpool.c_proj.weight"]
    torch.save(state, tmp_path / "clip.pt")
    with pytest.raises(UserError, match=r"c_proj\.weight"):
        load_clip("", path=str(tmp_path / "clip.pt"), arch=resnet_arch)


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


def test_architecture_file_random_weights_said_loudly(tmp_path, log_text):
    arch = tmp_path / "tiny.json"
    arch.write_text(
        json.dumps({"embed_dim": 32, "quick_gelu": True, "vision_cfg": RESNET, "text_cfg": TEXT})
    )
    load_clip("", arch=str(arch))
    assert "RANDOM WEIGHTS" in log_text()
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


@pytest.mark.parametrize("name", ["", "RN50"])
def test_openais_own_files_are_known_by_their_marks(name, tmp_path, log_text, monkeypatch):
    tiny = {"embed_dim": 32, "vision_cfg": RESNET, "text_cfg": TEXT}
    monkeypatch.setattr("open_clip.get_model_config", lambda key: dict(tiny))
    torch.save(marked(make_clip(RESNET).state_dict()), tmp_path / "clip.pt")
    loaded = load_clip(name, path=str(tmp_path / "clip.pt"))
    assert has_quick_gelu(loaded)
    assert "Activation of CLIP: QuickGELU, by the marks of OpenAI's own files" in log_text()


def has_quick_gelu(clip):
    return isinstance(clip.transformer.resblocks[0].mlp.gelu, open_clip.transformer.QuickGELU)


@pytest.mark.parametrize("lacking", ["input_resolution", "context_length", "vocab_size", "half"])
def test_other_files_under_openais_names_must_say_their_activation(lacking, tmp_path, monkeypatch):
    tiny = {"embed_dim": 32, "vision_cfg": RESNET, "text_cfg": TEXT}
    monkeypatch.setattr("open_clip.get_model_config", lambda key: dict(tiny))
    state = marked(make_clip(RESNET).state_dict())
    state.pop(lacking, None)
    if lacking == "half":
        state = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    path = str(tmp_path / "clip.pt")
    torch.save(state, path)
    for name in ("RN50", ""):
        with pytest.raises(UserError, match=r"MODEL\.BACKBONE\.QUICK_GELU is 'auto'.*True.*False"):
            load_clip(name, path=path)
        assert has_quick_gelu(load_clip(name, path=path, quick_gelu=True))
        assert not has_quick_gelu(load_clip(name, path=path, quick_gelu="False"))


@pytest.mark.parametrize("stated", [True, False])
def test_an_architecture_file_says_the_activation(write_arch, tmp_path, log_text, stated):
    path = str(tmp_path / "clip.pt")
    torch.save(make_clip(RESNET).state_dict(), path)
    arch = write_arch(RESNET, **({"quick_gelu": True} if stated else {}))
    assert has_quick_gelu(load_clip("", path=path, arch=arch)) == stated
    assert ("QuickGELU" if stated else "GELU") + ", by the architecture file" in log_text()
    assert has_quick_gelu(load_clip("", path=path, arch=arch, quick_gelu="True"))


def test_an_unknown_activation_brings_the_accepted_values(resnet_arch):
    with pytest.raises(UserError, match=r"QUICK_GELU is 'yes'; accepted: False, True, auto"):
        load_clip("", arch=resnet_arch, quick_gelu="yes")


def test_heads_of_another_width_need_an_architecture(write_arch, tmp_path):
    vision = {**VIT, "width": 320, "head_width": 80}
    torch.manual_seed(0)
    clip = open_clip.CLIP(32, dict(vision), dict(TEXT)).eval()
    path, images = str(tmp_path / "vit.pt"), torch.randn(1, 3, 32, 32)
    torch.save(clip.state_dict(), path)
    for quick_gelu in ("auto", "False"):
        with pytest.raises(UserError, match=r"width 320.*MODEL\.BACKBONE\.ARCH") as caught:
            load_clip("", path=path, quick_gelu=quick_gelu)
        assert "\n" not in str(caught.value)
    loaded = load_clip("", path=path, arch=write_arch(vision))
    assert loaded.visual.transformer.resblocks[0].attn.num_heads == 4
    torch.testing.assert_close(loaded.encode_image(images), clip.encode_image(images))


def test_a_named_architecture_has_its_own_heads_and_activation(tmp_path, log_text, monkeypatch):
    config = open_clip.get_model_config("ViT-H-14")
    config["vision_cfg"] |= {"layers": 1, "width": 160, "patch_size": 56}
    config["text_cfg"] |= {"layers": 1, "width": 64, "heads": 1}
    get_config = open_clip.get_model_config
    monkeypatch.setattr(
        "open_clip.get_model_config",
        lambda name: json.loads(json.dumps(config)) if name == "ViT-H-14" else get_config(name),
    )
    torch.manual_seed(0)
    clip = open_clip.CLIP(**json.loads(json.dumps(config))).eval()
    path, images = str(tmp_path / "vit.pt"), torch.randn(1, 3, 224, 224)
    torch.save(clip.state_dict(), path)
    loaded = load_clip("ViT-H-14", path=path)
    assert loaded.visual.transformer.resblocks[0].attn.num_heads == 2
    assert "Activation of CLIP: GELU, by open_clip's configuration ViT-H-14" in log_text()
    torch.testing.assert_close(loaded.encode_image(images), clip.encode_image(images))


@pytest.mark.parametrize("name", ["ViT-H-14-worldwide", "ViT-L-14-CLIPA"])
def test_another_vocabulary_is_refused(resnet_clip, tmp_path, name):
    if name not in open_clip.list_models():
        pytest.skip(f"this open_clip does not know {name}")
    path = str(tmp_path / "clip.pt")
    torch.save(resnet_clip.state_dict(), path)
    with pytest.raises(UserError, match=rf"{name}' has a vocabulary of .*49408") as caught:
        load_clip(name, path=path)
    assert "\n" not in str(caught.value)
    state = dict(resnet_clip.state_dict())
    state["token_embedding.weight"] = torch.zeros(60000, 64)
    torch.save(state, path)
    with pytest.raises(UserError, match="vocabulary of 60000 tokens"):
        load_clip("", path=path)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ({"vocab_size": 60000}, "has a vocabulary of 60000 tokens; accepted: CLIP's own 49408"),
        ({"hf_tokenizer_name": "other"}, r"has a vocabulary of 49408 tokens \(tokenizer other\)"),
        ({"hf_model_name": "roberta"}, "has another text encoder than CLIP's"),
    ],
)
def test_an_architecture_file_with_another_text_encoder_is_refused(
    write_arch, resnet_clip, tmp_path, text, fault
):
    arch, path = write_arch(RESNET, text_cfg={**TEXT, **text}), str(tmp_path / "clip.pt")
    torch.save(resnet_clip.state_dict(), path)
    for arguments in ({}, {"path": path}):
        with pytest.raises(UserError, match=rf"arch\.json' {fault}") as caught:
            load_clip("", arch=arch, **arguments)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"quick_gelo": True}, "Did you mean 'quick_gelu'"),
        ({"text_cfg": 3}, "text_cfg is 3; expected a JSON object"),
    ],
)
def test_a_wrong_key_of_an_architecture_file_ends_in_one_line(write_arch, change, fault):
    with pytest.raises(UserError, match=fault) as caught:
        load_clip("", arch=write_arch(RESNET, **change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["[" * 100_000, "[]", "{", None])
def test_an_architecture_file_that_cannot_be_read_ends_in_one_line(tmp_path, content):
    path = tmp_path / "arch.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=r"architecture file '.*arch\.json'") as caught:
        load_clip("", arch=str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("ViT-H14", "ViT-H-14"), ("ViT-L14-336", "ViT-L/14-336"), ("vitb16", "ViT-B/16")],
)
def test_the_nearest_name_is_one_of_all_accepted_ones(name, nearest):
    with pytest.raises(UserError, match=f"any model of open_clip.* Did you mean '{nearest}'"):
        load_clip(name, pretrained=False)


def test_another_text_encoder_is_given_as_the_reason():
    with pytest.raises(UserError, match=r"SigLIP' has another text encoder than CLIP's") as caught:
        load_clip("ViT-B-16-SigLIP", pretrained=False)
    assert "Did you mean" not in str(caught.value)


def test_openais_weights_have_quick_gelu():
    with pytest.raises(UserError, match=r"QUICK_GELU is 'False'.*accepted.*auto, True"):
        load_clip("RN50", quick_gelu="False")


def test_shipped_files_are_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loaded = load_clip("", path="assets/scenes_plain_rn.safetensors")
    assert has_quick_gelu(loaded)
    arch = "configs/backbones/scenes_plain_rn.json"
    again = load_clip("", path="assets/scenes_plain_rn.safetensors", arch=arch)
    images = torch.randn(1, 3, 96, 96)
    assert torch.equal(again.encode_image(images), loaded.encode_image(images))
    assert image_statistics(arch) == image_statistics(str(PROJECT / arch))
