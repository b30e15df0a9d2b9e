"""Learnable prompts.

Letters: C classes, N = 2C prompts, n context tokens, L positions, T distinct tokens, D width of the
text encoder.
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
    """Return the tokens of ``text`` and a full stop, without SOS and EOS.

    Underscores count as spaces.
    """
    return clip_tokenizer().encode(f"{text.replace('_', ' ').rstrip('. ')}.")


class Prompts(NamedTuple):
    """N prompts over T distinct tokens.

    Under a causal mask a token's state depends only on the tokens before it. So the common
    beginnings of several prompts are stored once, at the start of the table; the other tokens
    follow, prompt after prompt, without padding.

    Example: classes ``a`` and ``b c`` (each with EOS, no full stop here), shared contexts ``+`` and
    ``-`` of one token. The four prompts have T = 13 distinct tokens, of which three are shared::

        number   0    1  2    3  4     5  6  7     8  9     10 11 12
        token    SOS  +  -    a  EOS   b  c  EOS   a  EOS   b  c  EOS
                 shared       + a      + b c       - a      - b c

        index    0  1   3   4   4     SOS + a EOS (EOS)
                 0  1   5   6   7     SOS + b c EOS
                 0  2   8   9   9     SOS - a EOS (EOS)
                 0  2  10  11  12     SOS - b c EOS
        eos      3  4  3  4
        starts   3  5  8  10  13
        place    0  1  11  2  3  7  8  9  12  13  17  18  19     11: row 2, column 1

    ``rows(2, 4)``, the negative prompts, keeps the shared tokens 0 to 2; 8 to 12 become 3 to 7.
    ``select([1, 3])``, the second class, keeps them, too; 5 to 7 and 10 to 12 become 3 to 8.
    """

    tokens: Tensor  # (T, D) embeddings
    index: Tensor  # (N, L) number of the token at each position; positions after EOS repeat EOS
    place: Tensor  # (T,) one position of each token, as row * L + column
    eos: Tensor  # (N,) column of EOS
    starts: tuple[int, ...]  # (N + 1) start of each prompt's own tokens in the table

    def rows(self, start: int, stop: int) -> "Prompts":
        """Return only the prompts from ``start`` to ``stop``."""
        length, num_shared = self.index.shape[1], self.starts[0]
        first, last = self.starts[start], self.starts[stop]
        index = self.index[start:stop]
        place = torch.cat([self.place[:num_shared], self.place[first:last]])  # (T,)
        # A shared token may be in a row outside; any row of the piece that has it will do.
        row = (place // length).clamp(start, stop - 1) - start
        return Prompts(
            tokens=torch.cat([self.tokens[:num_shared], self.tokens[first:last]]),
            index=torch.where(index < num_shared, index, index - (first - num_shared)),
            place=row * length + place % length,
            eos=self.eos[start:stop],
            starts=tuple(num_shared + at - first for at in self.starts[start : stop + 1]),
        )

    def select(self, rows: Tensor) -> "Prompts":
        """Return the prompts with the given numbers ``(R,)``, which rise.

        Each common beginning must be the one of some selected prompt.
        """
        num_shared, length = self.starts[0], self.index.shape[1]
        device = self.tokens.device
        chosen = rows.tolist()
        spans = [torch.arange(self.starts[row], self.starts[row + 1]) for row in chosen]
        sizes = [len(span) for span in spans]
        starts = tuple(itertools.accumulate(sizes, initial=num_shared))
        own = torch.cat(spans).to(device)
        shift = torch.tensor([self.starts[row] for row in chosen]) - torch.tensor(starts[:-1])
        index = self.index[rows]  # (R, L)
        index = torch.where(index < num_shared, index, index - shift.to(device)[:, None])
        # One position of each token: the first of its prompt for own ones, any for shared ones.
        new_row = torch.repeat_interleave(torch.arange(len(chosen)), torch.tensor(sizes)).to(device)
        own_place = new_row * length + self.place[own] % length
        flat = index.flatten()
        position = torch.arange(flat.numel(), device=device)
        shared_place = torch.full((num_shared,), flat.numel(), device=device)
        is_shared = flat < num_shared
        shared_place.scatter_reduce_(0, flat[is_shared], position[is_shared], reduce="amin")
        return Prompts(
            tokens=torch.cat([self.tokens[:num_shared], self.tokens[own]]),
            index=index,
            place=torch.cat([shared_place, own_place]),
            eos=self.eos[rows],
            starts=starts,
        )


class PromptLearner(nn.Module):
    """A positive and a negative prompt ``[SOS][V1..Vn][class text][.][EOS]`` per class.

    As in DualCoOp (Sun et al. 2022, section 3.2). The parameters ``ctx_pos`` and ``ctx_neg`` are
    ``(C, n, D)`` when class specific, ``(n, D)`` when shared.

    Args:
        clip: a CLIP; its token table gives the embeddings.
        class_texts: one text per class.
        num_ctx_pos: n of the positive prompts.
        num_ctx_neg: n of the negative prompts.
        class_specific: whether each class has contexts of its own.
        init_pos: words whose embeddings the positive context starts from; they set n. Empty: normal
            random numbers with standard deviation 0.02.
        init_neg: the same for the negative context.
        generator: random numbers of the initial contexts.

    Raises:
        UserError: a prompt is too long for CLIP, or CLIP's vocabulary is too small.
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
        tokenizer = clip_tokenizer()
        table = clip.token_embedding.weight.detach()  # (vocabulary, D)
        if table.shape[0] < tokenizer.vocab_size:
            raise UserError(
                f"the backbone has {table.shape[0]} tokens, CLIP's tokenizer {tokenizer.vocab_size}"
            )
        warn_unknown(table, [text.replace("_", " ") for text in class_texts])
        self.num_classes = len(class_texts)
        repeat = self.num_classes if class_specific else 0
        self.ctx_pos = _context(table, num_ctx_pos, init_pos, repeat, generator)
        self.ctx_neg = _context(table, num_ctx_neg, init_neg, repeat, generator)
        suffixes = [[*class_tokens(text), tokenizer.eot_token_id] for text in class_texts]
        self._check_length(class_texts, suffixes, clip.positional_embedding.shape[0])
        self._register_tokens(table, suffixes)
        self._register_layout([len(tokens) for tokens in suffixes], class_specific)

    def _check_length(self, texts: Sequence[str], suffixes: list[list[int]], limit: int) -> None:
        num_ctx = max(self.ctx_pos.shape[-2], self.ctx_neg.shape[-2])
        for text, tokens in zip(texts, suffixes, strict=True):
            total = 1 + num_ctx + len(tokens)
            if total > limit:
                raise UserError(
                    f"the prompt of class '{text}' has {total} tokens ({num_ctx} of context, "
                    f"{len(tokens) - 1} of class text); at most {limit} fit: shorten its text or "
                    "use fewer context tokens"
                )

    def _register_tokens(self, table: Tensor, suffixes: list[list[int]]) -> None:
        """Keep the embeddings of SOS ``(1, D)`` and of all class texts, one after the other."""
        start = table[clip_tokenizer().sot_token_id][None].clone()
        ids = torch.tensor(list(itertools.chain(*suffixes)))
        self.register_buffer("start", start, persistent=False)
        self.register_buffer("suffix", table[ids], persistent=False)

    def _register_layout(self, lengths: list[int], class_specific: bool) -> None:
        num_ctx = (self.ctx_pos.shape[-2], self.ctx_neg.shape[-2])
        layout = _layout(num_ctx, lengths, class_specific)
        self.starts = layout.starts
        for name in ("order", "index", "place", "eos"):
            self.register_buffer(name, torch.tensor(getattr(layout, name)), persistent=False)

    def contexts(self, number: int) -> tuple[Tensor, Tensor]:
        """Return the positive and the negative context ``(n, D)`` of a class.

        Args:
            number: of the class; without class-specific contexts all classes have the same.
        """
        if self.ctx_pos.dim() == 2:
            return self.ctx_pos, self.ctx_neg
        return self.ctx_pos[number], self.ctx_neg[number]

    def forward(self) -> Prompts:
        """Return the N = 2C prompts, positive ones first; L is the length of the longest."""
        positive = self.ctx_pos.flatten(0, -2)  # (C * n or n, D)
        negative = self.ctx_neg.flatten(0, -2)  # (C * n or n, D)
        table = torch.cat([self.start, positive, negative, self.suffix])
        tokens = nn.functional.embedding(self.order, table)  # (T, D)
        return Prompts(tokens, self.index, self.place, self.eos, self.starts)


