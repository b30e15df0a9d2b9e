"""Zero-shot accuracy of a CLIP on scenes that it has not seen.

Object, colour and retrieval are measured, each with the pooled and with the dense embedding.
"""

from pathlib import Path

import numpy as np
import open_clip
import torch
import torch.nn.functional as F
from torch import Tensor

from models.clip.load import CLIP_MEAN, CLIP_STD, load_clip
from tools.scenes import Scene
from tools.scenes.captions import COLORS, NOUNS, caption
from tools.scenes.contrastive import dense_mean

NUM_RETRIEVAL = 500


@torch.no_grad()
def zero_shot_report(path: Path, images: Tensor, scenes: list[Scene]) -> dict[str, float]:
    """Return accuracies from 0 to 1 of a checkpoint.

    Object and colour are measured on scenes with one group, with "a photo of a <kind>." and, for
    the right kind, "a photo of a <colour> <kind>.". R@1 is the share of pictures that find their
    own caption among the first 500.

    Args:
        path: the checkpoint file.
        images: held-out pictures, uint8 ``(N, 3, H, W)``.
        scenes: the N scenes that they show.
    """
    clip = load_clip("", path=str(path))
    kinds = list(NOUNS)
    single, true_kinds, true_colors = [], [], []
    for i, scene in enumerate(scenes):
        if len(scene.groups) == 1:
            single.append(i)
            true_kinds.append(kinds.index(scene.groups[0].kind))
            true_colors.append(COLORS.index(scene.groups[0].color))
    kind, color = torch.tensor(true_kinds), torch.tensor(true_colors)  # (n,), (n,)
    by_kind = _text_features(clip, [f"a photo of a {name}." for name in kinds])  # (K, E)
    by_color = _color_features(clip, kinds)[kind]  # (n, colours, E)
    num = min(NUM_RETRIEVAL, len(scenes))
    rng = np.random.default_rng(0)
    captions = _text_features(clip, [caption(scene, rng) for scene in scenes[:num]])
    report = {}
    for name, image in _image_features(clip, images).items():  # (N, E)
        color_scores = torch.einsum("ne,nce->nc", image[single], by_color)
        own = torch.arange(num)
        report[f"object accuracy, {name}"] = _accuracy(image[single] @ by_kind.T, kind)
        report[f"colour accuracy, {name}"] = _accuracy(color_scores, color)
        report[f"R@1 of {num}, {name}"] = _accuracy(image[:num] @ captions.T, own)
    return report


def _image_features(clip: open_clip.CLIP, images: Tensor) -> dict[str, Tensor]:
    """Return the pooled and the mean dense embedding, each of unit length ``(N, E)``."""
    mean = torch.tensor(CLIP_MEAN).view(1, 3, 1, 1)
    std = torch.tensor(CLIP_STD).view(1, 3, 1, 1)
    visual = clip.visual
    pooled, dense = [], []
    for batch in images.split(250):
        x = visual.stem((batch.float().div(255) - mean) / std)
        x = visual.layer4(visual.layer3(visual.layer2(visual.layer1(x))))  # (B, D, h, w)
        pooled.append(visual.attnpool(x))
        dense.append(dense_mean(visual.attnpool, x))
    return {
        "pooled": F.normalize(torch.cat(pooled), dim=-1),
        "dense": F.normalize(torch.cat(dense), dim=-1),
    }


def _color_features(clip: open_clip.CLIP, kinds: list[str]) -> Tensor:
    """Return the text features of every kind in every colour, ``(K, colours, E)``."""
    texts = []
    for kind in kinds:
        texts += [f"a photo of a {color} {kind}." for color in COLORS]
    return _text_features(clip, texts).unflatten(0, (len(kinds), len(COLORS)))


def _text_features(clip: open_clip.CLIP, texts: list[str]) -> Tensor:
    return F.normalize(clip.encode_text(open_clip.tokenize(texts)), dim=-1)


def _accuracy(scores: Tensor, truth: Tensor) -> float:
    return round((scores.argmax(dim=1) == truth).float().mean().item(), 4)
