"""Contrastive training against plain forms in float64."""

import numpy as np
import open_clip
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.image.branches import BranchSettings
from models.image.resnet import DensePool
from models.image.vit import SightSemanticViT
from tools.scenes.pretraining.contrastive import ContrastiveCLIP, info_nce, word_loss
from tools.scenes.pretraining.images import dense_mean, embed_images


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
    assert torch.allclose(
        model.embed_images(images)["pooled"], clip.encode_image(images), atol=1e-9
    )
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


@pytest.mark.usefixtures("float64")
@torch.no_grad()
def test_the_embeddings_of_a_vit_are_those_of_clip_and_of_the_dense_map():
    clip = make_vit().eval()
    images = torch.randn(2, 3, 64, 64)
    found = embed_images(clip.visual, images)
    assert torch.allclose(found["pooled"], clip.encode_image(images), atol=1e-9)
    settings = BranchSettings(num_semantic_blocks=1, branches="sight")
    encoder = SightSemanticViT(clip.visual, settings)
    x = encoder.sight(encoder.run_trunk(images))
    expected = encoder.read(x, (64, 64)).mean(dim=(2, 3))
    assert torch.allclose(found["dense"], expected, atol=1e-9)


def make_vit():
    torch.manual_seed(0)
    text = {"context_length": 20, "vocab_size": 30, "width": 64, "heads": 1, "layers": 2}
    vision = {"image_size": 64, "layers": 2, "width": 64, "patch_size": 16, "head_width": 64}
    return open_clip.CLIP(embed_dim=32, vision_cfg=vision, text_cfg=text, quick_gelu=True)


@given(st.integers(1, 5), st.integers(0, 1000))
def test_word_loss_is_the_cross_entropy_with_weighted_words(num, seed):
    rng = np.random.default_rng(seed)
    logits, weights = rng.normal(size=(num, 6)), rng.uniform(0.1, 3, 6)
    targets = rng.integers(0, 2, (num, 6))
    targets[0, 0] = 1  # at least one caption has a known word
    expected = []
    for row, words in zip(logits, targets, strict=True):
        if words.any():
            log_p = row - np.log(np.exp(row).sum())
            share = words * weights / (words * weights).sum()
            expected.append(-(share * log_p).sum())
    got = word_loss(*map(torch.from_numpy, (logits, targets.astype(float), weights)))
    np.testing.assert_allclose(got.item(), np.mean(expected), rtol=1e-9)


def test_every_parameter_but_clips_own_scale_learns():
    for clip in (make_clip(), make_vit()):
        model = ContrastiveCLIP(clip, num_words=5)
        tokens = torch.tensor([[1, 5, 29], [1, 6, 29], [1, 7, 29]])
        images = model.embed_images(torch.randn(3, 3, 64, 64))
        text = model.embed_texts(tokens, torch.tensor([2, 2, 2]))
        loss = model.contrast(images, text)
        loss = loss + model.predict_words(images, torch.ones(3, 5), torch.ones(5))
        loss.backward()
        without = [name for name, p in model.named_parameters() if p.grad is None]
        assert without == ["clip.logit_scale"]
