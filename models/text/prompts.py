"""Learnable prompts.

Letters: C classes, N = 2C prompts, n context tokens, L positions, T distinct tokens, D width of the text encoder.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import open_clip
import torch
from torch import Tensor, nn

from core.errors import UserError
from models.clip.tokens import clip_tokenizer, warn_unknown


def class_tokens(text: str) -> list[int]:
    """Return the tokens of ``text`` (underscores as spaces) and one full stop, without start and end."""
    return clip_tokenizer().encode(f"{text.replace('_', ' ').rstrip('. ')}.")


class Prompts(NamedTuple):
    """N prompts over T distinct tokens.

    Under a causal mask a token's state depends on what precedes it alone. So what several prompts begin with stands in
    the table once, at its start; the other tokens follow, prompt after prompt, without padding.
    """

    tokens: Tensor  # (T, D) embeddings
    index: Tensor  # (N, L) the token at each position; after EOS, where nothing looks, EOS again
    place: Tensor  # (T,) a position at which the token stands, as row * L + column
    eos: Tensor  # (N,) column of EOS
    starts: tuple[int, ...]  # (N + 1) where in the table the tokens of each prompt alone start

    def rows(self, start: int, stop: int) -> "Prompts":
        """Return the prompts from ``start`` to ``stop`` alone."""
        length, num_shared = self.index.shape[1], self.starts[0]
        first, last = self.starts[start], self.starts[stop]
        index = self.index[start:stop]
        place = torch.cat([self.place[:num_shared], self.place[first:last]])
        row = (place // length).clamp(
            start, stop - 1
        ) - start  # a shared token: any of the rows that have it
        return Prompts(
            tokens=torch.cat([self.tokens[:num_shared], self.tokens[first:last]]),
            index=torch.where(index < num_shared, index, index - (first - num_shared)),
            place=row * length + place % length,
            eos=self.eos[start:stop],
            starts=tuple(num_shared + at - first for at in self.starts[start : stop + 1]),
        )


class PromptLearner(nn.Module):
    """Per class a positive and a negative prompt ``[SOS][V1..Vn][class text][.][EOS]`` (DualCoOp, Sun et al. 2022).

    ``ctx_pos`` and ``ctx_neg`` are ``(C, n, D)`` when class specific, ``(n, D)`` when shared: normal with std 0.02
    drawn from ``generator``, or the embeddings of the words in ``init_pos``, ``init_neg``, which then set n.
    """

    def __init__(
        self,
        clip: open_clip.CLIP,
        class_texts: Sequence[str],
        *,
        num_ctx_pos: int = 16,
        num_ctx_neg: int = 16,
        class_specific: bool = True,
        init_pos: str = "",
        init_neg: str = "",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        table = clip.token_embedding.weight.detach()  # (vocabulary, D)
        if table.shape[0] < clip_tokenizer().vocab_size:
            raise UserError(
                f"the backbone has {table.shape[0]} tokens, CLIP's tokenizer {clip_tokenizer().vocab_size}"
            )
        warn_unknown(table, [text.replace("_", " ") for text in class_texts])
        self.num_classes = len(class_texts)
        repeat = self.num_classes if class_specific else 0
        self.ctx_pos = _context(table, num_ctx_pos, init_pos, repeat, generator)
        self.ctx_neg = _context(table, num_ctx_neg, init_neg, repeat, generator)
        suffixes = [[*class_tokens(text), clip_tokenizer().eot_token_id] for text in class_texts]
        self._check_length(class_texts, suffixes, clip.positional_embedding.shape[0])
        ids = torch.tensor([token for tokens in suffixes for token in tokens])
        self.register_buffer(
            "start", table[clip_tokenizer().sot_token_id][None].clone(), persistent=False
        )  # (1, D)
        self.register_buffer(
            "suffix", table[ids], persistent=False
        )  # (lengths of all class texts, D)
        num_ctx = [context.shape[-2] for context in (self.ctx_pos, self.ctx_neg)]
        *buffers, self.starts = _layout(
            num_ctx, [len(tokens) for tokens in suffixes], class_specific
        )
        for name, value in zip(("order", "index", "place", "eos"), buffers, strict=True):
            self.register_buffer(name, torch.tensor(value), persistent=False)

    def _check_length(self, texts: Sequence[str], suffixes: list[list[int]], limit: int) -> None:
        num_ctx = max(self.ctx_pos.shape[-2], self.ctx_neg.shape[-2])
        for text, tokens in zip(texts, suffixes, strict=True):
            total = 1 + num_ctx + len(tokens)
            if total > limit:
                raise UserError(
                    f"the prompt of class '{text}' has {total} tokens ({num_ctx} of context, {len(tokens) - 1} of "
                    f"class text); at most {limit} fit: shorten its text or use fewer context tokens"
                )

    def forward(self) -> Prompts:
        """Return the N = 2C prompts, positive ones first; none is longer than the longest needs."""
        contexts = (
            self.ctx_pos.flatten(0, -2),
            self.ctx_neg.flatten(0, -2),
        )  # (C * n or n, D) each
        table = torch.cat([self.start, *contexts, self.suffix])
        tokens = nn.functional.embedding(self.order, table)  # (T, D)
        return Prompts(tokens, self.index, self.place, self.eos, self.starts)


def _layout(
    num_ctx: Sequence[int], lengths: Sequence[int], class_specific: bool
) -> tuple[list[int], list[list[int]], list[int], list[int], tuple[int, ...]]:
    """Return ``order``, then ``index``, ``place``, ``eos`` and ``starts`` of :class:`Prompts`.

    ``order`` says which row of [SOS, positive contexts, negative contexts, class texts] each distinct token is. SOS is
    common to all prompts, a context to those of its sign unless it is class specific. ``lengths`` are those of the
    class texts with full stop and EOS.
    """
    num_classes = len(lengths)
    order, prefixes = [0], []
    context_at, suffix_at = [1, 1 + num_ctx[0] * (num_classes if class_specific else 1)], 0
    suffix_at = context_at[1] + num_ctx[1] * (num_classes if class_specific else 1)
    for at, num in zip(context_at, num_ctx, strict=True):
        shared = range(at, at + num) if not class_specific else ()
        prefixes.append([0, *range(len(order), len(order) + len(shared))])
        order += shared
    rows, starts = [], []
    for at, num, prefix in zip(context_at, num_ctx, prefixes, strict=True):
        ends = [suffix_at + end for end in itertools.accumulate(lengths)]
        for number, (end, length) in enumerate(zip(ends, lengths, strict=True)):
            own = [*range(at + number * num, at + (number + 1) * num)] if class_specific else []
            own += range(end - length, end)
            starts.append(len(order))
            rows.append([*prefix, *range(len(order), len(order) + len(own))])
            order += own
    width = max(map(len, rows))
    place: dict[int, int] = {}
    for number, row in enumerate(rows):
        for column, token in enumerate(row):
            place.setdefault(token, number * width + column)
    index = [row + [row[-1]] * (width - len(row)) for row in rows]
    return (
        order,
        index,
        [place[t] for t in range(len(order))],
        [len(row) - 1 for row in rows],
        (*starts, len(order)),
    )


def _context(
    table: Tensor, num: int, words: str, repeat: int, generator: torch.Generator | None
) -> nn.Parameter:
    """Return a context ``(repeat, n, D)``, or ``(n, D)`` when ``repeat`` is 0."""
    if words:
        context = table[clip_tokenizer().encode(words.replace("_", " "))]  # (n, D)
        return nn.Parameter(context.expand(repeat, -1, -1).clone() if repeat else context.clone())
    if num < 1:
        raise UserError(f"number of context tokens is {num}; accepted: 1 or more")
    shape = (repeat, num, table.shape[1]) if repeat else (num, table.shape[1])
    return nn.Parameter(
        nn.init.normal_(torch.empty(shape, dtype=table.dtype), std=0.02, generator=generator)
    )
