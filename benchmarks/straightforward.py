"""IntCLIP in a straightforward form, from open_clip's plain modules: the reference for our speed.

It computes the same numbers as :class:`models.IntCLIPNetwork` (see
tests/benchmarks/test_straightforward.py), written as one would write the method down first: prompts
of 77 positions, gradients for the frozen weights of the text encoder, the whole image encoder once
per branch, the full attention of the attention pool beside the value path that is used, text
features computed again for every batch, BatchNorm as a layer of its own.

Letters: B images, C classes, n context tokens, D channels, E width of the joint space, N = h * w
locations.
"""

import copy
from collections.abc import Mapping, Sequence

import open_clip
import torch
import torch.nn.functional as F
from open_clip.modified_resnet import AttentionPool2d, ModifiedResNet
from torch import Tensor, nn

LEARNABLE_STAGES = ("layer3", "layer4")
GRADIENTS = ("text", "all")
POOL_WEIGHT, LOGIT_SCALE = 5, 20


class Straightforward(nn.Module):
    """Images ``(B, 3, H, W)`` to logits ``(B, 2, C)``.

    The two maps become one by sight-assisted aggregation, with attention from the semantic map.

    Args:
        clip: backbone with a ResNet.
        class_texts: one text per class.
        num_ctx: n, context tokens of a prompt.
        class_specific: whether each class has its own contexts.
        gradients: frozen weights that get a gradient, which nothing uses. ``text``: those of the
            text encoder, as in the public research code; ``all``: also those of both image
            encoders, as if the optimiser alone decided what is frozen.
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
        assert isinstance(clip.visual, ModifiedResNet), "only CLIP's ResNets have this form"
        self.clip = clip
        self.sight = clip.visual
        self.semantic = copy.deepcopy(clip.visual)
        self.num_ctx = num_ctx
        self.gradients = gradients
        self._build_prompts(class_texts, class_specific)
        embed_dim = clip.text_projection.shape[1]
        self.query = nn.Conv2d(embed_dim, embed_dim // 8, 1)
        self.key = nn.Conv2d(embed_dim, embed_dim // 8, 1)
        self.value = nn.Conv2d(embed_dim, embed_dim, 1)
        self.gamma = nn.Parameter(torch.zeros(()))
        self.set_gradients()

    def _build_prompts(self, class_texts: Sequence[str], class_specific: bool) -> None:
        fillers = " ".join(["X"] * self.num_ctx)
        prompts = []
        for text in class_texts:
            prompts.append(f"{fillers} {text.replace('_', ' ').rstrip('. ')}.")
        ids = open_clip.tokenize(prompts)  # (C, 77)
        self.register_buffer("embedded", self.clip.token_embedding(ids).detach())  # (C, 77, D)
        self.register_buffer("eos", ids.argmax(dim=-1))  # (C,)
        shape = [self.num_ctx, self.embedded.shape[-1]]
        if class_specific:
            shape.insert(0, len(class_texts))
        self.ctx_pos = nn.Parameter(0.02 * torch.randn(shape))
        self.ctx_neg = nn.Parameter(0.02 * torch.randn(shape))

    def set_gradients(self) -> None:
        """Let all weights need a gradient that get one in this form."""
        self.clip.requires_grad_(True)
        self.sight.requires_grad_(self.gradients == "all")
        self.semantic.requires_grad_(self.gradients == "all")
        for stage in LEARNABLE_STAGES:
            getattr(self.semantic, stage).requires_grad_(True)

    def train(self, mode: bool = True) -> "Straightforward":
        """Set the flag of this module alone: BatchNorm stays in eval mode."""
        super().train(False)
        self.training = mode
        return self

    # The part of a network's interface that trainers use -----------------------------------------

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the parameters that the optimiser updates, by the group names of our network."""
        semantic, aggregation = [], []
        for stage in LEARNABLE_STAGES:
            semantic += getattr(self.semantic, stage).parameters()
        for module in (self.query, self.key, self.value):
            aggregation += module.parameters()
        aggregation.append(self.gamma)
        prompts = [self.ctx_pos, self.ctx_neg]
        return {"prompts": prompts, "semantic": semantic, "aggregation": aggregation}

    def trainable_state_dict(self) -> dict[str, Tensor]:
        """Return what a checkpoint keeps."""
        kept = set()
        for group in self.parameter_groups().values():
            kept.update(map(id, group))
        return {name: p.detach() for name, p in self.named_parameters() if id(p) in kept}

    def load_trainable_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Load the result of :meth:`trainable_state_dict`."""
        self.load_state_dict(state, strict=False)

    @staticmethod
    def scores(logits: Tensor) -> Tensor:
        """Return each class's probability ``(B, C)``."""
        return logits.float().softmax(dim=1)[:, 1]

    # Forward --------------------------------------------------------------------------------------

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(B, 2, C)``, the negative plane first."""
        text_pos, text_neg = self.encode_texts()  # (C, E) each
        sight = dense_map(self.sight, images)  # (B, E, h, w)
        semantic = dense_map(self.semantic, images)  # (B, E, h, w)
        fused = self.aggregate(sight, semantic)  # (B, E, h, w)
        locations = F.normalize(fused.flatten(2), dim=1)  # (B, E, N)
        pos = LOGIT_SCALE * F.normalize(text_pos, dim=-1) @ locations  # (B, C, N)
        neg = LOGIT_SCALE * F.normalize(text_neg, dim=-1) @ locations  # (B, C, N)
        share = pos.softmax(dim=-1)  # (B, C, N)
        planes = [(share * neg).sum(-1), (share * pos).sum(-1)]  # (B, C) each
        return POOL_WEIGHT * torch.stack(planes, dim=1)  # (B, 2, C)

    def encode_texts(self) -> tuple[Tensor, Tensor]:
        """Return the positive and negative text features ``(C, E)``."""
        return self.encode_text(self.ctx_pos), self.encode_text(self.ctx_neg)

    def encode_text(self, context: Tensor) -> Tensor:
        """Return the features ``(C, E)`` of prompts with ``context (C, n, D)`` or ``(n, D)``."""
        clip, embedded = self.clip, self.embedded
        context = context.expand(len(embedded), -1, -1)  # (C, n, D)
        before, after = embedded[:, :1], embedded[:, 1 + self.num_ctx :]
        x = torch.cat([before, context, after], dim=1)  # (C, 77, D)
        x = clip.transformer(x + clip.positional_embedding, attn_mask=clip.attn_mask)  # (C, 77, D)
        x = clip.ln_final(x)
        x = x[torch.arange(len(x), device=x.device), self.eos]  # (C, D)
        return x @ clip.text_projection  # (C, E)

    def aggregate(self, sight: Tensor, semantic: Tensor) -> Tensor:
        """Return the fused map ``(B, E, h, w)`` of two maps of that shape."""
        query = self.query(semantic).flatten(2)  # (B, E / 8, N)
        key = self.key(semantic).flatten(2)  # (B, E / 8, N)
        attention = (query.transpose(1, 2) @ key).softmax(dim=-1)  # (B, N, N)
        attended = self.value(sight).flatten(2) @ attention.transpose(1, 2)  # (B, E, N)
        return self.gamma * attended.unflatten(2, sight.shape[2:]) + (sight + semantic) / 2


def dense_map(visual: ModifiedResNet, images: Tensor) -> Tensor:
    """Return ``(B, E, h, w)``: every location through the value path of the attention pool."""
    x = visual.stem(images)
    for stage in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
        x = stage(x)  # (B, D, h, w)
    tokens = pool_tokens(visual.attnpool, x)  # (1 + N, B, D)
    full_attention(visual.attnpool, tokens)  # the pooled features, which nothing uses
    dense = visual.attnpool.c_proj(visual.attnpool.v_proj(tokens))[1:]  # (N, B, E)
    return dense.permute(1, 2, 0).unflatten(2, x.shape[2:])


def pool_tokens(pool: AttentionPool2d, x: Tensor) -> Tensor:
    """Return mean and locations of ``x (B, D, h, w)`` with their positions, ``(1 + N, B, D)``."""
    _, channels, *size = x.shape
    tokens = x.flatten(2).permute(2, 0, 1)  # (N, B, D)
    tokens = torch.cat([tokens.mean(dim=0, keepdim=True), tokens])  # (1 + N, B, D)
    first, rest = pool.positional_embedding[:1], pool.positional_embedding[1:]  # (1, D), (N, D)
    side = round(len(rest) ** 0.5)
    if size != [side, side]:
        grid = rest.T.reshape(1, channels, side, side)
        grid = F.interpolate(grid, size=size, mode="bicubic", align_corners=False)
        rest = grid[0].flatten(1).T  # (N, D)
    return tokens + torch.cat([first, rest])[:, None]


def full_attention(pool: AttentionPool2d, tokens: Tensor) -> Tensor:
    """Return the attention among all ``tokens (1 + N, B, D)`` as CLIP's pool computes it.

    The result is ``(1 + N, B, E)``.
    """
    attended, _ = F.multi_head_attention_forward(
        query=tokens,
        key=tokens,
        value=tokens,
        embed_dim_to_check=tokens.shape[-1],
        num_heads=pool.num_heads,
        q_proj_weight=pool.q_proj.weight,
        k_proj_weight=pool.k_proj.weight,
        v_proj_weight=pool.v_proj.weight,
        in_proj_weight=None,
        in_proj_bias=torch.cat([pool.q_proj.bias, pool.k_proj.bias, pool.v_proj.bias]),
        bias_k=None,
        bias_v=None,
        add_zero_attn=False,
        dropout_p=0.0,
        out_proj_weight=pool.c_proj.weight,
        out_proj_bias=pool.c_proj.bias,
        use_separate_proj_weight=True,
        training=False,
        need_weights=False,
    )
    return attended
