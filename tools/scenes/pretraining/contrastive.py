"""A CLIP in training: contrast with a dense image term and filler tokens, and words of captions.

The loss of pairs is CLIP's (Radford et al., ICML 2021, section 2.3). Predicting the words of the
captions first (SuperClass, Huang et al., NeurIPS 2024) shortens the plateau of contrastive training
from random weights. Letters: B pairs, L positions, D width of the text encoder, E of the joint
space, K known tokens.
"""

import open_clip
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.precision import full_precision, no_autocast
from tools.scenes.pretraining.images import embed_images

FILLER_STD = 0.02  # of random fillers; prompts have the same before training
MAX_SCALE = 100.0  # of the cosines, as in CLIP
EMBEDDINGS = ("pooled", "dense")


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


def word_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return the cross-entropy between a softmax over words and a caption's words, a scalar.

    The target of a caption is the distribution that gives each of its words its weight, divided by
    their sum (SuperClass, section 3). Captions without a known word do not count.

    Args:
        logits: ``(B, K)``.
        targets: 1 for the words of the captions, else 0, ``(B, K)``.
        weights: ``(K,)``.
    """
    with no_autocast(logits):
        (logits,) = full_precision(logits)
        weighted = targets * weights
        total = weighted.sum(dim=1, keepdim=True)  # (B, 1)
        known = total[:, 0] > 0
        return F.cross_entropy(logits[known], weighted[known] / total[known])


class ContrastiveCLIP(nn.Module):
    """A CLIP in training, with pooled and dense image embeddings and filler tokens.

    Args:
        clip: the model.
        num_words: K, of the heads that predict words; 0 for none.
        init_scale: of the cosines at the start.
    """

    def __init__(self, clip: open_clip.CLIP, num_words: int = 0, init_scale: float = 14.0) -> None:
        super().__init__()
        self.clip = clip
        self.log_scale = nn.ParameterDict()
        self.word_heads = nn.ModuleDict()
        for name in EMBEDDINGS:
            self.log_scale[name] = nn.Parameter(torch.tensor(float(init_scale)).log())
            if num_words:
                width = clip.text_projection.shape[1]
                self.word_heads[name] = nn.Linear(width, num_words)

    def embed_images(self, images: Tensor) -> dict[str, Tensor]:
        """Return the pooled and the mean dense embedding of images ``(B, 3, H, W)``: ``(B, E)``."""
        return embed_images(self.clip.visual, images)

    def predict_words(self, images: dict[str, Tensor], targets: Tensor, weights: Tensor) -> Tensor:
        """Return the sum of :func:`word_loss` over the image embeddings ``(B, E)``."""
        losses = []
        for name, image in images.items():
            losses.append(word_loss(self.word_heads[name](image), targets, weights))
        return sum(losses)

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

    def contrast(self, images: dict[str, Tensor], text: Tensor) -> Tensor:
        """Return the sum of InfoNCE over the image embeddings ``(B, E)``, each with the texts."""
        losses = []
        for name, image in images.items():
            losses.append(info_nce(image, text, self.log_scale[name].exp().clamp(max=MAX_SCALE)))
        return sum(losses)
