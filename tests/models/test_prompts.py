"""Prompts and the truncated text encoder against CLIP's own full-length form."""

import open_clip
import pytest
import torch
from open_clip.tokenizer import SimpleTokenizer

from core.errors import UserError
from models.prompts import PromptLearner, TextEncoder

TEXTS = ["happy", "fine_design, learning about art", "in love with animals, dogs and cats."]


def full_length(clip: open_clip.CLIP, learner: PromptLearner, context: torch.Tensor) -> torch.Tensor:
    """Tokenise placeholders and the text to 77 positions, put the context over the former, run CLIP's own form."""
    num = context.shape[-2]
    texts = [" ".join(["x"] * num) + " " + text.replace("_", " ").rstrip(".") + "." for text in TEXTS]
    tokens = SimpleTokenizer()(texts, 77)
    x = clip.token_embedding(tokens)
    x = torch.cat([x[:, :1], context.expand(len(TEXTS), -1, -1), x[:, 1 + num :]], dim=1)
    x = clip.ln_final(clip.transformer(x + clip.positional_embedding, attn_mask=clip.attn_mask))
    return x[torch.arange(len(TEXTS)), tokens.argmax(-1)] @ clip.text_projection


@pytest.mark.parametrize("chunk", [0, 2])
@pytest.mark.parametrize("specific", [True, False])
def test_truncation_is_exact(specific: bool, chunk: int, resnet_clip: open_clip.CLIP) -> None:
    learner = PromptLearner(resnet_clip, TEXTS, num_ctx_pos=4, num_ctx_neg=6, class_specific=specific)
    learner, resnet_clip = learner.double(), resnet_clip.double()  # so that rounding hides nothing
    encoder = TextEncoder(resnet_clip)
    embeddings, eos = learner()
    assert embeddings.shape[1] < 77 and eos.max() == embeddings.shape[1] - 1
    out = encoder(embeddings, eos, chunk)
    want = torch.cat([full_length(resnet_clip, learner, c) for c in (learner.ctx_pos, learner.ctx_neg)])
    torch.testing.assert_close(out, want, rtol=1e-10, atol=1e-10)
    contexts = [learner.ctx_pos, learner.ctx_neg]
    got = torch.autograd.grad(out.square().sum(), contexts)
    for a, b in zip(got, torch.autograd.grad(want.square().sum(), contexts), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_contexts(resnet_clip: open_clip.CLIP) -> None:
    def learner(**options: object) -> PromptLearner:
        return PromptLearner(resnet_clip, TEXTS, generator=torch.Generator().manual_seed(1), **options)

    first, again, shared = learner(), learner(), learner(class_specific=False, num_ctx_neg=3)
    assert first.ctx_pos.shape == (3, 16, 64) and torch.equal(first.ctx_pos, again.ctx_pos)
    assert shared.ctx_pos.shape == (16, 64) and shared.ctx_neg.shape == (3, 64)
    assert abs(first.ctx_pos.std().item() - 0.02) < 0.002
    worded = learner(init_pos="a photo that shows", init_neg="not")
    tokens = SimpleTokenizer().encode("a photo that shows")
    assert worded.ctx_pos.shape == (3, 4, 64) and worded.ctx_neg.shape == (3, 1, 64)
    assert torch.equal(worded.ctx_pos[2], resnet_clip.token_embedding.weight[tokens])
    assert set(first.state_dict()) == {"ctx_pos", "ctx_neg"}


def test_too_long_names_class_and_count(resnet_clip: open_clip.CLIP) -> None:
    with pytest.raises(UserError, match=r"class 'very very .* has 99 tokens"):
        PromptLearner(resnet_clip, ["happy", "very " * 79 + "happy"])
    with pytest.raises(UserError, match="number of context tokens is 0"):
        PromptLearner(resnet_clip, ["happy"], num_ctx_pos=0)


def test_autocast_and_no_weight_gradients(resnet_clip: open_clip.CLIP) -> None:
    learner, encoder = PromptLearner(resnet_clip, TEXTS), TextEncoder(resnet_clip)
    exact = encoder(*learner())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = encoder(*learner())
    torch.testing.assert_close(out.float(), exact, rtol=0.1, atol=0.1)
    out.float().sum().backward()
    assert learner.ctx_pos.grad.isfinite().all() and all(p.grad is None for p in encoder.parameters())
