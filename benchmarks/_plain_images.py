"""The straightforward form of loading: full decode, PIL's resize, float and normalisation, for each image."""

import json
from collections.abc import Callable, Sequence

import torch
from PIL import Image
from torch.utils.data import Dataset
from torchvision.transforms import InterpolationMode, v2

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class PlainDataset(Dataset):
    """Images ``(3, H, W)`` of ``paths``; with ``annotation_file``, that is parsed for every one of them."""

    def __init__(
        self, paths: Sequence[str], transform: Callable, annotation_file: str = ""
    ) -> None:
        self.paths, self.transform, self.annotation_file = paths, transform, annotation_file

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        if self.annotation_file:
            with open(self.annotation_file, encoding="utf-8") as file:
                json.load(file)
        with Image.open(self.paths[index]) as image:
            return self.transform(image.convert("RGB"))  # (3, H, W)


def plain_transform(size: int, interpolation: str, *, augment: bool) -> Callable:
    """Return PIL image -> normalised float32 ``(3, size, size)``; ``augment`` flips it and applies RandAugment."""
    resize = v2.Resize((size, size), interpolation=InterpolationMode(interpolation), antialias=True)
    random = [v2.RandomHorizontalFlip(), v2.RandAugment()] if augment else []
    to_float = [
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(mean=list(MEAN), std=list(STD)),
        v2.ToPureTensor(),
    ]
    return v2.Compose([resize, v2.ToImage(), *random, *to_float])
