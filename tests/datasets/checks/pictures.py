"""Generated pictures for the tests of the checks."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from datasets.checks.splits import SplitView, split_views
from datasets.records import Record


def textured(seed: int, width: int = 120, height: int = 90) -> Image.Image:
    """Return a picture with structure at all scales; two seeds have nothing in common."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((height, width, 3))
    for cells in (3, 6, 12, 24):
        small = rng.uniform(0, 255, (cells, cells, 3)).astype(np.uint8)
        large = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
        pixels += np.asarray(large, dtype=float) / 4
    return Image.fromarray(pixels.round().astype(np.uint8))


def sky(seed: int, width: int = 120, height: int = 90) -> Image.Image:
    """Return a plain gradient with noise, as a photograph of the sky."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    down, across = rng.uniform(-60, 60, 2)
    grey = 130 + down * y + 0.3 * across * x + rng.normal(0, 2, (height, width))
    return Image.fromarray(np.stack([0.8 * grey, 0.9 * grey, 1.1 * grey], axis=2).astype(np.uint8))


def brighter(image: Image.Image, factor: float = 1.08) -> Image.Image:
    """Return the picture with all pixels multiplied."""
    return Image.fromarray((np.asarray(image) * factor).clip(0, 255).astype(np.uint8))


def encoded(image: Image.Image, quality: int = 95) -> bytes:
    """Return the picture as the bytes of a JPEG file."""
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return content.getvalue()


class Splits:
    """A data set of records, as the checks read it.

    Args:
        splits: split -> records.
        classnames: C keys.
    """

    def __init__(self, classnames: list[str], **splits: list[Record]) -> None:
        self.classnames = classnames
        self.train_x = splits.get("train", [])
        self.val = splits.get("val", [])
        self.test = splits.get("test", [])


def record(path: str | Path, *label: float, votes: list[float] | None = None) -> Record:
    """Return a record of these labels."""
    shares = None if votes is None else np.array(votes, dtype=np.float32)
    return Record(str(path), np.array(label, dtype=np.float32), votes=shares)


def views_of(classnames: list[str], **splits: list[Record]) -> list[SplitView]:
    """Return the views of records; names are the paths."""
    return split_views(Splits(classnames, **splits), "/")
