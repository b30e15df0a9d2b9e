"""Learnable prompts and the frozen text encoder that reads them.

Letters: C classes, n context tokens, L positions, D width of the text encoder, E of the joint space.
"""

import functools
from collections.abc import Sequence

import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from core.errors import UserError
from models.compact_tokens import warn_unknown


@functools.lru_cache(maxsize=1)
def _tokenizer() -> SimpleTokenizer:
    return SimpleTokenizer()


def class_tokens(text: str) -> list[int]:
    """Return the tokens of ``text`` (underscores as spaces) and one full stop, without start and end."""
    return _tokenizer().encode(f"{text.replace('_', ' ').rstrip('. ')}.")


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
        table = clip.token_embedding.weight.detach().float()  # (vocabulary, D)
        if table.shape[0] < _tokenizer().vocab_size:
            raise UserError(f"the backbone has {table.shape[0]} tokens, CLIP's tokenizer {_tokenizer().vocab_size}")
        warn_unknown(table, [text.replace("_", " ") for text in class_texts])
        self.num_classes = len(class_texts)
        repeat = self.num_classes if class_specific else 0
        self.ctx_pos = _context(table, num_ctx_pos, init_pos, repeat, generator)
        self.ctx_neg = _context(table, num_ctx_neg, init_neg, repeat, generator)
        suffixes = [[*class_tokens(text), _tokenizer().eot_token_id] for text in class_texts]
        self._check_length(class_texts, suffixes, clip.positional_embedding.shape[0])
        width = max(map(len, suffixes))
        ids = torch.tensor([tokens + [0] * (width - len(tokens)) for tokens in suffixes])  # (C, S)
        self.register_buffer("start", table[_tokenizer().sot_token_id][None, None].clone(), persistent=False)
        self.register_buffer("suffix", table[ids], persistent=False)  # (C, S, D)
        self.register_buffer("last", torch.tensor([len(tokens) - 1 for tokens in suffixes]), persistent=False)

    def _check_length(self, texts: Sequence[str], suffixes: list[list[int]], limit: int) -> None:
        num_ctx = max(self.ctx_pos.shape[-2], self.ctx_neg.shape[-2])
        for text, tokens in zip(texts, suffixes, strict=True):
            total = 1 + num_ctx + len(tokens)
            if total > limit:
                raise UserError(
                    f"the prompt of class '{text}' has {total} tokens ({num_ctx} of context, {len(tokens) - 1} of "
                    f"class text); at most {limit} fit: shorten its text or use fewer context tokens"
                )

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return embeddings ``(2C, L, D)``, positive prompts first, and the positions of EOS ``(2C,)``.

        L ends at the longest prompt's EOS: under a causal mask no later position has any influence.
        """
        pos, neg = self._assemble(self.ctx_pos), self._assemble(self.ctx_neg)  # (C, L, D) each
        length = max(pos.shape[1], neg.shape[1])
        prompts = torch.cat([_padded(pos, length), _padded(neg, length)])  # (2C, L, D)
        first = [1 + context.shape[-2] for context in (self.ctx_pos, self.ctx_neg)]
        return prompts, torch.cat([self.last + offset for offset in first])

    def _assemble(self, context: Tensor) -> Tensor:
        context = context.expand(self.num_classes, -1, -1)  # (C, n, D)
        return torch.cat([self.start.expand(self.num_classes, -1, -1), context, self.suffix], dim=1)  # (C, L, D)


class TextEncoder(nn.Module):
    """CLIP's text transformer over ready embeddings; frozen, but gradients flow through it to them."""

    def __init__(self, clip: open_clip.CLIP) -> None:
        super().__init__()
        if clip.attn_mask is None or isinstance(clip.text_projection, nn.Linear) or clip.text_projection is None:
            raise UserError("this backbone's text encoder is not of CLIP's form (causal mask, projection matrix)")
        self.transformer = clip.transformer
        self.ln_final = clip.ln_final
        self.positional_embedding = clip.positional_embedding
        self.text_projection = clip.text_projection
        self.register_buffer("attn_mask", clip.attn_mask.clone(), persistent=False)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> "TextEncoder":
        """Stay in eval mode whatever ``mode`` is: the encoder is frozen."""
        return super().train(False)

    def forward(self, embeddings: Tensor, eos: Tensor, chunk_size: int = 0) -> Tensor:
        """Return ``(N, E)`` from embeddings ``(N, L, D)`` read at ``eos (N,)``.

        With ``chunk_size`` that many prompts are encoded at a time and, where gradients are wanted, recomputed in the
        backward pass: memory for many classes at the price of one more forward.
        """
        if chunk_size <= 0 or chunk_size >= embeddings.shape[0]:
            return self._encode(embeddings, eos)
        pieces = zip(embeddings.split(chunk_size), eos.split(chunk_size), strict=True)
        if torch.is_grad_enabled() and embeddings.requires_grad:
            return torch.cat([checkpoint(self._encode, *piece, use_reentrant=False) for piece in pieces])
        return torch.cat([self._encode(*piece) for piece in pieces])

    def _encode(self, embeddings: Tensor, eos: Tensor) -> Tensor:
        length = embeddings.shape[1]
        x = embeddings + self.positional_embedding[:length]  # (N, L, D)
        x = self.transformer(x, attn_mask=self.attn_mask[:length, :length])  # (N, L, D)
        x = x[torch.arange(x.shape[0], device=x.device), eos]  # (N, D)
        return self.ln_final(x) @ self.text_projection  # (N, E)


def _context(table: Tensor, num: int, words: str, repeat: int, generator: torch.Generator | None) -> nn.Parameter:
    """Return a context ``(repeat, n, D)``, or ``(n, D)`` when ``repeat`` is 0."""
    if words:
        context = table[_tokenizer().encode(words.replace("_", " "))]  # (n, D)
        return nn.Parameter(context.expand(repeat, -1, -1).clone() if repeat else context.clone())
    if num < 1:
        raise UserError(f"number of context tokens is {num}; accepted: 1 or more")
    shape = (repeat, num, table.shape[1]) if repeat else (num, table.shape[1])
    return nn.Parameter(nn.init.normal_(torch.empty(shape), std=0.02, generator=generator))


def _padded(prompts: Tensor, length: int) -> Tensor:
    return nn.functional.pad(prompts, (0, 0, 0, length - prompts.shape[1]))  # (C, length, D)
