"""Nearest tokens of context vectors, against a plain search."""

import numpy as np
import pytest
import torch

from models import PromptLearner
from models.clip.tokens import VOCAB_SIZE, clip_tokenizer, unknown_mask, unknown_tokens
from models.text.words import nearest_words, token_text

WIDTH = 6


@pytest.fixture
def table():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(VOCAB_SIZE, WIDTH, generator=generator)


def compact(table, known):
    """Return a table in which only some tokens have a vector of their own."""
    small = torch.full_like(table, 0.25)
    small[known] = table[known]
    return small


def token_of(word):
    (token,) = clip_tokenizer().encode(word)
    return token


def test_the_nearest_are_those_of_a_plain_search(table):
    context = torch.randn(4, WIDTH, generator=torch.Generator().manual_seed(1))
    found = nearest_words(context, table, k=3)
    for vector, words in zip(context.numpy(), found, strict=True):
        distances = np.sqrt(((table.numpy().astype(np.float64) - vector) ** 2).sum(1))
        order = np.argsort(distances)[:3]
        assert [word.text for word in words] == [token_text(int(token)) for token in order]
        np.testing.assert_allclose([word.distance for word in words], distances[order], rtol=1e-5)


def test_an_embedding_is_its_own_nearest_word(table):
    word = nearest_words(table[[token_of("photo")]] + 1e-4, table, k=1)[0][0]
    assert word.text == "photo" and word.distance == pytest.approx(1e-4 * WIDTH**0.5, rel=1e-2)


def test_tokens_without_a_vector_of_their_own_are_left_out(table):
    known = [token_of("photo"), token_of("dog")]
    small = compact(table, known)
    context = torch.full((1, WIDTH), 0.25)  # the unknown vector itself
    words = nearest_words(context, small, k=5)[0]
    assert {word.text for word in words} == {"photo", "dog"}
    assert all(word.distance > 0 for word in words)
    assert int((~unknown_mask(small)).sum()) == 2
    assert unknown_tokens(small, [*known, 1000]) == [1000]
    assert not unknown_mask(table).any()


def test_a_part_of_a_word_ends_in_a_hyphen():
    tokenizer = clip_tokenizer()
    assert token_text(tokenizer.encoder["the</w>"]) == "the"
    assert token_text(tokenizer.encoder["the"]) == "the-"
    assert token_text(tokenizer.sot_token_id) == tokenizer.decoder[tokenizer.sot_token_id]


@pytest.mark.parametrize("class_specific", [True, False])
def test_contexts_are_those_of_the_class(resnet_clip, class_specific):
    learner = PromptLearner(
        resnet_clip, ["a", "b"], num_ctx_pos=2, num_ctx_neg=3, class_specific=class_specific
    )
    positive, negative = learner.contexts(1)
    assert positive.shape == (2, 64) and negative.shape == (3, 64)
    wanted = learner.ctx_neg[1] if class_specific else learner.ctx_neg
    assert torch.equal(negative, wanted)
    assert torch.equal(learner.contexts(0)[0], positive) != class_specific
