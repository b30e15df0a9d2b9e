"""Checkpoints with a small vocabulary: only the token rows that occur are trained and stored.

A file in compact form has ``token_embedding.ids (K,)`` int64, ``token_embedding.rows (K, D)`` and
``token_embedding.unknown (D,)`` in place of ``token_embedding.weight (V, D)``. On load it is
expanded to CLIP's vocabulary: every token outside the ids gets the unknown vector.
:func:`unknown_tokens` finds those tokens in a text. Only this project's own checkpoints have this
form; their architecture has QuickGELU and heads of 64 channels.

Letters: K tokens that occur, V tokens of CLIP's vocabulary, D width of the text encoder.
"""

import functools
from collections.abc import Iterable, Mapping
from typing import Any

import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor

from core.logging import get_logger

log = get_logger()

VOCAB_SIZE = 49408  # of CLIP's tokenizer
_IDS, _ROWS, _UNKNOWN = (f"token_embedding.{part}" for part in ("ids", "rows", "unknown"))


@functools.lru_cache(maxsize=1)
def clip_tokenizer() -> SimpleTokenizer:
    """Return CLIP's tokenizer; open_clip makes one at import, and a second costs time."""
    return getattr(open_clip.tokenizer, "_tokenizer", None) or SimpleTokenizer()


class CompactTokenizer:
    """CLIP's tokenizer for the K tokens that ``texts`` use.

    They have the numbers 0 .. K - 1; any other token has the number ``unknown``, K.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._clip = clip_tokenizer()
        used = {self._clip.sot_token_id, self._clip.eot_token_id}
        for text in texts:
            used.update(self._clip.encode(text))
        self.ids = torch.tensor(sorted(used))  # (K,)
        self.unknown = len(self.ids)
        self._number = {int(token): number for number, token in enumerate(self.ids)}
        self.start = self._number[self._clip.sot_token_id]
        self.end = self._number[self._clip.eot_token_id]

    def encode(self, text: str) -> list[int]:
        """Return the numbers of ``text``'s tokens, without start and end."""
        return [self._number.get(token, self.unknown) for token in self._clip.encode(text)]


def pack_tokens(state: dict[str, Tensor], ids: Tensor) -> dict[str, Tensor]:
    """Return ``state`` in compact form.

    Args:
        state: weights whose ``token_embedding.weight (K + 1, D)`` has the unknown vector last.
        ids: token ids ``(K,)`` of the other rows.
    """
    table = state["token_embedding.weight"]  # (K + 1, D)
    packed = {key: value for key, value in state.items() if key != "token_embedding.weight"}
    return packed | {_IDS: ids, _ROWS: table[:-1].clone(), _UNKNOWN: table[-1].clone()}


def is_compact(state: Mapping[str, Any]) -> bool:
    """Return whether ``state`` is in compact form."""
    return _IDS in state


def expand_tokens(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return ``state`` with the full ``token_embedding.weight (V, D)``.

    A state that is not compact is returned unchanged.
    """
    if not is_compact(state):
        return state
    rest = {key: value for key, value in state.items() if key not in (_IDS, _ROWS, _UNKNOWN)}
    table = state[_UNKNOWN].repeat(VOCAB_SIZE, 1)  # (V, D)
    table[state[_IDS]] = state[_ROWS]
    return rest | {"token_embedding.weight": table}


def warn_unknown(table: Tensor, texts: Iterable[str]) -> None:
    """Log a warning with the tokens of ``texts`` that have only the unknown vector in ``table``.

    Args:
        table: token embeddings ``(V, D)``.
        texts: texts that will be encoded.
    """
    tokenizer = clip_tokenizer()
    tokens: set[int] = set()
    for text in texts:
        tokens.update(tokenizer.encode(text))
    unknown = []
    for token in unknown_tokens(table, sorted(tokens)):
        unknown.append(tokenizer.decode([token]).strip())
    if unknown:
        log.warning(
            "the backbone was trained without %d tokens of the class texts, "
            "which share one vector: %s",
            len(unknown), ", ".join(sorted(unknown)),
        )  # fmt: skip


def unknown_tokens(table: Tensor, tokens: Iterable[int]) -> list[int]:
    """Return those of ``tokens`` that have only the unknown vector in ``table (V, D)``.

    The result is empty for ordinary checkpoints, where all rows differ.
    """
    unknown = unknown_mask(table)
    return [token for token in tokens if unknown[token]]


def unknown_mask(table: Tensor) -> Tensor:
    """Return bool ``(V,)``: which tokens have only the unknown vector in ``table (V, D)``."""
    middle = VOCAB_SIZE // 2  # rare merges: no small vocabulary has all three
    probe = table[middle : middle + 3]
    if len(probe) < 3 or not (torch.equal(probe[0], probe[1]) and torch.equal(probe[1], probe[2])):
        return torch.zeros(len(table), dtype=torch.bool, device=table.device)
    return (table == probe[0]).all(dim=1)
