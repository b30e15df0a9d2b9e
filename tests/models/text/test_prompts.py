"""Prompts and text encoder against the full length of 77 positions; class texts."""

import open_clip
import pytest
import torch

from core.errors import UserError
from models import PromptLearner, TextEncoder, class_texts
from models.text.prompts import Prompts, _layout, class_tokens
from tests.models.conftest import RESNET, TEXT

TEXTS = ["natural beauty", "to feel secure by looking attractive and fastidious", "in_love"]


def full_length(clip, context, texts):
    """Encode over all 77 positions as CLIP does, with contexts in place of filler words."""
    ids = open_clip.tokenize(
        [" ".join(["X"] * context.shape[-2]) + f" {t.replace('_', ' ')}." for t in texts]
    )
    x = clip.token_embedding(ids).clone()
    x[:, 1 : 1 + context.shape[-2]] = context
    x = clip.transformer(x + clip.positional_embedding, attn_mask=clip.attn_mask)
    x = clip.ln_final(x)[torch.arange(len(texts)), ids.argmax(dim=-1)]
    return x @ clip.text_projection


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("class_specific", [True, False])
@pytest.mark.parametrize("chunk_size", [0, 2, 5])
def test_equals_the_full_length_with_gradients(resnet_clip, class_specific, chunk_size):
    prompts = PromptLearner(
        resnet_clip, TEXTS, num_ctx_pos=5, num_ctx_neg=3, class_specific=class_specific
    )
    features = TextEncoder(resnet_clip)(prompts(), chunk_size)
    expected = torch.cat(
        [full_length(resnet_clip, c, TEXTS) for c in (prompts.ctx_pos, prompts.ctx_neg)]
    )
    torch.testing.assert_close(features, expected, atol=1e-9, rtol=1e-9)
    weights = torch.randn_like(features)
    ours = torch.autograd.grad((features * weights).sum(), list(prompts.parameters()))
    theirs = torch.autograd.grad((expected * weights).sum(), list(prompts.parameters()))
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("class_specific", [True, False])
def test_each_distinct_token_is_encoded_once(resnet_clip, class_specific):
    prompts = PromptLearner(
        resnet_clip, TEXTS, num_ctx_pos=5, num_ctx_neg=3, class_specific=class_specific
    )()
    texts = sum(len(class_tokens(text)) + 1 for text in TEXTS)  # with EOS
    contexts = (5 + 3) * (len(TEXTS) if class_specific else 1)
    assert len(prompts.tokens) == 1 + contexts + 2 * texts
    for start, stop in ((0, 6), (2, 5)):  # all of them; a piece of both signs
        piece = prompts.rows(start, stop)
        for row in range(stop - start):
            whole = prompts.tokens[prompts.index[start + row]]
            assert torch.equal(piece.tokens[piece.index[row]], whole)
        own = piece.place[piece.starts[0] :]
        assert torch.equal(
            piece.index.flatten()[own], torch.arange(piece.starts[0], len(piece.tokens))
        )


def test_many_prompts_are_encoded_in_pieces_of_themselves(resnet_clip, monkeypatch):
    prompts = PromptLearner(resnet_clip, TEXTS, num_ctx_pos=2, num_ctx_neg=2)()
    encoder, sizes = TextEncoder(resnet_clip), []
    monkeypatch.setattr(
        encoder, "encode", lambda piece: sizes.append(len(piece.eos)) or torch.zeros(1, 1)
    )
    monkeypatch.setattr("models.text.encoder.MANY", 5)
    monkeypatch.setattr("models.text.encoder.CHUNK", 4)
    for chunk_size in (-1, 0, 5):
        encoder(prompts, chunk_size)
    assert sizes == [4, 2, 6, 5, 1]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("quick_gelu", [True, False])
