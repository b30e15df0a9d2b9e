"""Contrastive training of a CLIP (Radford et al., ICML 2021, section 2.3) with a dense image term and filler tokens.

Letters: B pairs, L positions, D width of the text encoder, E of the joint space.
"""

import open_clip
import torch
import torch.nn.functional as F
from open_clip.modified_resnet import AttentionPool2d
from torch import Tensor, nn

from models.precision import full_precision, no_autocast

FILLER_STD = 0.02  # of random fillers: that of prompts before training


def info_nce(image: Tensor, text: Tensor, scale: Tensor) -> Tensor:
    """Return the symmetric InfoNCE loss of pairs ``(B, E)``, ``(B, E)`` (CLIP, figure 3): a scalar, mean over pairs."""
    with no_autocast(image):
        image, text = full_precision(image, text)
        logits = scale * F.normalize(image, dim=-1) @ F.normalize(text, dim=-1).T  # (B, B)
        target = torch.arange(len(logits), device=logits.device)
        return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def dense_mean(pool: AttentionPool2d, x: Tensor) -> Tensor:
    """Return ``(B, E)``: the mean over locations of the value-projected map of layer4's output ``x (B, D, h, w)``.

    The map is linear in each location, so the mean is taken first. Training with this term makes single locations mean
    something in the joint space; plain CLIP at this size leaves that to chance.
    """
    mean = x.flatten(2).mean(dim=2) + pool.positional_embedding[1:].mean(dim=0)  # (B, D)
    return pool.c_proj(pool.v_proj(mean))


class ContrastiveCLIP(nn.Module):
    """A CLIP-ResNet in training: pooled and dense image embeddings, texts with filler tokens after the start token."""

    def __init__(self, clip: open_clip.CLIP, init_scale: float = 14.0) -> None:
        super().__init__()
        self.clip = clip
        self.log_scale = nn.ParameterDict(
            {
                name: nn.Parameter(torch.tensor(float(init_scale)).log())
                for name in ("pooled", "dense")
            }
        )

    def embed_images(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pooled and the mean dense embedding, each ``(B, E)``, of images ``(B, 3, H, W)``."""
        visual = self.clip.visual
        x = visual.stem(images)
        for stage in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
            x = stage(x)
        return visual.attnpool(x), dense_mean(visual.attnpool, x)

    def embed_texts(self, tokens: Tensor, eos: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return ``(B, E)`` of token ids ``(B, L)`` read at ``eos (B,)``.

        Where ``noise (B, L)`` is set, a random vector like an untrained prompt's stands in place of the token's.
        """
        clip = self.clip
        x = clip.token_embedding(tokens)  # (B, L, D)
        if noise is not None:
            x = torch.where(noise.unsqueeze(-1), FILLER_STD * torch.randn_like(x), x)
        length = tokens.shape[1]
        x = x + clip.positional_embedding[:length]
        x = clip.transformer(x, attn_mask=clip.attn_mask[:length, :length])  # (B, L, D)
        x = x[torch.arange(len(x), device=x.device), eos]  # (B, D)
        return clip.ln_final(x) @ clip.text_projection

    def forward(
        self, images: Tensor, tokens: Tensor, eos: Tensor, noise: Tensor | None = None
    ) -> Tensor:
        """Return the loss: InfoNCE of the texts with the pooled embeddings plus the same with the dense ones."""
        pooled, dense = self.embed_images(images)
        text = self.embed_texts(tokens, eos, noise)
        scale = {
            name: value.exp().clamp(max=100.0) for name, value in self.log_scale.items()
        }  # CLIP's bound
        return info_nce(pooled, text, scale["pooled"]) + info_nce(dense, text, scale["dense"])
