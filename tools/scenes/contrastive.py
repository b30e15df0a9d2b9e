"""Contrastive training of a CLIP with a dense image term and filler tokens.

The loss of pairs is CLIP's (Radford et al., ICML 2021, section 2.3). Letters: B pairs, L positions,
D width of the text encoder, E width of the joint space.
"""

import open_clip
import torch
import torch.nn.functional as F
from open_clip.modified_resnet import AttentionPool2d
from torch import Tensor, nn

from models.precision import full_precision, no_autocast

FILLER_STD = 0.02  # of random fillers; prompts have the same before training


def info_nce(image: Tensor, text: Tensor, scale: Tensor) -> Tensor:
    """Return the symmetric InfoNCE loss, a scalar: the mean over pairs (CLIP, figure 3).

    Args:
        image: ``(B, E)``.
        text: ``(B, E)``, in the order of the images.
        scale: factor of the cosines, a scalar.
    """
    with no_autocast(image):
        image, text = full_precision(image, text)
        logits = scale * F.normalize(image, dim=-1) @ F.normalize(text, dim=-1).T  # (B, B)
        target = torch.arange(len(logits), device=logits.device)
        return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def dense_mean(pool: AttentionPool2d, x: Tensor) -> Tensor:
    """Return ``(B, E)``: the mean over locations of the value-projected map.

    Training with this term gives single locations a meaning in the joint space, which plain CLIP of
    this size leaves to chance.

    Args:
        x: output of layer4, ``(B, D, h, w)``.
    """
    # the projection is linear, so the mean may come first
    mean = x.flatten(2).mean(dim=2) + pool.positional_embedding[1:].mean(dim=0)  # (B, D)
    return pool.c_proj(pool.v_proj(mean))


class ContrastiveCLIP(nn.Module):
    """A CLIP-ResNet in training, with pooled and dense image embeddings and filler tokens."""

    def __init__(self, clip: open_clip.CLIP, init_scale: float = 14.0) -> None:
        super().__init__()
        self.clip = clip
        self.log_scale = nn.ParameterDict()
        for name in ("pooled", "dense"):
            self.log_scale[name] = nn.Parameter(torch.tensor(float(init_scale)).log())

    def embed_images(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pooled and the mean dense embedding of images ``(B, 3, H, W)``: ``(B, E)``."""
        visual = self.clip.visual
        x = visual.stem(images)
        for stage in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
            x = stage(x)
        return visual.attnpool(x), dense_mean(visual.attnpool, x)

    def embed_texts(self, tokens: Tensor, eos: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return the embeddings of texts, ``(B, E)``.

        Args:
            tokens: token ids ``(B, L)``.
            eos: position ``(B,)`` of the end token, where the text is read.
            noise: bool ``(B, L)``; where True, a random vector replaces the token's embedding.
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
        """Return InfoNCE with the pooled embeddings plus InfoNCE with the dense embeddings."""
        pooled, dense = self.embed_images(images)
        text = self.embed_texts(tokens, eos, noise)
        pooled_loss = info_nce(pooled, text, self._scale("pooled"))
        return pooled_loss + info_nce(dense, text, self._scale("dense"))

    def _scale(self, name: str) -> Tensor:
        return self.log_scale[name].exp().clamp(max=100.0)  # CLIP's bound
