"""Generated photographs and annotation files for the loading benchmarks; nothing is downloaded."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from datasets.hierarchy import HIERARCHY_DIR

# Blobs per width, and strength in grey levels.
OCTAVES = ((4, 60.0), (12, 40.0), (40, 25.0), (120, 14.0), (360, 8.0))
COLOURFULNESS = 0.4  # share of the noise that differs among channels; it is low in photographs
GRAIN = 3.0  # standard deviation of the sensor noise
QUALITY = 85  # gives about 140 kB for 1080 x 720, as photographs have
OFFICIAL_TRAIN = 12740  # images of the official training split
NUM_CLASSES = 28
SPLITS = ("train", "val", "test")


def draw_photo(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """Return an RGB image with the falling spectrum of a photograph.

    It is smoothed noise of five scales over a vertical gradient, with grain.
    """
    grain = rng.standard_normal((height, width, 1), dtype=np.float32)
    pixels = np.linspace(70, 150, height, dtype=np.float32)[:, None, None] + GRAIN * grain
    for blobs, strength in OCTAVES:
        grid = rng.normal(size=(max(2, blobs * height // width), blobs, 3))
        grey = np.sqrt(3) * grid.mean(axis=2, keepdims=True)
        grid = COLOURFULNESS * grid + (1 - COLOURFULNESS) * grey
        pixels = pixels + np.float32(strength) * _enlarge(grid, width, height)  # (H, W, 3)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _enlarge(grid: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return ``grid (h, w, 3)`` resized smoothly to ``(height, width, 3)``."""
    planes = []
    for channel in range(3):
        plane = Image.fromarray(grid[..., channel].astype(np.float32))
        planes.append(np.asarray(plane.resize((width, height), Image.Resampling.BICUBIC)))
    return np.stack(planes, axis=2)


def write_photos(
    root: Path, *, num_files: int, splits: Mapping[str, int], width: int, height: int
) -> None:
    """Write a data set in Intentonomy's layout.

    Args:
        root: folder of the data set, which is created.
        num_files: different JPEG files; the images of each split repeat them.
        splits: number of images by split.
        width: of each file, in pixels.
        height: of each file, in pixels.
    """
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
    """Write a training annotation file of the official size and form; return its size in bytes."""
    names = []
    for i in range(OFFICIAL_TRAIN):
        names.append(f"low/{_digest(bytes(i))}.jpg")
    path.write_text(json.dumps(annotations(names, np.random.default_rng(1), soft=True), indent=1))
    return path.stat().st_size


def annotations(names: Sequence[str], rng: np.random.Generator, *, soft: bool) -> dict[str, Any]:
    """Return the content of an annotation file in the official format.

    Args:
        names: file of each image, relative to the root.
        rng: draws the labels.
        soft: probabilities, as in the training file; otherwise lists of classes.
    """
    entries, images = [], []
    for i, name in enumerate(names):
        image_id = _digest(f"{i}-{name}".encode())
        images.append(_image_entry(i, name, image_id))
        votes = rng.integers(0, 4, NUM_CLASSES) * (rng.random(NUM_CLASSES) < 0.15)
        votes[i % NUM_CLASSES] = 3
        entry: dict[str, Any] = {"id": i, "image_id": image_id}
        if soft:
            entry["category_ids_softprob"] = [int(v) / 3 for v in votes]
        else:
            entry["category_ids"] = np.flatnonzero(votes).tolist()
        entries.append(entry)
    tree = yaml.safe_load((HIERARCHY_DIR / "intentonomy.yaml").read_text(encoding="utf-8"))
    return {
        "info": {"year": 2020},
        "categories": [{"id": c, "name": name} for c, name in enumerate(tree["classes"])],
        "annotations": entries,
        "images": images,
    }


def _image_entry(i: int, name: str, image_id: str) -> dict[str, str]:
    photo = f"photo-{1453134665671 + i}-824f7b70305b"
    return {
        "id": image_id,
        "filename": name,
        "original_id": image_id[:11],
        "unsplash_url": f"https://images.example.org/{photo}?ixid={'x' * 62}&q=30",
    }


def _digest(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
