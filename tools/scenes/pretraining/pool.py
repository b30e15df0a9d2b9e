"""The pictures of a pre-training: drawn once and kept in memory."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from models.clip.load import CLIP_MEAN, CLIP_STD
from tools.scenes import Scene, World, draw_scene


@dataclass(frozen=True)
class Pool:
    """Drawn pictures, uint8 ``(N, 3, H, W)``, and the N scenes that they show."""

    images: Tensor
    scenes: list[Scene]


def draw_pool(world: World, num: int, size: int, seed: int, desc: str) -> Pool:
    """Draw ``num`` scenes of ``size`` pixels; each depends on (seed, its number) only."""
    images = torch.empty(num, 3, size, size, dtype=torch.uint8)
    scenes = []
    for i in tqdm(range(num), desc=desc, disable=None):
        scene = world.sample(np.random.default_rng((seed, i)))
        images[i] = torch.from_numpy(draw_scene(scene, size).transpose(2, 0, 1).copy())
        scenes.append(scene)
    return Pool(images, scenes)


def normalise(images: Tensor, device: torch.device) -> Tensor:
    """Return uint8 images ``(B, 3, H, W)`` normalised for CLIP: float32, channels last."""
    mean = torch.tensor(CLIP_MEAN, device=device).view(1, 3, 1, 1)
    std = torch.tensor(CLIP_STD, device=device).view(1, 3, 1, 1)
    x = images.to(device).float().div(255)
    return ((x - mean) / std).contiguous(memory_format=torch.channels_last)
