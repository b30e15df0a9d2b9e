"""Small vocabularies: train and store only the token rows that occur, and expand them to CLIP's on load.

A file in compact form has ``token_embedding.ids (K,)`` int64, ``token_embedding.rows (K, D)`` and
``token_embedding.unknown (D,)`` in place of ``token_embedding.weight (V, D)``. Every token outside the ids gets the one
unknown vector; :func:`unknown_tokens` says which tokens of a text those are.
"""

import functools
import logging
from collections.abc import Iterable

import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor

logger = logging.getLogger("intclip")

VOCAB_SIZE = 49408  # of CLIP's tokenizer
_IDS, _ROWS, _UNKNOWN = (f"token_embedding.{part}" for part in ("ids", "rows", "unknown"))


@functools.lru_cache(maxsize=1)
def clip_tokenizer() -> SimpleTokenizer:
    """Return CLIP's tokenizer: the one that open_clip made while it was imported, if it still does that."""
    return getattr(open_clip.tokenizer, "_tokenizer", None) or SimpleTokenizer()


class CompactTokenizer:
    """CLIP's tokenizer over the K tokens that ``texts`` use, numbered 0 .. K - 1; ``unknown`` is number K."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._clip = clip_tokenizer()
        used = {token for text in texts for token in self._clip.encode(text)}
        used |= {self._clip.sot_token_id, self._clip.eot_token_id}
        self.ids = torch.tensor(sorted(used))  # (K,)
        self.unknown = len(self.ids)
        self._number = {int(token): number for number, token in enumerate(self.ids)}
        self.start, self.end = (
            self._number[t] for t in (self._clip.sot_token_id, self._clip.eot_token_id)
        )

    def encode(self, text: str) -> list[int]:
        """Return the numbers of ``text``'s tokens, without start and end."""
        return [self._number.get(token, self.unknown) for token in self._clip.encode(text)]


def pack_tokens(state: dict[str, Tensor], ids: Tensor) -> dict[str, Tensor]:
    """Return ``state``, whose ``token_embedding.weight (K + 1, D)`` has ``ids (K,)`` and unknown, in compact form."""
    table = state["token_embedding.weight"]  # (K + 1, D)
    packed = {key: value for key, value in state.items() if key != "token_embedding.weight"}
    return packed | {_IDS: ids, _ROWS: table[:-1].clone(), _UNKNOWN: table[-1].clone()}


def expand_tokens(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return ``state`` with the full ``token_embedding.weight (V, D)``; what is not compact comes back as it is."""
    if _IDS not in state:
        return state
    rest = {key: value for key, value in state.items() if key not in (_IDS, _ROWS, _UNKNOWN)}
    table = state[_UNKNOWN].repeat(VOCAB_SIZE, 1)  # (V, D)
    table[state[_IDS]] = state[_ROWS]
    return rest | {"token_embedding.weight": table}


def warn_unknown(table: Tensor, texts: Iterable[str]) -> None:
    """Log the words of ``texts`` that have no vector of their own in ``table (V, D)``, expanded from a compact one."""
    tokenizer = clip_tokenizer()
    tokens = {token for text in texts for token in tokenizer.encode(text)}
    unknown = sorted(
        tokenizer.decode([token]).strip() for token in unknown_tokens(table, sorted(tokens))
    )
    if unknown:
        logger.warning(
            "the backbone was trained without %d tokens of the class texts, which share one vector: %s",
            len(unknown), ", ".join(unknown),
        )  # fmt: skip


def unknown_tokens(table: Tensor, tokens: Iterable[int]) -> list[int]:
    """Return those of ``tokens`` whose vector in ``table (V, D)`` is that of most of the vocabulary.

    Empty for ordinary checkpoints, where no two rows are alike.
    """
    probe = table[
        VOCAB_SIZE // 2 : VOCAB_SIZE // 2 + 3
    ]  # rare merges: no small vocabulary has all three
    if len(probe) < 3 or not (torch.equal(probe[0], probe[1]) and torch.equal(probe[1], probe[2])):
        return []
    return [token for token in tokens if torch.equal(table[token], probe[0])]