class _Layout(NamedTuple):
    """``order``, and the fields of :class:`Prompts` as lists.

    ``order`` (T) gives the row of each distinct token in the table
    [SOS, positive contexts, negative contexts, class texts].
    """

    order: list[int]
    index: list[list[int]]
    place: list[int]
    eos: list[int]
    starts: tuple[int, ...]


def _layout(num_ctx: Sequence[int], lengths: Sequence[int], class_specific: bool) -> _Layout:
    """Return the layout of the prompts of all classes.

    SOS is common to all prompts, a context to those of its sign unless it is class specific.

    Args:
        num_ctx: number of context tokens of the positive and of the negative prompts.
        lengths: lengths of the class texts with full stop and EOS.
        class_specific: whether each class has contexts of its own.

    Example: for the prompts in :class:`Prompts`, ``_layout((1, 1), [2, 3], False)``, the table has
    the rows ``SOS + - a EOS b c EOS``, and ``order`` is ``0 1 2  3 4  5 6 7  3 4  5 6 7``.
    """
    repeat = len(lengths) if class_specific else 1
    context_at = (1, 1 + num_ctx[0] * repeat)  # rows of the contexts in the table
    suffix_at = context_at[1] + num_ctx[1] * repeat

    order = [0]
    prefixes = []  # token numbers that the prompts of a sign have in common
    for at, num in zip(context_at, num_ctx, strict=True):
        prefix = [0]
        if not class_specific:
            prefix += range(len(order), len(order) + num)
            order += range(at, at + num)
        prefixes.append(prefix)

    rows, starts = [], []
    for at, num, prefix in zip(context_at, num_ctx, prefixes, strict=True):
        text_at = suffix_at
        for number, length in enumerate(lengths):
            own: list[int] = []  # rows of the table
            if class_specific:
                own += range(at + number * num, at + (number + 1) * num)
            own += range(text_at, text_at + length)
            text_at += length
            starts.append(len(order))
            rows.append([*prefix, *range(len(order), len(order) + len(own))])
            order += own

    width = max(map(len, rows))
    index = [row + [row[-1]] * (width - len(row)) for row in rows]
    eos = [len(row) - 1 for row in rows]
    return _Layout(order, index, _places(rows, width), eos, (*starts, len(order)))


def _places(rows: list[list[int]], width: int) -> list[int]:
    """Return the first position of each token, as row * width + column."""
    place: dict[int, int] = {}
    for number, row in enumerate(rows):
        for column, token in enumerate(row):
            place.setdefault(token, number * width + column)
    return [position for _, position in sorted(place.items())]


def _context(
    table: Tensor, num: int, words: str, repeat: int, generator: torch.Generator | None
) -> nn.Parameter:
    """Return a context ``(repeat, n, D)``, or ``(n, D)`` when ``repeat`` is 0."""
    if words:
        context = table[clip_tokenizer().encode(words.replace("_", " "))]  # (n, D)
        if repeat:
            context = context.expand(repeat, -1, -1)
        return nn.Parameter(context.clone())
    if num < 1:
        raise UserError(f"number of context tokens is {num}; accepted: 1 or more")
    shape = (repeat, num, table.shape[1]) if repeat else (num, table.shape[1])
    context = torch.empty(shape, dtype=table.dtype)
    return nn.Parameter(nn.init.normal_(context, std=0.02, generator=generator))
