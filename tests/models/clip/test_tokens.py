"""Small vocabularies: packing and expanding are inverse, and unknown words are named."""

import logging

import open_clip
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from models.clip.load import load_clip
from models.clip.tokens import (
    VOCAB_SIZE,
    CompactTokenizer,
    expand_tokens,
    pack_tokens,
    unknown_tokens,
    warn_unknown,
)

WORDS = ("red", "ball", "balls", "starfish", "a", "photo", "of", ".")


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12))
def test_numbers_stand_for_clips_own_tokens(words):
    tokenizer = CompactTokenizer(WORDS)
    text = " ".join(words)
    ids = tokenizer.ids[torch.tensor(tokenizer.encode(text))].tolist()
    padded = open_clip.tokenize([text])[0].tolist()
    assert padded[: len(ids) + 2] == [
        int(tokenizer.ids[tokenizer.start]),
        *ids,
        int(tokenizer.ids[tokenizer.end]),
    ]


def test_an_unseen_word_is_the_unknown_token():
    tokenizer = CompactTokenizer(WORDS)
    assert tokenizer.unknown == len(tokenizer.ids)
    assert tokenizer.unknown in tokenizer.encode("zebra")


def test_expanding_undoes_packing():
    ids = torch.tensor([3, 40, 49407])
    table = torch.randn(4, 8)
    state = {"token_embedding.weight": table, "other": torch.ones(2)}
    packed = pack_tokens(state, ids)
    assert "token_embedding.weight" not in packed
    full = expand_tokens(packed)
    weight = full["token_embedding.weight"]
    assert weight.shape == (VOCAB_SIZE, 8)
    assert torch.equal(weight[ids], table[:3])
    assert torch.equal(weight[17], table[3])
    assert full.keys() == state.keys()
    assert unknown_tokens(weight, [3, 17, 40, 99]) == [17, 99]


def test_an_ordinary_state_passes_through():
    state = {"token_embedding.weight": torch.randn(VOCAB_SIZE, 2)}
    assert expand_tokens(state) is state
    assert unknown_tokens(state["token_embedding.weight"], [0, 1, 2]) == []


@pytest.fixture
def compact_file(tmp_path):
    """Return a compact checkpoint of a small CLIP, that CLIP, and its tokenizer."""
    torch.manual_seed(0)
    tokenizer = CompactTokenizer(WORDS)
    text = {
        "context_length": 77,
        "vocab_size": tokenizer.unknown + 1,
        "width": 64,
        "heads": 1,
        "layers": 2,
    }
    vision = {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16, "patch_size": None}
    clip = open_clip.CLIP(embed_dim=32, vision_cfg=vision, text_cfg=text, quick_gelu=True).eval()
    state = {k: v for k, v in clip.state_dict().items() if not k.endswith("num_batches_tracked")}
    path = tmp_path / "compact.safetensors"
    save_file({k: v.contiguous() for k, v in pack_tokens(state, tokenizer.ids).items()}, str(path))
    return path, clip, tokenizer


@torch.no_grad()
def test_the_ordinary_loader_gives_the_same_features(compact_file):
    path, clip, tokenizer = compact_file
    loaded, clip = load_clip("", path=str(path)).double(), clip.double()
    rows = [tokenizer.start, *tokenizer.encode("a photo of red balls."), tokenizer.end]
    x = clip.token_embedding(torch.tensor([rows])) + clip.positional_embedding[: len(rows)]
    x = clip.transformer(x, attn_mask=clip.attn_mask[: len(rows), : len(rows)])[:, -1]
    expected = clip.ln_final(x) @ clip.text_projection
    assert torch.allclose(
        loaded.encode_text(open_clip.tokenize(["a photo of red balls."])), expected, atol=1e-9
    )
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    assert torch.allclose(loaded.encode_image(images), clip.encode_image(images), atol=1e-9)


def test_unknown_words_are_named_once(compact_file, caplog):
    table = load_clip("", path=str(compact_file[0])).token_embedding.weight
    with caplog.at_level(logging.WARNING, logger="intclip"):
        warn_unknown(table, ["red ball", "a zebra ball"])
    assert "zebra" in caplog.text
    assert "ball" not in caplog.text.partition(":")[2]
