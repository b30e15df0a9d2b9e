"""Nearest tokens of CLIP's vocabulary to learnt context vectors.

Letters: n context vectors, V tokens, D width of the text encoder, k nearest.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from models.clip.tokens import clip_tokenizer, unknown_mask
from models.precision import full_precision

WORD_END = "</w>"


class Word(NamedTuple):
    """A token near a context vector.

    Attributes:
        text: the token; ``pho-`` is a part of a longer word.
        distance: Euclidean distance between the token's embedding and the vector.
    """

    text: str
    distance: float


def nearest_words(context: Tensor, table: Tensor, k: int = 3) -> list[list[Word]]:
    """Return the ``k`` nearest tokens of each context vector, the nearest first.

    The distance is Euclidean, as in the table of CoOp (Zhou et al., IJCV 2022, section 4.2). Tokens
    that a small checkpoint has no vector for are left out.

    Args:
        context: context vectors ``(n, D)``.
        table: token embeddings ``(V, D)``.
        k: tokens per vector, from 1.
    """
    context, table = full_precision(context.detach().cpu(), table.detach().cpu())
    known = torch.nonzero(~unknown_mask(table)).flatten()  # (K,)
    # the other form loses digits where distances are small beside the lengths
    exact = "donot_use_mm_for_euclid_dist"
    distances = torch.cdist(context, table[known].to(context.dtype), compute_mode=exact)  # (n, K)
    nearest = distances.topk(min(k, len(known)), dim=1, largest=False)
    found = []
    for values, places in zip(
        nearest.values.tolist(), known[nearest.indices].tolist(), strict=True
    ):
        words = zip(map(token_text, places), values, strict=True)
        found.append([Word(text, distance) for text, distance in words])
    return found


def token_text(token: int) -> str:
    """Return a token of CLIP's tokenizer as text; a part of a longer word ends in a hyphen."""
    tokenizer = clip_tokenizer()
    if token in (tokenizer.sot_token_id, tokenizer.eot_token_id):
        return tokenizer.decoder[token]
    is_word = tokenizer.decoder[token].endswith(WORD_END)
    text = tokenizer.decode([token]).strip()
    return text if is_word else f"{text}-"
