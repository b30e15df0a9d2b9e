"""What a CLIP has learnt: zero-shot accuracy on unseen scenes, and what its embeddings know."""

from pathlib import Path

import numpy as np
import open_clip
import torch
import torch.nn.functional as F
from torch import Tensor

from models.clip.load import load_clip
from tools.scenes import Scene, World
from tools.scenes.captions import COLORS, NOUNS
from tools.scenes.pretraining.contrastive import EMBEDDINGS
from tools.scenes.pretraining.images import embed_images
from tools.scenes.pretraining.knowledge import known_properties
from tools.scenes.pretraining.pool import Pool, normalise

NUM_RETRIEVAL = 500
BATCH_SIZE = 250


@torch.no_grad()
def describe(path: Path, world: World, held_out: Pool) -> dict[str, dict]:
    """Return the figures of a checkpoint's model card.

    ``zero-shot`` has the accuracies of :func:`zero_shot_report`, and ``known`` the AUC of every
    property by embedding.

    Args:
        path: the checkpoint file.
        world: of the captions.
        held_out: pictures that training has not seen.
    """
    clip = load_clip("", path=str(path))
    features = image_features(clip, held_out.images)
    known = {}
    for name, image in features.items():
        known[name] = known_properties(image.numpy(), held_out.scenes)
    return {"zero-shot": zero_shot_report(clip, features, world, held_out.scenes), "known": known}


@torch.no_grad()
def zero_shot_report(
    clip: open_clip.CLIP, features: dict[str, Tensor], world: World, scenes: list[Scene]
) -> dict[str, float]:
    """Return accuracies from 0 to 1.

    Object and colour are measured on scenes with one group, with "a photo of a <kind>." and, for
    the right kind, "a photo of a <colour> <kind>.". R@1 is the share of pictures that find their
    own caption among the first 500.

    Args:
        clip: the model.
        features: of N pictures, by embedding ``(N, E)``.
        world: of the captions.
        scenes: the N scenes that the pictures show.
    """
    kinds = list(NOUNS)
    single, true_kinds, true_colors = [], [], []
    for i, scene in enumerate(scenes):
        if len(scene.groups) == 1:
            single.append(i)
            true_kinds.append(kinds.index(scene.groups[0].kind))
            true_colors.append(COLORS.index(scene.groups[0].color))
    kind, color = torch.tensor(true_kinds), torch.tensor(true_colors)  # (n,), (n,)
    by_kind = text_features(clip, [f"a photo of a {name}." for name in kinds])  # (K, E)
    by_color = _color_features(clip, kinds)[kind]  # (n, colours, E)
    num = min(NUM_RETRIEVAL, len(scenes))
    rng = np.random.default_rng(0)
    captions = text_features(clip, [world.caption(scene, rng) for scene in scenes[:num]])
    report: dict[str, float] = {}
    for name, image in features.items():  # (N, E)
        color_scores = torch.einsum("ne,nce->nc", image[single], by_color)
        own = torch.arange(num)
        report[f"object accuracy, {name}"] = _accuracy(image[single] @ by_kind.T, kind)
        report[f"colour accuracy, {name}"] = _accuracy(color_scores, color)
        report[f"R@1 of {num}, {name}"] = _accuracy(image[:num] @ captions.T, own)
    return report


def image_features(clip: open_clip.CLIP, images: Tensor) -> dict[str, Tensor]:
    """Return the pooled and the mean dense embedding, each of unit length ``(N, E)``."""
    batches: dict[str, list[Tensor]] = {name: [] for name in EMBEDDINGS}
    for batch in images.split(BATCH_SIZE):
        x = normalise(batch, torch.device("cpu"))
        for name, embedding in embed_images(clip.visual, x).items():
            batches[name].append(F.normalize(embedding, dim=-1))
    return {name: torch.cat(parts) for name, parts in batches.items()}


def text_features(clip: open_clip.CLIP, texts: list[str]) -> Tensor:
    """Return the features of texts, each of unit length ``(N, E)``."""
    return F.normalize(clip.encode_text(open_clip.tokenize(texts)), dim=-1)


def _color_features(clip: open_clip.CLIP, kinds: list[str]) -> Tensor:
    """Return the text features of every kind in every colour, ``(K, colours, E)``."""
    texts = []
    for kind in kinds:
        texts += [f"a photo of a {color} {kind}." for color in COLORS]
    return text_features(clip, texts).unflatten(0, (len(kinds), len(COLORS)))


def _accuracy(scores: Tensor, truth: Tensor) -> float:
    return round((scores.argmax(dim=1) == truth).float().mean().item(), 4)


def card_tables(figures: dict[str, dict]) -> str:
    """Return the figures of :func:`describe` as two Markdown tables for a model card."""
    lines = ["| | " + " | ".join(figures["known"]) + " |", "| --- |" + " ---: |" * len(EMBEDDINGS)]
    by_name: dict[str, list[str]] = {}
    for key, value in figures["zero-shot"].items():
        by_name.setdefault(key.rpartition(", ")[0], []).append(f"{value:.2f}")
    lines += [_row(name, cells) for name, cells in by_name.items()]
    lines += ["", "| property | " + " | ".join(figures["known"]) + " |", lines[1]]
    for name in figures["known"][EMBEDDINGS[0]]:
        cells = [f"{known[name]:.0f}" for known in figures["known"].values()]
        lines.append(_row(name, cells))
    return "\n".join(lines)


def _row(name: str, cells: list[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"
