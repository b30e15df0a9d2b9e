"""Nearest tokens of CLIP's vocabulary to learnt context vectors.

Letters: n context vectors, V tokens, D width of the text encoder, k nearest.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from models.clip.tokens import clip_tokenizer, unknown_mask
from models.precision import full_precision

WORD_END = "</w>"
SPARE = 8  # candidates beside the k nearest


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
    rows = table[known].to(context.dtype)  # (K, D)
    # By a product of matrices, which is fast but loses digits where a distance is small beside the
    # lengths: a few more candidates than k are measured exactly.
    rough = torch.cdist(context, rows)  # (n, K)
    candidates = rough.topk(min(k + SPARE, len(known)), dim=1, largest=False).indices
    found = []
    for vector, places in zip(context, candidates, strict=True):
        distances = torch.linalg.vector_norm(rows[places] - vector, dim=1)  # (k + SPARE,)
        words = []
        for place in distances.argsort(stable=True)[:k].tolist():
            token = int(known[places[place]])
            words.append(Word(token_text(token), float(distances[place])))
        found.append(words)
    return found


def token_text(token: int) -> str:
    """Return a token of CLIP's tokenizer as text; a part of a longer word ends in a hyphen."""
    tokenizer = clip_tokenizer()
    if token in (tokenizer.sot_token_id, tokenizer.eot_token_id):
        return tokenizer.decoder[token]
    is_word = tokenizer.decoder[token].endswith(WORD_END)
    text = tokenizer.decode([token]).strip()
    return text if is_word else f"{text}-"
