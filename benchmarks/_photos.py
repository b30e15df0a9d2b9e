"""Generated photographs and annotation files for the loading benchmarks: nothing is downloaded."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from datasets.hierarchy import HIERARCHY_DIR

OCTAVES = (
    (4, 60.0),
    (12, 40.0),
    (40, 25.0),
    (120, 14.0),
    (360, 8.0),
)  # blobs per width, strength in grey levels
COLOURFULNESS = (
    0.4  # share of the noise that differs between the channels, as little as in photographs
)
GRAIN = 3.0  # standard deviation of the sensor noise
QUALITY = 85  # gives about 140 kB for 1080 x 720, as photographs have
OFFICIAL_TRAIN = 12740  # images of the official training split
NUM_CLASSES = 28
SPLITS = ("train", "val", "test")


def draw_photo(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """Return smoothed noise of five scales over a vertical gradient, with grain: a photograph's falling spectrum."""
    grain = rng.standard_normal((height, width, 1), dtype=np.float32)
    pixels = np.linspace(70, 150, height, dtype=np.float32)[:, None, None] + GRAIN * grain
    for blobs, strength in OCTAVES:
        grid = rng.normal(size=(max(2, blobs * height // width), blobs, 3))
        grid = COLOURFULNESS * grid + (1 - COLOURFULNESS) * np.sqrt(3) * grid.mean(
            axis=2, keepdims=True
        )
        planes = [
            Image.fromarray(grid[..., c].astype(np.float32)).resize((width, height), 3)
            for c in range(3)
        ]
        pixels = pixels + np.float32(strength) * np.stack(
            [np.asarray(p) for p in planes], axis=2
        )  # (H, W, 3)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def write_photos(
    root: Path, *, num_files: int, splits: Mapping[str, int], width: int, height: int
) -> None:
    """Write a data set in Intentonomy's layout; ``splits`` says how many images each has, over ``num_files`` files."""
    (root / "low").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(num_files):
        draw_photo(rng, width, height).save(root / "low" / f"{i}.jpg", quality=QUALITY)
    (root / "annotations").mkdir()
    for split, num_images in splits.items():
        names = [f"low/{i % num_files}.jpg" for i in range(num_images)]
        content = annotations(names, rng, soft=split == "train")
        (root / "annotations" / f"intentonomy_{split}2020.json").write_text(json.dumps(content))


def write_official_size(path: Path) -> int:
    """Write a training annotation file of the size and form of the official one; return its length in bytes."""
    names = [
        f"low/{hashlib.md5(bytes(i), usedforsecurity=False).hexdigest()}.jpg"
        for i in range(OFFICIAL_TRAIN)
    ]
    path.write_text(json.dumps(annotations(names, np.random.default_rng(1), soft=True), indent=1))
    return path.stat().st_size


def annotations(names: list[str], rng: np.random.Generator, *, soft: bool) -> dict[str, Any]:
    """Return the content of an annotation file of the images ``names``, in the official format."""
    entries, images = [], []
    for i, name in enumerate(names):
        image_id = hashlib.md5(f"{i}-{name}".encode(), usedforsecurity=False).hexdigest()
        url = f"https://images.example.org/photo-{1453134665671 + i}-824f7b70305b?ixid={'x' * 62}&q=30"
        images.append(
            {"id": image_id, "filename": name, "original_id": image_id[:11], "unsplash_url": url}
        )
        votes = rng.integers(0, 4, NUM_CLASSES) * (rng.random(NUM_CLASSES) < 0.15)
        votes[i % NUM_CLASSES] = 3
        labels = {"category_ids_softprob": [int(v) / 3 for v in votes]}
        entries.append(
            {
                "id": i,
                "image_id": image_id,
                **(labels if soft else {"category_ids": np.flatnonzero(votes).tolist()}),
            }
        )
    classes = yaml.safe_load((HIERARCHY_DIR / "intentonomy.yaml").read_text(encoding="utf-8"))[
        "classes"
    ]
    categories = [{"id": c, "name": name} for c, name in enumerate(classes)]
    return {
        "info": {"year": 2020},
        "categories": categories,
        "annotations": entries,
        "images": images,
    }
