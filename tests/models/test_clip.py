"""Checkpoint formats, wrong files and random weights."""

import json
import logging
import warnings
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import save_file

from core.errors import UserError
from models.clip import CLIP_MEAN, CLIP_STD, image_statistics, load_clip
from models.weights import read_torchscript_archive

DEMO = Path(__file__).parents[2] / "configs/backbones/demo_rn.json"
FORMATS = ["torchscript", "plain", "prefixed", "safetensors", "legacy"]


class Holder(torch.nn.Module):
    """Holds parameters under nested names, as OpenAI's archives do."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def scripted(state: dict[str, torch.Tensor], path: Path) -> None:
    root = Holder()
    for key, value in state.items():
        *parents, leaf = key.split(".")
        node = root
        for name in parents:
            if name not in node._modules:
                node.add_module(name, Holder())
            node = node._modules[name]
        node.register_buffer(leaf, value)
    root.register_buffer("input_resolution", torch.tensor(96))
    root.register_buffer("context_length", torch.tensor(77))
    root.register_buffer("vocab_size", torch.tensor(49408))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(root).save(str(path))


def write(state: dict[str, torch.Tensor], kind: str, path: Path) -> None:
    if kind == "torchscript":
        scripted({k: v.half() if v.is_floating_point() else v for k, v in state.items()}, path)
    elif kind == "safetensors":
        save_file({k: v.contiguous() for k, v in state.items()}, str(path))
    elif kind == "prefixed":
        torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in state.items()}}, path)
    else:
        torch.save(dict(state), path, _use_new_zipfile_serialization=kind != "legacy")


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_model(kind: str, tmp_path: Path, resnet_clip: open_clip.CLIP) -> None:
    path = tmp_path / "weights.bin"  # the suffix says nothing
    write(resnet_clip.state_dict(), kind, path)
    loaded = load_clip("", path=str(path))
    images = torch.rand(2, 3, 96, 96)
    tolerance = 5e-2 if kind == "torchscript" else 1e-6
    torch.testing.assert_close(
        loaded.encode_image(images), resnet_clip.encode_image(images), rtol=tolerance, atol=tolerance
    )
    assert not loaded.training and all(p.dtype == torch.float32 and not p.requires_grad for p in loaded.parameters())


def test_vit_is_inferred(tmp_path: Path, vit_clip: open_clip.CLIP) -> None:
    torch.save(vit_clip.state_dict(), tmp_path / "vit.pt")
    loaded = load_clip("", path=str(tmp_path / "vit.pt"))
    images = torch.rand(1, 3, 48, 48)
    torch.testing.assert_close(loaded.encode_image(images), vit_clip.encode_image(images))


def test_torchscript_without_torch_jit(tmp_path: Path, resnet_clip: open_clip.CLIP) -> None:
    state = {k: v.half() if v.is_floating_point() else v for k, v in resnet_clip.state_dict().items()}
    scripted(state, tmp_path / "a.pt")
    read = read_torchscript_archive(tmp_path / "a.pt")
    assert set(read) == {*state, "input_resolution", "context_length", "vocab_size"}
    assert all(torch.equal(read[key], value) for key, value in state.items())


def test_another_backbone_than_named(tmp_path: Path, resnet_clip: open_clip.CLIP) -> None:
    path = tmp_path / "clip.pt"
    torch.save(resnet_clip.state_dict(), path)
    with pytest.raises(UserError, match=r"clip.pt holds a CLIP ResNet .*\(embed 32\), but .* is RN101"):
        load_clip("RN101", path=str(path))
    with pytest.raises(UserError, match="Did you mean 'RN50'"):
        load_clip("RN5O", path=str(path))


def test_known_backbone_is_recognised(tmp_path: Path) -> None:
    with torch.device("meta"):
        state = open_clip.CLIP(**open_clip.get_model_config("RN50")).state_dict()
    from models.clip import _describe, infer_config

    assert _describe(infer_config(state, "x")) == "RN50 (embed 1024)"


def test_faulty_keys_are_named(tmp_path: Path, arch: str, resnet_clip: open_clip.CLIP) -> None:
    state = resnet_clip.state_dict()
    del state["visual.conv1.weight"]
    state["ln_final.bias"] = torch.zeros(3)
    state["extra"] = torch.zeros(1)
    path = tmp_path / "x.pt"
    torch.save(state, path)
    with pytest.raises(UserError, match=r"x.pt.*1 missing \(visual.conv1.weight\).*1 unexpected.*ln_final.bias \(3,\)"):
        load_clip("", path=str(path), arch=arch)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 broken", b"\x80\x02 broken"])
def test_files_that_are_no_checkpoint(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "y.pt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"y.pt.*TorchScript.*state dict.*safetensors"):
        load_clip("RN50", path=str(path))


def test_truncated_missing_and_foreign(tmp_path: Path, resnet_clip: open_clip.CLIP) -> None:
    path = tmp_path / "z.pt"
    torch.save(resnet_clip.state_dict(), path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match=r"z.pt.*TorchScript"):
        load_clip("", path=str(path))
    with pytest.raises(UserError, match="not a file"):
        load_clip("", path=str(tmp_path / "none.pt"))
    torch.save({"conv1.weight": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="not a CLIP checkpoint"):
        load_clip("", path=str(path))
    torch.save([1, 2], path)
    with pytest.raises(UserError, match="no state dict"):
        load_clip("", path=str(path))


def test_random_weights_are_loud_and_seeded(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="intclip"):
        first = load_clip("demo", arch=str(DEMO), generator_seed=3)
    assert "RANDOM WEIGHTS" in caplog.text
    again = load_clip("demo", arch=str(DEMO), pretrained=False, generator_seed=3)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert first.encode_image(torch.rand(1, 3, 96, 96)).shape == (1, 64)


def test_names_and_download(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr(open_clip, "create_model", no_network)
    for name in ("RN101", "ViT-B/16", "ViT-B-16", "ViT-L/14@336px"):
        with pytest.raises(UserError, match=r"could not be downloaded.*MODEL.BACKBONE.PATH"):
            load_clip(name)
    with pytest.raises(UserError, match="accepted: RN101"):
        load_clip("RN102")
    with pytest.raises(UserError, match=r"no weights.*MODEL.BACKBONE.PATH"):
        load_clip("ViT-H-14")


def test_image_statistics(tmp_path: Path, arch: str) -> None:
    assert image_statistics() == image_statistics(arch) == (CLIP_MEAN, CLIP_STD)
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.1, 0.2, 0.3]}}))
    assert image_statistics(str(own)) == ((0.5, 0.5, 0.5), (0.1, 0.2, 0.3))
    own.write_text("{")
    with pytest.raises(UserError, match=r"own.json"):
        load_clip("", arch=str(own))
    own.write_text(json.dumps({"embed_dim": 3, "vision_cfg": {}, "txt_cfg": {}}))
    with pytest.raises(UserError, match="text_cfg"):
        load_clip("", arch=str(own))
