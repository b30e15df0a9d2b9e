"""Features of some of the classes equal those of all classes at the same places."""

import pytest
import torch

from models.clip.load import load_clip
from models.text.features import FreeText, PromptedText, TextFeatures

WORDS = ["calm", "joy and pride", "a long walk by the sea", "fear", "rest"]


@pytest.fixture(scope="module")
def clip():
    path = "configs/backbones/scenes_rn.json"
    return load_clip("", arch=path, pretrained=False, generator_seed=0).double()


@pytest.mark.parametrize("class_specific", [True, False])
@pytest.mark.parametrize("chosen", [[1], [0, 3], [2, 3, 4], [0, 1, 2, 3, 4]])
def test_prompts_of_some_classes(clip, class_specific, chosen):
    text = PromptedText(
        clip, WORDS, num_ctx_pos=3, num_ctx_neg=2, class_specific=class_specific,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    every = text()
    with text.only(torch.tensor(chosen)):
        some = text()
        with text.shared():
            shared = text()
    for plane, part, again in zip(every, some, shared, strict=True):
        torch.testing.assert_close(part, plane[chosen])
        torch.testing.assert_close(again, plane[chosen])
    assert text().positive.shape == every.positive.shape


@pytest.mark.parametrize("class_specific", [True, False])
def test_gradients_of_some_classes(clip, class_specific):
    text = PromptedText(
        clip, WORDS, num_ctx_pos=2, num_ctx_neg=2, class_specific=class_specific,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    chosen = [1, 4]
    grads = []
    for only in (True, False):
        text.zero_grad()
        if only:
            with text.only(torch.tensor(chosen)):
                features = text()
        else:
            features = TextFeatures(*(plane[chosen] for plane in text()))
        weights = torch.arange(features.positive.numel(), dtype=torch.float64)
        value = (features.positive.flatten() * weights).sum() - features.negative.sum()
        value.backward()
        grads.append([p.grad.clone() for p in text.parameters() if p.requires_grad])
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other)


def test_other_components_are_indexed():
    planes = TextFeatures(torch.randn(4, 3).double(), torch.randn(4, 3).double())
    text = FreeText(planes)
    with text.only(torch.tensor([1, 3])):
        torch.testing.assert_close(text().positive, text.positive[[1, 3]])
