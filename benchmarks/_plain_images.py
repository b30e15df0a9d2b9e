"""The straightforward form of loading: full decode, PIL's resize, normalised float per image."""

import json
from collections.abc import Callable, Sequence

import torch
from PIL import Image
from torch.utils.data import Dataset
from torchvision.transforms import InterpolationMode, v2

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


class PlainDataset(Dataset):
    """Images ``(3, H, W)`` of files.

    Args:
        paths: the files.
        transform: PIL image -> tensor.
        annotation_file: JSON file that is parsed for every image; empty: none.
    """

    def __init__(
        self, paths: Sequence[str], transform: Callable, annotation_file: str = ""
    ) -> None:
        self.paths = paths
        self.transform = transform
        self.annotation_file = annotation_file

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        if self.annotation_file:
            with open(self.annotation_file, encoding="utf-8") as file:
                json.load(file)
        with Image.open(self.paths[index]) as image:
            return self.transform(image.convert("RGB"))  # (3, H, W)


def plain_transform(size: int, interpolation: str, *, augment: bool) -> Callable:
    """Return a transform: PIL image -> normalised float32 ``(3, size, size)``.

    Args:
        size: side in pixels.
        interpolation: ``bilinear`` or ``bicubic``.
        augment: whether to flip at random and apply RandAugment.
    """
    mode = InterpolationMode(interpolation)
    steps = [v2.Resize((size, size), interpolation=mode, antialias=True), v2.ToImage()]
    if augment:
        steps += [v2.RandomHorizontalFlip(), v2.RandAugment()]
    steps.append(v2.ToDtype(torch.float32, scale=True))
    steps.append(v2.Normalize(mean=list(MEAN), std=list(STD)))
    steps.append(v2.ToPureTensor())
    return v2.Compose(steps)
