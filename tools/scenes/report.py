"""What a CLIP knows of scenes it never saw: object, colour, retrieval; each from the pooled and the dense embedding."""

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
    """Return accuracies in [0, 1] of the checkpoint ``path`` on held-out uint8 ``images (N, 3, H, W)`` of ``scenes``.

    Kind: scenes with one group, "a photo of a <kind>."; colour: the same scenes, "a photo of a <colour> <kind>." with
    the right kind; R@1: from image to caption among the first 500.
    """
    clip = load_clip("", path=str(path))
    first = [(i, scene.groups[0]) for i, scene in enumerate(scenes) if len(scene.groups) == 1]
    kinds = list(NOUNS)
    kind = torch.tensor([kinds.index(group.kind) for _, group in first])
    color = torch.tensor([COLORS.index(group.color) for _, group in first])
    by_kind = _text_features(clip, [f"a photo of a {name}." for name in kinds])  # (K, E)
    pairs = _text_features(clip, [f"a photo of a {c} {name}." for name in kinds for c in COLORS])
    by_color = pairs.unflatten(0, (len(kinds), len(COLORS)))[kind]  # (n, colours, E)
    rng = np.random.default_rng(0)
    num = min(NUM_RETRIEVAL, len(scenes))
    captions = _text_features(clip, [caption(scene, rng) for scene in scenes[:num]])
    report, rows = {}, [i for i, _ in first]
    for name, image in _image_features(clip, images).items():  # (N, E)
        report[f"object accuracy, {name}"] = _accuracy(image[rows] @ by_kind.T, kind)
        report[f"colour accuracy, {name}"] = _accuracy(
            torch.einsum("ne,nce->nc", image[rows], by_color), color
        )
        report[f"R@1 of {num}, {name}"] = _accuracy(image[:num] @ captions.T, torch.arange(num))
    return report


def _image_features(clip: open_clip.CLIP, images: Tensor) -> dict[str, Tensor]:
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (CLIP_MEAN, CLIP_STD))
    visual, parts = clip.visual, {"pooled": [], "dense": []}
    for batch in images.split(250):
        x = visual.stem((batch.float().div(255) - mean) / std)
        x = visual.layer4(visual.layer3(visual.layer2(visual.layer1(x))))
        parts["pooled"].append(visual.attnpool(x))
        parts["dense"].append(dense_mean(visual.attnpool, x))
    return {name: F.normalize(torch.cat(part), dim=-1) for name, part in parts.items()}


def _text_features(clip: open_clip.CLIP, texts: list[str]) -> Tensor:
    return F.normalize(clip.encode_text(open_clip.tokenize(texts)), dim=-1)


def _accuracy(scores: Tensor, truth: Tensor) -> float:
    return round((scores.argmax(dim=1) == truth).float().mean().item(), 4)
