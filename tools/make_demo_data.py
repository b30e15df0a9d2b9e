"""Write a small generated data set in Intentonomy's file layout, for a first run without downloads.

    python tools/make_demo_data.py --root DIR

Eight intents (datasets/hierarchies/demo.yaml), each tied to something visible: three to the background, five to shapes
of a kind, colour and arrangement. An image shows one to three of them. Three simulated annotators label the training
images.
"""

import argparse
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core.errors import UserError

STAMP = "demo_data.json"
FORMAT_VERSION = 1
BACKGROUNDS = ("FeelCheerful", "SeekCalm", "StayMysterious")
SHAPES = ("KeepThingsTidy", "FollowRhythm", "BreakTheRules", "FeelClose", "JoinTheCrowd")
CLASSES = BACKGROUNDS + SHAPES
COLOURS = {"FeelCheerful": (245, 190, 60), "SeekCalm": (70, 140, 225), "StayMysterious": (25, 22, 38)}
NEUTRAL = (135, 135, 130)
SHAPE_SHARE = (0.30, 0.24, 0.20, 0.15, 0.11)  # some intents are rarer than others

Box = tuple[float, float, float, float]


def make_demo_data(
    root: str | Path, *, seed: int = 0, size: int = 96, num_train: int = 600, num_val: int = 200, num_test: int = 250
) -> bool:
    """Write the data set below ``root``; return False when the same one is already complete there.

    Raises:
        UserError: when ``root`` holds annotation files that this tool did not write.
    """
    root = Path(root)
    counts = {"train": num_train, "val": num_val, "test": num_test}
    settings = {"version": FORMAT_VERSION, "seed": seed, "size": size, **counts}
    stamp = _read_stamp(root)
    if stamp is None and (root / "annotations").exists():
        raise UserError(f"{root} already holds annotations of another data set; give --root a folder of its own")
    if stamp == {**settings, "complete": True} and _is_complete(root, counts):
        return False
    root.mkdir(parents=True, exist_ok=True)
    _write_json(root / STAMP, {**settings, "complete": False})
    for folder in ("annotations", "low"):
        (root / folder).mkdir(exist_ok=True)
    for split, count in counts.items():
        _write_split(root, split, count=count, seed=seed, size=size)
    _write_json(root / STAMP, {**settings, "complete": True})
    return True


def render(labels: set[str], size: int, rng: np.random.Generator) -> Image.Image:
    """Draw an image (size x size) that shows the given intents."""
    background = next((name for name in BACKGROUNDS if name in labels), None)
    image = _draw_background(COLOURS.get(background, NEUTRAL), size, rng)
    draw = ImageDraw.Draw(image)
    shapes = [name for name in SHAPES if name in labels]
    rng.shuffle(shapes)
    for name, box in zip(shapes, _split_canvas(len(shapes), size, rng), strict=True):
        PAINTERS[name](draw, box, rng)
    return image


def _draw_background(colour: tuple[int, int, int], size: int, rng: np.random.Generator) -> Image.Image:
    """Return a soft vertical gradient around a slightly varied colour, with a little noise."""
    base = np.asarray(colour, dtype=np.float32) + rng.normal(0, 8, 3)
    ramp = np.linspace(-18, 18, size, dtype=np.float32)[:, None, None] * rng.choice([-1, 1])
    pixels = base + ramp + rng.normal(0, 4, (size, size, 1))  # (size, size, 3)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _split_canvas(count: int, size: int, rng: np.random.Generator) -> list[Box]:
    """Return the places of the shapes: the whole canvas, or two halves beside or above each other."""
    edge = 0.06 * size
    low, mid, high = edge, size / 2, size - edge
    if count < 2:
        return [(low, low, high, high)] * count
    if rng.random() < 0.5:
        return [(low, low, mid - edge / 2, high), (mid + edge / 2, low, high, high)]
    return [(low, low, high, mid - edge / 2), (low, mid + edge / 2, high, high)]


def _vary(colour: tuple[int, int, int], rng: np.random.Generator) -> tuple[int, ...]:
    return tuple(int(v) for v in np.clip(np.asarray(colour) + rng.integers(-18, 19, 3), 0, 255))


def _unit(box: Box) -> float:
    return min(box[2] - box[0], box[3] - box[1])


def _paint_grid(draw: ImageDraw.ImageDraw, box: Box, rng: np.random.Generator) -> None:
    """Green squares in a regular grid."""
    step = _unit(box) / int(rng.integers(3, 5))
    colour = _vary((40, 165, 70), rng)
    for y in np.arange(box[1], box[3] - step * 0.6, step):
        for x in np.arange(box[0], box[2] - step * 0.6, step):
            draw.rectangle((x, y, x + step * 0.65, y + step * 0.65), fill=colour)


def _paint_stripes(draw: ImageDraw.ImageDraw, box: Box, rng: np.random.Generator) -> None:
    """Purple parallel stripes."""
    step = _unit(box) / int(rng.integers(4, 7))
    colour = _vary((120, 40, 170), rng)
    for y in np.arange(box[1], box[3] - step * 0.4, step):
        draw.rectangle((box[0], y, box[2], y + step * 0.45), fill=colour)


