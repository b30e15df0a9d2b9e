"""The data set of the golden losses: 64 drawn pictures as pixels, because JPEG decoders differ."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from tools.scenes import draw_scene, get_world

PICTURES = Path(__file__).parent / "pictures.npz"
NUM_PICTURES, SIZE = 64, 64
HELD_OUT = 32  # the first half is val, the second half test


def draw_pictures(path: Path = PICTURES) -> None:
    """Draw the pictures and store pixels (N, H, W, 3) uint8 and votes (N, 3, C) bool."""
    world = get_world("plain")
    pixels, votes = [], []
    for number in range(NUM_PICTURES):
        rng = np.random.default_rng([64, number])
        scene = world.sample(rng)
        votes.append(world.annotators.annotate(scene, rng))
        pixels.append(draw_scene(scene, SIZE))
    np.savez_compressed(path, pixels=np.stack(pixels), votes=np.stack(votes))


def write_data(root: Path) -> Path:
    """Write the pictures below ``root`` in Intentonomy's layout, as PNG files, which lose nothing;
    return ``root``.
    """
    stored = np.load(PICTURES)
    keys = get_world("plain").annotators.keys
    (root / "low").mkdir(parents=True)
    (root / "annotations").mkdir()
    names = [f"low/{number:02}.png" for number in range(NUM_PICTURES)]
    for name, pixels in zip(names, stored["pixels"], strict=True):
        Image.fromarray(pixels).save(root / name)
    shares = stored["votes"].mean(axis=1)  # (N, C)
    splits = {
        "train": range(NUM_PICTURES),
        "val": range(HELD_OUT),
        "test": range(HELD_OUT, NUM_PICTURES),
    }
    for split, numbers in splits.items():
        entries = []
        for number in numbers:
            entry = {"id": number, "image_id": f"{number:02}"}
            if split == "train":
                entry["category_ids_softprob"] = shares[number].tolist()
            else:
                entry["category_ids"] = np.flatnonzero(shares[number] > 0.5).tolist()
            entries.append(entry)
        content = {
            "categories": [{"id": c, "name": key} for c, key in enumerate(keys)],
            "images": [{"id": f"{number:02}", "filename": names[number]} for number in numbers],
            "annotations": entries,
        }
        path = root / "annotations" / f"intentonomy_{split}2020.json"
        path.write_text(json.dumps(content), encoding="utf-8")
    return root
