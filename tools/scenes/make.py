"""Write the data set of drawn scenes (datasets/scenes) in Intentonomy's file layout; nothing is downloaded.

    python -m tools.scenes.make --root DIR [--seed N]

Twenty intents (datasets/hierarchies/scenes.yaml) that three simulated annotators read from contrast, brightness, tilt
and arrangement, never from what is shown. Each seed is a split of its own: other pictures of the same world.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from core.errors import UserError
from tools.scenes import Scene, draw_scene, sample_scene
from tools.scenes.intents import INTENT_KEYS, NUM_ANNOTATORS, annotate, consensus

STAMP = "scenes.json"
FORMAT_VERSION = 1
STREAM = (
    1  # not zero: no picture can be one of the pre-training pool, whose seeds are (seed, number)
)
SPLITS = {"train": 1600, "val": 350, "test": 400}
JPEG_QUALITY = 95


def make_scenes(
    root: str | Path,
    *,
    seed: int = 0,
    size: int = 96,
    num_train: int = SPLITS["train"],
    num_val: int = SPLITS["val"],
    num_test: int = SPLITS["test"],
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
        raise UserError(
            f"{root} already holds annotations of another data set; give --root a folder of its own"
        )
    if stamp == {**settings, "complete": True} and _is_complete(root, counts):
        return False
    root.mkdir(parents=True, exist_ok=True)
    _write_json(
        root / STAMP, {**settings, "complete": False}
    )  # before the annotations, so that they are known as ours
    for folder in ("annotations", "low"):
        (root / folder).mkdir(exist_ok=True)
    with tqdm(total=sum(counts.values()), unit="image", disable=None) as bar:
        for split, count in counts.items():
            _write_split(root, split, count=count, seed=seed, size=size, bar=bar)
    _write_json(root / STAMP, {**settings, "complete": True})
    return True


def sample_labelled(seed: int, split: str, index: int) -> tuple[Scene, np.ndarray]:
    """Return one picture's scene and what its annotators mark, bool (3, C)."""
    rng = np.random.default_rng([seed, list(SPLITS).index(split), index, STREAM])
    scene = sample_scene(rng)
    return scene, annotate(scene, rng)


def _write_split(root: Path, split: str, *, count: int, seed: int, size: int, bar: tqdm) -> None:
    """Write a split's images and then its annotation file."""
    images, annotations = [], []
    for i in range(count):
        scene, votes = sample_labelled(seed, split, i)
        image_id = hashlib.md5(
            f"scene-{seed}-{split}-{i}".encode(), usedforsecurity=False
        ).hexdigest()
        filename = f"low/{image_id}.jpg"
        Image.fromarray(draw_scene(scene, size)).save(root / filename, quality=JPEG_QUALITY)
        annotations.append({"id": i, "image_id": image_id, **_targets(split, scene, votes)})
        images.append(
            {"id": image_id, "filename": filename, "original_id": image_id, "unsplash_url": ""}
        )
        bar.update()
    info = {"year": 2020, "version": FORMAT_VERSION, "description": f"Drawn scenes, {split}"}
    categories = [{"id": c, "name": name} for c, name in enumerate(INTENT_KEYS)]
    content = {"info": info, "categories": categories, "annotations": annotations, "images": images}
    _write_json(root / "annotations" / f"intentonomy_{split}2020.json", content)


def _targets(split: str, scene: Scene, votes: np.ndarray) -> dict[str, list]:
    """Return the shares of the annotators for training, what at least two of them mark otherwise."""
    if split == "train":
        return {
            "category_ids_softprob": [
                count / NUM_ANNOTATORS for count in votes.sum(axis=0).tolist()
            ]
        }
    return {"category_ids": np.flatnonzero(consensus(votes, scene)).tolist()}


def _write_json(path: Path, content: dict[str, Any]) -> None:
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
            images = json.loads(
                (root / "annotations" / f"intentonomy_{split}2020.json").read_text()
            )["images"]
            if len(images) != count or any(
                os.path.basename(image["filename"]) not in present for image in images
            ):
                return False
    except (OSError, ValueError, KeyError):
        return False
    return True


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", required=True, help="folder to write to")
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="which split of the world: other seeds, other pictures (0)",
    )
    parser.add_argument(
        "--size", type=int, default=96, help="side of the square images in pixels (96)"
    )
    for split, count in SPLITS.items():
        parser.add_argument(
            f"--num-{split}", type=int, default=count, help=f"number of {split} images ({count})"
        )
    args = parser.parse_args(argv)
    if min(args.num_train, args.num_val, args.num_test) < 1 or args.size < 16 or args.seed < 0:
        parser.error("every split needs at least one image, --size at least 16, --seed at least 0")
    try:
        written = make_scenes(**vars(args))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"scenes in {args.root}: {'written' if written else 'already complete'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
