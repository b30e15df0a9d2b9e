"""IntCLIP in its straightforward form, from open_clip's plain modules: what our speed is measured against.

It computes the same numbers as :class:`models.IntCLIPNetwork`
(tests/benchmarks/test_straightforward.py) as one writes the method down first: prompts of 77
positions, gradients for the text encoder's frozen weights, the whole image encoder once per branch,
the attention pool's full attention beside the value path that is used, text features computed again
for every batch, BatchNorm as a layer of its own.

Letters: B images, C classes, n context tokens, D channels, E of the joint space, N = h * w locations.
"""

import copy
from collections.abc import Sequence

import open_clip
import torch
import torch.nn.functional as F
from open_clip.modified_resnet import AttentionPool2d, ModifiedResNet
from torch import Tensor, nn

LEARNT_STAGES = ("layer3", "layer4")
GRADIENTS = ("text", "all")


class Straightforward(nn.Module):
    """Images ``(B, 3, H, W)`` to logits ``(B, 2, C)``; sight-assisted aggregation with attention from the semantic map.

    ``gradients`` says which frozen weights get a gradient that nobody uses: ``text``, those of the text encoder, as in
    the public research code; ``all``, also those of both image encoders (nothing is frozen but by the optimiser).
    """

    def __init__(
        self,
        clip: open_clip.CLIP,
        class_texts: Sequence[str],
        *,
        num_ctx: int = 16,
        class_specific: bool = True,
        gradients: str = "text",
    ) -> None:
        super().__init__()
        assert gradients in GRADIENTS, gradients
        assert isinstance(clip.visual, ModifiedResNet), (
            "the straightforward form is that of CLIP's ResNets"
        )
        self.clip, self.sight, self.semantic = clip, clip.visual, copy.deepcopy(clip.visual)
        self.num_ctx, self.gradients = num_ctx, gradients
        fillers = " ".join(["X"] * num_ctx)
        ids = open_clip.tokenize(
            [f"{fillers} {t.replace('_', ' ').rstrip('. ')}." for t in class_texts]
        )  # (C, 77)
        self.register_buffer("embedded", clip.token_embedding(ids).detach())  # (C, 77, D)
        self.register_buffer("eos", ids.argmax(dim=-1))
        shape = (len(class_texts), num_ctx) if class_specific else (num_ctx,)
        for name in ("ctx_pos", "ctx_neg"):
            self.register_parameter(
                name, nn.Parameter(0.02 * torch.randn(*shape, self.embedded.shape[-1]))
            )
        embed_dim = clip.text_projection.shape[1]
        self.query, self.key = (nn.Conv2d(embed_dim, embed_dim // 8, 1) for _ in range(2))
        self.value = nn.Conv2d(embed_dim, embed_dim, 1)
        self.gamma = nn.Parameter(torch.zeros(()))
        self._set_gradients()

    def _set_gradients(self) -> None:
        self.clip.requires_grad_(True)
        self.sight.requires_grad_(self.gradients == "all")
        self.semantic.requires_grad_(self.gradients == "all")
        for stage in LEARNT_STAGES:
            getattr(self.semantic, stage).requires_grad_(True)

    def train(self, mode: bool = True) -> "Straightforward":
        """Set the flag of this module alone: BatchNorm stays in eval mode."""
        super().train(False)
        self.training = mode
        return self

    def learnt(self) -> list[nn.Parameter]:
        """Return what the optimiser gets."""
        stages = [p for stage in LEARNT_STAGES for p in getattr(self.semantic, stage).parameters()]
        attention = [
            p for module in (self.query, self.key, self.value) for p in module.parameters()
        ]
        return [self.ctx_pos, self.ctx_neg, *stages, *attention, self.gamma]

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(B, 2, C)``, the negative plane first."""
        text_pos, text_neg = (
            self.encode_text(self.ctx_pos),
            self.encode_text(self.ctx_neg),
        )  # (C, E) each
        sight, semantic = (
            dense_map(self.sight, images),
            dense_map(self.semantic, images),
        )  # (B, E, h, w) each
        fused = self.aggregate(sight, semantic)  # (B, E, h, w)
        locations = F.normalize(fused.flatten(2), dim=1)  # (B, E, N)
        pos, neg = (
            20 * F.normalize(text, dim=-1) @ locations for text in (text_pos, text_neg)
        )  # (B, C, N) each
        share = pos.softmax(dim=-1)  # (B, C, N)
        return 5 * torch.stack([(share * neg).sum(-1), (share * pos).sum(-1)], dim=1)  # (B, 2, C)

    def encode_text(self, context: Tensor) -> Tensor:
        """Return the text features ``(C, E)`` of prompts with ``context (C, n, D)`` or ``(n, D)``."""
        clip, embedded = self.clip, self.embedded
        context = context.expand(len(embedded), -1, -1)  # (C, n, D)
        x = torch.cat(
            [embedded[:, :1], context, embedded[:, 1 + self.num_ctx :]], dim=1
        )  # (C, 77, D)
        x = clip.transformer(x + clip.positional_embedding, attn_mask=clip.attn_mask)  # (C, 77, D)
        x = clip.ln_final(x)
        return x[torch.arange(len(x), device=x.device), self.eos] @ clip.text_projection  # (C, E)

    def aggregate(self, sight: Tensor, semantic: Tensor) -> Tensor:
        """Return the fused map ``(B, E, h, w)``."""
        query, key = (
            self.query(semantic).flatten(2),
            self.key(semantic).flatten(2),
        )  # (B, E / 8, N) each
        attention = (query.transpose(1, 2) @ key).softmax(dim=-1)  # (B, N, N)
        attended = self.value(sight).flatten(2) @ attention.transpose(1, 2)  # (B, E, N)
        return self.gamma * attended.unflatten(2, sight.shape[2:]) + (sight + semantic) / 2

    @staticmethod
    def scores(logits: Tensor) -> Tensor:
        """Return each class's probability ``(B, C)``."""
        return logits.float().softmax(dim=1)[:, 1]


def dense_map(visual: ModifiedResNet, images: Tensor) -> Tensor:
    """Return ``(B, E, h, w)``: every location through the value path of the attention pool."""
    x = visual.stem(images)
    for stage in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
        x = stage(x)  # (B, D, h, w)
    tokens = pool_tokens(visual.attnpool, x)  # (1 + N, B, D)
    full_attention(visual.attnpool, tokens)  # the pooled features, which nothing reads
    dense = visual.attnpool.c_proj(visual.attnpool.v_proj(tokens))[1:]  # (N, B, E)
    return dense.permute(1, 2, 0).unflatten(2, x.shape[2:])


def pool_tokens(pool: AttentionPool2d, x: Tensor) -> Tensor:
    """Return the mean and all locations of ``x (B, D, h, w)`` with their positions, ``(1 + N, B, D)``."""
    _, channels, *size = x.shape
    tokens = x.flatten(2).permute(2, 0, 1)  # (N, B, D)
    first, rest = pool.positional_embedding[:1], pool.positional_embedding[1:]
    side = round(len(rest) ** 0.5)
    if size != [side, side]:
        grid = rest.T.reshape(1, channels, side, side)
        rest = F.interpolate(grid, size=size, mode="bicubic", align_corners=False)[0].flatten(1).T
    return torch.cat([tokens.mean(dim=0, keepdim=True), tokens]) + torch.cat([first, rest])[:, None]


def full_attention(pool: AttentionPool2d, tokens: Tensor) -> Tensor:
    """Return the attention of all ``tokens (1 + N, B, D)`` to all, ``(1 + N, B, E)``, as CLIP's pool computes it."""
    attended, _ = F.multi_head_attention_forward(
        query=tokens, key=tokens, value=tokens, embed_dim_to_check=tokens.shape[-1], num_heads=pool.num_heads,
        q_proj_weight=pool.q_proj.weight, k_proj_weight=pool.k_proj.weight, v_proj_weight=pool.v_proj.weight,
        in_proj_weight=None, in_proj_bias=torch.cat([pool.q_proj.bias, pool.k_proj.bias, pool.v_proj.bias]),
        bias_k=None, bias_v=None, add_zero_attn=False, dropout_p=0.0, out_proj_weight=pool.c_proj.weight,
        out_proj_bias=pool.c_proj.bias, use_separate_proj_weight=True, training=False, need_weights=False,
    )  # fmt: skip
    return attended
