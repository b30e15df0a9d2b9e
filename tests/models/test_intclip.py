"""The composition: groups, gradients, modes, caching, small checkpoints."""

import open_clip
import pytest
import torch

from core.errors import UserError
from models.intclip import IntCLIP
from models.region_pooling import POSITIVE

TEXTS = ["happy", "harmony", "enjoy life"]


def build(clip: open_clip.CLIP, **options: object) -> IntCLIP:
    options = {"num_ctx_pos": 4, "num_ctx_neg": 4, "generator": torch.Generator().manual_seed(0), **options}
    return IntCLIP(clip, TEXTS, **options)


def test_forward_backward(any_clip: open_clip.CLIP) -> None:
    model = build(any_clip).train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    logits = model(torch.rand(2, 3, 96, 96))
    assert logits.shape == (2, 2, 3) and logits.dtype == torch.float32
    torch.testing.assert_close(model.scores(logits), logits.softmax(1)[:, POSITIVE])
    (logits[:, 1] - logits[:, 0]).square().sum().backward()
    for name, group in model.parameter_groups().items():
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in group), name
        assert all(p.grad is not None for p in group), name
    assert all(p.grad is None for p in model.parameters() if not p.requires_grad)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert not model.text_encoder.training and not model.encoder.semantic.training


@pytest.mark.parametrize(
    ("aggregation", "groups"),
    [
        ("sight_assisted", {"prompts", "semantic", "aggregation"}),
        ("mean", {"prompts", "semantic"}),
        ("semantic", {"prompts", "semantic"}),
        ("sight", {"prompts"}),
    ],
)
def test_groups_are_complete(aggregation: str, groups: set[str], any_clip: open_clip.CLIP) -> None:
    model = build(any_clip, aggregation=aggregation).train()
    model(torch.rand(1, 3, 96, 96)).sum().backward()
    found = model.parameter_groups()
    assert {name for name, group in found.items() if group} == groups
    assert sum(map(len, found.values())) == sum(p.requires_grad for p in model.parameters())
    assert all(p.grad is not None for group in found.values() for p in group)


def test_text_features_are_cached_in_eval_only(resnet_clip: open_clip.CLIP) -> None:
    model = build(resnet_clip, aggregation="sight").eval()
    calls = []
    model.text_encoder.register_forward_hook(lambda *_: calls.append(1))
    images = torch.rand(1, 3, 96, 96)
    with torch.no_grad():
        first = model(images)
        assert torch.equal(first, model(images)) and len(calls) == 1
        model.load_state_dict(model.state_dict())
        model(images)
        assert len(calls) == 2
        model.prompts.ctx_pos.add_(1.0)  # written to while in eval mode
        assert not torch.equal(first, model(images)) and len(calls) == 3
        model.train().eval()
        model(images)
        assert len(calls) == 4
        model.train()(images), model(images)
        assert len(calls) == 6
    assert model.eval()(images).requires_grad and len(calls) == 7


def test_inference_mode_then_training(resnet_clip: open_clip.CLIP) -> None:
    model, images = build(resnet_clip).eval(), torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        model(images)
    model.train()(images).sum().backward()
    with torch.no_grad():
        assert model.eval()(images).shape == (1, 2, 3)


def test_trainable_state(resnet_clip: open_clip.CLIP) -> None:
    model = build(resnet_clip)
    other = build(resnet_clip, generator=torch.Generator().manual_seed(9))
    state = {key: value.clone() for key, value in model.trainable_state_dict().items()}
    assert set(state) == {name for name, p in model.named_parameters() if p.requires_grad}
    other.load_trainable_state_dict(state)
    images = torch.rand(1, 3, 96, 96)
    assert torch.equal(model.eval()(images), other.eval()(images))
    state["prompts.ctx_pos"] = torch.zeros(1)
    state["odd"] = torch.zeros(1)
    del state["aggregation.gamma"]
    with pytest.raises(
        UserError, match=r"3 faults: missing aggregation.gamma; unexpected odd; prompts.ctx_pos is \(1,\)"
    ):
        other.load_trainable_state_dict(state)


def test_nothing_superfluous_is_kept(any_clip: open_clip.CLIP) -> None:
    names = {name for name, _ in build(any_clip).named_parameters()}
    assert not any("q_proj" in name or "k_proj" in name or "token_embedding" in name for name in names)


def test_autocast(any_clip: open_clip.CLIP) -> None:
    model, images = build(any_clip).train(), torch.rand(1, 3, 96, 96)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(images)
    logits.sum().backward()
    assert logits.dtype == torch.float32 and logits.isfinite().all()
    assert all(p.grad.isfinite().all() for group in model.parameter_groups().values() for p in group)
