"""Text components: what they give, and one encoding for many passes."""

import copy

import pytest
import torch
import torch.nn.functional as F

from models import FreeText, PromptedText, TemplateText, TextFeatures
from models.base import trainable
from tests.models.text.test_prompts import TEXTS


def prompted(clip):
    generator = torch.Generator().manual_seed(0)
    return PromptedText(clip, TEXTS, num_ctx_pos=4, num_ctx_neg=3, generator=generator)


def free(clip):
    return FreeText(prompted(clip)())


def template(clip):
    return TemplateText(clip, TEXTS, ("a photo of {}.",))


COMPONENTS = {"prompted": prompted, "free": free, "template": template}
LEARNING = ("prompted", "free")


def count_encodings(component, monkeypatch):
    calls = []
    encode = component.encode
    monkeypatch.setattr(component, "encode", lambda: calls.append(1) or encode())
    return calls


@pytest.mark.parametrize("kind", COMPONENTS)
def test_each_component_gives_positive_and_negative_features(resnet_clip, kind):
    features = COMPONENTS[kind](resnet_clip)()
    assert isinstance(features, TextFeatures)
    assert features.positive.shape == features.negative.shape == (len(TEXTS), 32)


def test_both_planes_of_templates_are_the_same(resnet_clip):
    component = template(resnet_clip)
    assert torch.equal(component().positive, component().negative)
    assert trainable(component) == []


def test_free_vectors_start_in_the_directions_of_the_prompts(resnet_clip):
    start = prompted(resnet_clip)()
    vectors = free(resnet_clip)
    torch.testing.assert_close(vectors.positive.detach(), F.normalize(start.positive).detach())
    torch.testing.assert_close(vectors.negative.detach(), F.normalize(start.negative).detach())
    assert [name for name, _ in vectors.named_parameters()] == ["positive", "negative"]


def test_only_contexts_of_prompted_text_learn(resnet_clip):
    component = prompted(resnet_clip).train()
    assert trainable(component) == [component.prompts.ctx_pos, component.prompts.ctx_neg]
    assert not component.encoder.training


@pytest.mark.parametrize("kind", COMPONENTS)
@pytest.mark.parametrize("gradients", [True, False])
def test_inside_the_context_the_texts_are_encoded_once(resnet_clip, monkeypatch, kind, gradients):
    component = COMPONENTS[kind](resnet_clip)
    plain = component()
    calls = count_encodings(component, monkeypatch)
    with torch.set_grad_enabled(gradients):
        with component.shared():
            first = component()
            assert component().positive is first.positive
            with component.shared():
                assert component().negative is first.negative
            assert component().negative is first.negative
        assert len(calls) == 1
        component()
        component()
    assert len(calls) == 3
    for shared, expected in zip(first, plain, strict=True):
        assert torch.equal(shared, expected)
        assert shared.requires_grad == (gradients and expected.requires_grad)


def test_a_change_after_the_context_is_seen_at_once(resnet_clip):
    component = prompted(resnet_clip).eval()
    with torch.no_grad():
        with component.shared():
            before = component().positive
        component.prompts.ctx_pos.normal_()
        assert not torch.allclose(component().positive, before)
        with component.shared():
            assert not torch.allclose(component().positive, before)


def test_an_error_inside_ends_the_context(resnet_clip):
    component = prompted(resnet_clip)
    with pytest.raises(RuntimeError, match="inside"), component.shared():
        component().positive.sum().backward()
        raise RuntimeError("inside")
    assert component.prompts.ctx_pos.grad is None
    assert component().positive.grad_fn is not None


@pytest.mark.parametrize("kind", LEARNING)
@pytest.mark.parametrize("planes", [(0, 1), (0,), (1,)])
def test_gradients_of_all_passes_inside_are_those_of_separate_encodings(resnet_clip, kind, planes):
    clip = copy.deepcopy(resnet_clip).double()
    component = COMPONENTS[kind](clip)
    weights = torch.randn(3, len(planes), len(TEXTS), 32, dtype=torch.float64)

    def passes():
        for weight in weights:
            features = component()
            loss = sum(
                (w * features[p]).square().sum() for w, p in zip(weight, planes, strict=True)
            )
            loss.backward()

    def gradients():
        found = [p.grad for p in trainable(component)]
        component.zero_grad()
        return found

    passes()
    expected = gradients()
    with component.shared():
        passes()
        assert all(p.grad is None for p in trainable(component))  # sent on at the end
    for mine, other in zip(gradients(), expected, strict=True):
        if other is None:
            assert mine is None or not mine.any()
        else:
            assert mine.dtype == torch.float64
            torch.testing.assert_close(mine, other, atol=1e-10, rtol=1e-10)


def test_shared_features_are_float32_at_least(resnet_clip):
    component = prompted(resnet_clip)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert component().positive.dtype == torch.bfloat16
        with component.shared():
            assert component().positive.dtype == torch.float32
            component().positive.square().sum().backward()
    assert component.prompts.ctx_pos.grad.isfinite().all()
    with prompted(copy.deepcopy(resnet_clip).double()).shared():
        pass