def test_the_mlp_is_that_of_the_backbone(quick_gelu):
    clip = (
        open_clip.CLIP(32, dict(RESNET), dict(TEXT), quick_gelu=quick_gelu)
        .eval()
        .requires_grad_(False)
    )
    prompts = PromptLearner(clip, TEXTS, num_ctx_pos=2, num_ctx_neg=2)
    expected = torch.cat([full_length(clip, c, TEXTS) for c in (prompts.ctx_pos, prompts.ctx_neg)])
    torch.testing.assert_close(TextEncoder(clip)(prompts()), expected, atol=1e-9, rtol=1e-9)


def test_initial_contexts(resnet_clip):
    random = PromptLearner(resnet_clip, ["a"] * 50, generator=torch.Generator().manual_seed(0))
    again = PromptLearner(resnet_clip, ["a"] * 50, generator=torch.Generator().manual_seed(0))
    assert random.ctx_pos.shape == (50, 16, 64)
    assert random.ctx_pos.std().item() == pytest.approx(0.02, rel=0.05)
    assert torch.equal(random.ctx_neg, again.ctx_neg)
    assert not torch.equal(random.ctx_neg, random.ctx_pos)
    words = PromptLearner(resnet_clip, TEXTS, init_pos="a photo of", class_specific=False)
    ids = open_clip.tokenize(["a photo of"])[0, 1:4]
    assert torch.equal(words.ctx_pos.detach(), resnet_clip.token_embedding.weight[ids])


def test_too_long_a_prompt_names_the_class(resnet_clip):
    with pytest.raises(UserError, match=r"very very.*at most 77"):
        PromptLearner(resnet_clip, ["very " * 80])


def test_class_texts():
    parts = {
        "names": ["in_love"],
        "paths": [("security", "intimacy", "in love")],
        "sentences": ["a sentence"],
    }
    assert class_texts("name", **parts) == ["in love"]
    assert class_texts("path", **parts) == ["security, intimacy, in love"]
    assert class_texts("sentence", **parts) == ["a sentence"]
    with pytest.raises(UserError, match="Did you mean 'path'"):
        class_texts("paht", **parts)


def test_autocast_and_no_weight_gradients(resnet_clip):
    learner, encoder = PromptLearner(resnet_clip, TEXTS), TextEncoder(resnet_clip)
    exact = encoder(learner())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = encoder(learner())
    torch.testing.assert_close(out.float(), exact, rtol=0.1, atol=0.1)
    out.float().sum().backward()
    assert learner.ctx_pos.grad.isfinite().all() and all(
        p.grad is None for p in encoder.parameters()
    )


def test_the_example_of_two_classes_is_as_documented():
    layout = _layout((1, 1), [2, 3], False)
    assert layout.order == [0, 1, 2, 3, 4, 5, 6, 7, 3, 4, 5, 6, 7]
    first, second = [0, 1, 3, 4, 4], [0, 1, 5, 6, 7]
    assert layout.index == [first, second, [0, 2, 8, 9, 9], [0, 2, 10, 11, 12]]
    assert layout.eos == [3, 4, 3, 4] and layout.starts == (3, 5, 8, 10, 13)
    assert layout.place == [0, 1, 11, 2, 3, 7, 8, 9, 12, 13, 17, 18, 19]
    prompts = Prompts(
        torch.arange(13)[:, None],
        torch.tensor(layout.index),
        torch.tensor(layout.place),
        torch.tensor(layout.eos),
        layout.starts,
    )
    negative, last = prompts.rows(2, 4), prompts.select(torch.tensor([1, 3]))
    assert negative.tokens.flatten().tolist() == [0, 1, 2, 8, 9, 10, 11, 12]
    assert negative.index.tolist() == [[0, 2, 3, 4, 4], [0, 2, 5, 6, 7]]
    assert last.tokens.flatten().tolist() == [0, 1, 2, 5, 6, 7, 10, 11, 12]
    assert last.index.tolist() == [[0, 1, 3, 4, 5], [0, 2, 6, 7, 8]]
