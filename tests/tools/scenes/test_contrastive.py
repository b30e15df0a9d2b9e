"""Contrastive training against plain forms in float64."""

import numpy as np
import open_clip
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.image.resnet import DensePool
from tools.scenes.contrastive import ContrastiveCLIP, dense_mean, info_nce


@given(st.integers(2, 6), st.integers(0, 1000), st.floats(0.5, 50))
def test_info_nce_is_the_mean_of_two_cross_entropies(num, seed, scale):
    rng = np.random.default_rng(seed)
    image, text = rng.normal(size=(num, 5)), rng.normal(size=(num, 5))
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (image, text))
    logits = scale * a @ b.T
    by_row = np.log(np.exp(logits).sum(1)) - np.diag(logits)
    by_column = np.log(np.exp(logits).sum(0)) - np.diag(logits)
    expected = (by_row.mean() + by_column.mean()) / 2
    factor = torch.tensor(scale, dtype=torch.float64)
    got = info_nce(torch.from_numpy(image), torch.from_numpy(text), factor)
    np.testing.assert_allclose(got.item(), expected, rtol=1e-9, atol=1e-9)


def make_clip():
    torch.manual_seed(0)
    text = {"context_length": 20, "vocab_size": 30, "width": 64, "heads": 1, "layers": 2}
    vision = {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16, "patch_size": None}
    return open_clip.CLIP(embed_dim=32, vision_cfg=vision, text_cfg=text, quick_gelu=True)


@pytest.mark.usefixtures("float64")
@torch.no_grad()
def test_dense_mean_is_the_mean_of_the_dense_map():
    pool = make_clip().visual.attnpool
    x = torch.randn(3, 512, 2, 2)
    expected = DensePool(pool)(x).mean(dim=(2, 3))
    assert torch.allclose(dense_mean(pool, x), expected, atol=1e-9)


@pytest.mark.usefixtures("float64")
@torch.no_grad()
def test_embeddings_without_fillers_are_clips_own():
    clip = make_clip().eval()
    model = ContrastiveCLIP(clip)
    images = torch.randn(2, 3, 64, 64)
    assert torch.allclose(model.embed_images(images)[0], clip.encode_image(images), atol=1e-9)
    # CLIP reads at the largest token id, 29
    tokens = torch.tensor([[1, 5, 6, 29, 0], [1, 7, 29, 0, 0]])
    padded = torch.nn.functional.pad(tokens, (0, 15))
    ours = model.embed_texts(tokens, torch.tensor([3, 2]))
    assert torch.allclose(ours, clip.encode_text(padded), atol=1e-9)


def test_noise_replaces_only_what_it_marks():
    model = ContrastiveCLIP(make_clip().eval())
    tokens, eos = torch.tensor([[1, 5, 6, 29]]), torch.tensor([3])
    none = torch.zeros(1, 4, dtype=torch.bool)
    assert torch.equal(model.embed_texts(tokens, eos, none), model.embed_texts(tokens, eos))
    marked = none.clone()
    marked[0, 1] = True
    results = []
    for word in (5, 9):
        torch.manual_seed(3)
        results.append(model.embed_texts(torch.tensor([[1, word, 6, 29]]), eos, marked))
    assert torch.equal(*results)  # the marked word itself has no influence
    assert not torch.allclose(results[0], model.embed_texts(tokens, eos))


def test_every_parameter_but_clips_own_scale_learns():
    model = ContrastiveCLIP(make_clip())
    tokens = torch.tensor([[1, 5, 29], [1, 6, 29], [1, 7, 29]])
    model(torch.randn(3, 3, 64, 64), tokens, torch.tensor([2, 2, 2])).backward()
    without = [name for name, p in model.named_parameters() if p.grad is None]
    assert without == ["clip.logit_scale"]
