"""CLIP's frozen text encoder over ready embeddings, without work that nothing reads.

Letters: N prompts, L positions, T distinct tokens, D width of the text encoder, H heads, E of the joint space.
"""

import open_clip
import torch
import torch.nn.functional as F
from open_clip.transformer import QuickGELU, ResidualAttentionBlock
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from core.errors import UserError
from models.text.prompts import Prompts

QUICK_GELU = 1.702  # x * sigmoid(1.702 x) = silu(1.702 x) / 1.702
MANY, CHUNK = 512, 256  # with ``chunk_size`` -1: more prompts than MANY are encoded CHUNK at a time


class TextEncoder(nn.Module):
    """CLIP's text transformer; frozen, but gradients flow through it to the embeddings.

    The same numbers as CLIP's own form over all 77 positions, up to rounding: no position after EOS, no padding, what
    several prompts begin with once, and after the last block's keys and values nothing but EOS.
    """

    def __init__(self, clip: open_clip.CLIP) -> None:
        super().__init__()
        if (
            clip.attn_mask is None
            or isinstance(clip.text_projection, nn.Linear)
            or clip.text_projection is None
        ):
            raise UserError(
                "this backbone's text encoder is not of CLIP's form (causal mask, projection matrix)"
            )
        if not all(type(block) is ResidualAttentionBlock for block in clip.transformer.resblocks):
            raise UserError("this backbone's text encoder is not of CLIP's form (standard blocks)")
        self.transformer = clip.transformer
        self.ln_final = clip.ln_final
        self.positional_embedding = clip.positional_embedding
        self.text_projection = clip.text_projection
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> "TextEncoder":
        """Stay in eval mode whatever ``mode`` is: the encoder is frozen."""
        return super().train(False)

    def forward(self, prompts: Prompts, chunk_size: int = 0) -> Tensor:
        """Return ``(N, E)``, read at EOS.

        With ``chunk_size`` that many prompts are encoded at a time (-1: chosen by their number) and, where gradients
        are wanted, recomputed in the backward pass: memory for many classes at the price of one more forward.
        """
        num = len(prompts.eos)
        if chunk_size < 0:
            chunk_size = CHUNK if num > MANY else 0
        if not 0 < chunk_size < num:
            return self.encode(prompts)
        pieces = [
            prompts.rows(start, min(start + chunk_size, num)) for start in range(0, num, chunk_size)
        ]
        if torch.is_grad_enabled() and prompts.tokens.requires_grad:
            return torch.cat(
                [checkpoint(self.encode, piece, use_reentrant=False) for piece in pieces]
            )
        return torch.cat([self.encode(piece) for piece in pieces])

    def encode(self, prompts: Prompts) -> Tensor:
        """Return ``(N, E)`` of all prompts at once."""
        column = prompts.place % prompts.index.shape[1]
        x = prompts.tokens + self.positional_embedding[column]  # (T, D)
        *blocks, last = self.transformer.resblocks
        for block in blocks:
            x = x + block.ls_1(_attend(block.attn, block.ln_1(x), prompts))  # (T, D)
            x = x + block.ls_2(_mlp(block.mlp, block.ln_2(x)))  # (T, D)
        read = prompts.index[:, -1]  # (N,) the token EOS of each prompt
        x = x[read] + last.ls_1(_attend_from(last.attn, last.ln_1(x), prompts, read))  # (N, D)
        x = x + last.ls_2(_mlp(last.mlp, last.ln_2(x)))  # (N, D)
        return self.ln_final(x) @ self.text_projection  # (N, E)


def _attend(attention: nn.MultiheadAttention, x: Tensor, prompts: Prompts) -> Tensor:
    """Return causal self-attention of tokens ``x (T, D)``, each among those of a prompt that it stands in."""
    qkv = F.linear(x, attention.in_proj_weight, attention.in_proj_bias)  # (T, 3D)
    query, key, value = _heads(
        F.embedding(prompts.index, qkv), 3, attention.num_heads
    )  # (N, H, L, D / H)
    out = F.scaled_dot_product_attention(query, key, value, is_causal=True)  # (N, H, L, D / H)
    out = out.transpose(1, 2).reshape(-1, attention.embed_dim)  # (N * L, D)
    return attention.out_proj(out[prompts.place])  # (T, D)


def _attend_from(
    attention: nn.MultiheadAttention, x: Tensor, prompts: Prompts, read: Tensor
) -> Tensor:
    """Return what :func:`_attend` gives at EOS alone, ``(N, D)``; ``read (N,)`` are those tokens."""
    width, heads = attention.embed_dim, attention.num_heads
    weight, bias = attention.in_proj_weight, attention.in_proj_bias
    query = F.linear(x[read], weight[:width], bias[:width]).unflatten(
        -1, (heads, 1, -1)
    )  # (N, H, 1, D / H)
    key_value = F.linear(x, weight[width:], bias[width:])  # (T, 2D)
    key, value = _heads(F.embedding(prompts.index, key_value), 2, heads)  # (N, H, L, D / H)
    seen = torch.arange(prompts.index.shape[1], device=x.device) <= prompts.eos[:, None]  # (N, L)
    out = F.scaled_dot_product_attention(
        query, key, value, attn_mask=seen[:, None, None]
    )  # (N, H, 1, D / H)
    return attention.out_proj(out.flatten(1))  # (N, D)


def _heads(x: Tensor, num: int, heads: int) -> tuple[Tensor, ...]:
    """Return ``num`` tensors ``(N, H, L, D / H)`` from ``x (N, L, num * D)``."""
    return x.unflatten(-1, (num, heads, -1)).permute(2, 0, 3, 1, 4).unbind()


def _mlp(mlp: nn.Sequential, x: Tensor) -> Tensor:
    """Return ``mlp(x)``; QuickGELU by one kernel, so that one tensor is kept for the backward pass, not two."""
    if not isinstance(mlp.gelu, QuickGELU):
        return mlp(x)
    hidden = F.silu(mlp.c_fc(x).mul_(QUICK_GELU))  # (..., 4D), QUICK_GELU times too large
    return torch.addmm(mlp.c_proj.bias, hidden, mlp.c_proj.weight.T, alpha=1 / QUICK_GELU)