def _paint_triangles(draw: ImageDraw.ImageDraw, box: Box, rng: np.random.Generator) -> None:
    """Red triangles scattered without order."""
    radius = 0.17 * _unit(box)
    for _ in range(int(rng.integers(8, 13))):
        centre = rng.uniform(np.add(box[:2], radius), np.subtract(box[2:], radius))
        angles = rng.uniform(0, 2 * np.pi) + np.asarray([0, 2.1, 4.2])
        corners = centre + radius * rng.uniform(0.7, 1.2) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        draw.polygon([tuple(corner) for corner in corners], fill=_vary((215, 35, 30), rng))


def _paint_pair(draw: ImageDraw.ImageDraw, box: Box, rng: np.random.Generator) -> None:
    """Two large pink circles that touch."""
    radius = _unit(box) * rng.uniform(0.23, 0.28)
    middle = (np.add(box[:2], box[2:])) / 2 + rng.uniform(-0.05, 0.05, 2) * _unit(box)
    wide = box[2] - box[0] >= box[3] - box[1]
    offset = np.asarray([radius * 0.9, 0] if wide else [0, radius * 0.9])
    for centre in (middle - offset, middle + offset):
        draw.ellipse((*(centre - radius), *(centre + radius)), fill=_vary((250, 125, 190), rng), outline=(90, 20, 60))


def _paint_crowd(draw: ImageDraw.ImageDraw, box: Box, rng: np.random.Generator) -> None:
    """Many small white circles."""
    radius = 0.06 * _unit(box)
    for _ in range(int(rng.integers(26, 36))):
        x, y = rng.uniform(np.add(box[:2], radius), np.subtract(box[2:], radius))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_vary((250, 250, 250), rng))


PAINTERS = dict(zip(SHAPES, (_paint_grid, _paint_stripes, _paint_triangles, _paint_pair, _paint_crowd), strict=True))


def _draw_labels(rng: np.random.Generator) -> set[str]:
    """Draw one to three intents: at most one background and at most two shapes."""
    labels = set()
    if rng.random() < 0.65:
        labels.add(str(rng.choice(BACKGROUNDS, p=(0.45, 0.35, 0.20))))
    num_shapes = rng.choice(3, p=(0.25, 0.5, 0.25)) if labels else rng.choice(2, p=(0.7, 0.3)) + 1
    labels.update(str(name) for name in rng.choice(SHAPES, size=num_shapes, replace=False, p=SHAPE_SHARE))
    return labels


def _ask_annotators(labels: set[str], rng: np.random.Generator) -> list[float]:
    """Return the share of three annotators per class; at least one sees each true label, few see a false one."""
    votes = [max(1, rng.binomial(3, 0.85)) if name in labels else rng.binomial(1, 0.01) for name in CLASSES]
    return [int(count) / 3 for count in votes]


def _write_split(root: Path, split: str, *, count: int, seed: int, size: int) -> None:
    """Write a split's images and then its annotation file."""
    images, annotations = [], []
    for i in range(count):
        rng = np.random.default_rng([seed, ("train", "val", "test").index(split), i])
        image_id = hashlib.md5(f"{seed}-{split}-{i}".encode(), usedforsecurity=False).hexdigest()
        labels = _draw_labels(rng)
        render(labels, size, rng).save(root / "low" / f"{image_id}.jpg", quality=90)
        entry: dict[str, Any] = {"id": i, "image_id": image_id}
        if split == "train":
            entry["category_ids_softprob"] = _ask_annotators(labels, rng)
        else:
            entry["category_ids"] = [c for c, name in enumerate(CLASSES) if name in labels]
        annotations.append(entry)
        images.append({"id": image_id, "filename": f"low/{image_id}.jpg", "original_id": image_id, "unsplash_url": ""})
    info = {"year": 2020, "version": FORMAT_VERSION, "description": f"Generated demo data, {split}"}
    categories = [{"id": c, "name": name} for c, name in enumerate(CLASSES)]
    content = {"info": info, "categories": categories, "annotations": annotations, "images": images}
    _write_json(root / "annotations" / f"intentonomy_{split}2020.json", content)


def _write_json(path: Path, content: dict) -> None:
    """Write a file so that it is either whole or not there."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(json.dumps(content))
    os.replace(temporary, path)


def _read_stamp(root: Path) -> dict | None:
    try:
        return json.loads((root / STAMP).read_text())
    except (FileNotFoundError, ValueError):
        return None


def _is_complete(root: Path, counts: dict[str, int]) -> bool:
    """Say whether every annotation file and every image that it lists is there."""
    try:
        present = set(os.listdir(root / "low"))
        for split, count in counts.items():
            images = json.loads((root / "annotations" / f"intentonomy_{split}2020.json").read_text())["images"]
            if len(images) != count or any(os.path.basename(image["filename"]) not in present for image in images):
                return False
    except (OSError, ValueError, KeyError):
        return False
    return True


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", required=True, help="folder to write to")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=96, help="side of the square images in pixels (default 96)")
    for split, count in (("train", 600), ("val", 200), ("test", 250)):
        parser.add_argument(f"--num-{split}", type=int, default=count, help=f"number of {split} images ({count})")
    args = parser.parse_args(argv)
    if min(args.num_train, args.num_val, args.num_test) < 1 or args.size < 16 or args.seed < 0:
        parser.error("every split needs at least one image, --size at least 16, --seed at least 0")
    try:
        written = make_demo_data(**vars(args))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"demo data in {args.root}: {'written' if written else 'already complete'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
