"""CLIP's frozen text encoder over ready embeddings; results that nothing reads are not computed.

Letters: N prompts, L positions, T distinct tokens, D width of the text encoder, H heads, E of the
joint space.
"""

from collections.abc import Sequence

import open_clip
import torch
import torch.nn.functional as F
from open_clip.transformer import QuickGELU, ResidualAttentionBlock
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from core.errors import UserError
from models.text.prompts import Prompts

QUICK_GELU = 1.702  # x * sigmoid(1.702 x) = silu(1.702 x) / 1.702
MANY = 512  # with ``chunk_size`` -1, more prompts than these are encoded in chunks
CHUNK = 256  # of this size


class TextEncoder(nn.Module):
    """CLIP's text transformer; frozen, but gradients flow through it to the embeddings.

    It gives the same numbers as CLIP's own form over all 77 positions, up to rounding, with less
    work: no position after EOS, no padding, common beginnings of prompts once, and in the last
    block only the output at EOS.

    Raises:
        UserError: the text encoder of ``clip`` is not of CLIP's form.
    """

    def __init__(self, clip: open_clip.CLIP) -> None:
        super().__init__()
        has_matrix = isinstance(clip.text_projection, Tensor)
        if clip.attn_mask is None or not has_matrix:
            raise UserError(
                "this backbone's text encoder is not of CLIP's form "
                "(causal mask, projection matrix)"
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
        """Return the text features ``(N, E)``, read at EOS.

        Args:
            prompts: N prompts.
            chunk_size: number of prompts encoded at a time; 0: all; -1: all up to 512, then 256.
                With gradients a chunk is computed again in the backward pass, which saves memory
                for many classes and costs one more forward pass.
        """
        num = len(prompts.eos)
        if chunk_size < 0:
            chunk_size = CHUNK if num > MANY else 0
        if not 0 < chunk_size < num:
            return self.encode(prompts)
        recomputes = torch.is_grad_enabled() and prompts.tokens.requires_grad
        features = []
        for start in range(0, num, chunk_size):
            piece = prompts.rows(start, min(start + chunk_size, num))
            if recomputes:
                features.append(checkpoint(self.encode, piece, use_reentrant=False))
            else:
                features.append(self.encode(piece))
        return torch.cat(features)

    def compile_parts(self, parts: Sequence[str], backend: str = "inductor") -> set[str]:
        """Compile ``text``; return the names of the compiled parts."""
        if "text" not in parts:
            return set()
        self.encode = torch.compile(self.encode, backend=backend)
        return {"text"}

    def encode(self, prompts: Prompts) -> Tensor:
        """Return ``(N, E)`` of all prompts at once."""
        column = prompts.place % prompts.index.shape[1]
        x = prompts.tokens + self.positional_embedding[column]  # (T, D)
        *blocks, last = self.transformer.resblocks
        for block in blocks:
            x = x + block.ls_1(_attend(block.attn, block.ln_1(x), prompts))  # (T, D)
            x = x + block.ls_2(_mlp(block.mlp, block.ln_2(x)))  # (T, D)
        read = prompts.index[:, -1]  # (N,) number of each prompt's EOS
        x = x[read] + last.ls_1(_attend_from(last.attn, last.ln_1(x), prompts, read))  # (N, D)
        x = x + last.ls_2(_mlp(last.mlp, last.ln_2(x)))  # (N, D)
        return self.ln_final(x) @ self.text_projection  # (N, E)


def _attend(attention: nn.MultiheadAttention, x: Tensor, prompts: Prompts) -> Tensor:
    """Return causal self-attention ``(T, D)`` of tokens ``x (T, D)`` within their prompts.

    A common token gets the same result in all its prompts, so any of them may be read.
    """
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
    """Return the rows ``read (N,)`` of :func:`_attend`, the tokens EOS, as ``(N, D)``."""
    width, heads = attention.embed_dim, attention.num_heads
    weight, bias = attention.in_proj_weight, attention.in_proj_bias
    query = F.linear(x[read], weight[:width], bias[:width])  # (N, D)
    query = query.unflatten(-1, (heads, 1, -1))  # (N, H, 1, D / H)
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
    """Return ``mlp(x)``; QuickGELU in one kernel stores one tensor for the backward pass."""
    if not isinstance(mlp.gelu, QuickGELU):
        return mlp(x)
    hidden = F.silu(mlp.c_fc(x).mul_(QUICK_GELU))  # (..., 4D), QUICK_GELU times too large
    return torch.addmm(mlp.c_proj.bias, hidden, mlp.c_proj.weight.T, alpha=1 / QUICK_GELU)
