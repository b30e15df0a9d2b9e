"""Write the data set of drawn scenes in Intentonomy's file layout; nothing is downloaded.

    python -m tools.scenes.make --root DIR [--seed N]

Three simulated annotators read twenty intents (datasets/hierarchies/scenes.yaml) from contrast,
brightness, tilt and arrangement, never from the objects shown. Another seed gives other pictures of
the same world.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from core.errors import UserError
from core.files import write_text
from tools import command
from tools.scenes import Scene, draw_scene, sample_scene
from tools.scenes.intents import INTENT_KEYS, NUM_ANNOTATORS, annotate, consensus

STAMP = "scenes.json"
FORMAT_VERSION = 1
# Pictures of the pre-training pool are seeded with (seed, number). One more number keeps the
# pictures of the data set apart from them.
STREAM = 1
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
    """Write the data set below ``root``; return False if the same one is already complete there.

    Args:
        size: side of the square pictures in pixels.

    Raises:
        UserError: ``root`` holds annotation files that this tool did not write.
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
    # the stamp comes first: after an interruption it says that the annotations are ours
    write_text(root / STAMP, json.dumps({**settings, "complete": False}))
    (root / "low").mkdir(exist_ok=True)
    with tqdm(total=sum(counts.values()), unit="image", disable=None) as bar:
        for split, count in counts.items():
            _write_split(root, split, count=count, seed=seed, size=size, bar=bar)
    write_text(root / STAMP, json.dumps({**settings, "complete": True}))
    return True


def sample_labelled(seed: int, split: str, index: int) -> tuple[Scene, np.ndarray]:
    """Return one picture's scene and the marks of its annotators, bool (3, C)."""
    rng = np.random.default_rng([seed, list(SPLITS).index(split), index, STREAM])
    scene = sample_scene(rng)
    return scene, annotate(scene, rng)


def _write_split(root: Path, split: str, *, count: int, seed: int, size: int, bar: tqdm) -> None:
    """Write a split's pictures and then its annotation file."""
    images, annotations = [], []
    for i in range(count):
        scene, votes = sample_labelled(seed, split, i)
        name = f"scene-{seed}-{split}-{i}"
        image_id = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
        filename = f"low/{image_id}.jpg"
        Image.fromarray(draw_scene(scene, size)).save(root / filename, quality=JPEG_QUALITY)
        annotations.append({"id": i, "image_id": image_id, **_targets(split, scene, votes)})
        images.append(
            {"id": image_id, "filename": filename, "original_id": image_id, "unsplash_url": ""}
        )
        bar.update()
    content = {
        "info": {
            "year": 2020,
            "version": FORMAT_VERSION,
            "description": f"Drawn scenes, {split}",
        },
        "categories": [{"id": c, "name": name} for c, name in enumerate(INTENT_KEYS)],
        "annotations": annotations,
        "images": images,
    }
    write_text(_annotation_path(root, split), json.dumps(content))


def _targets(split: str, scene: Scene, votes: np.ndarray) -> dict[str, list]:
    """Return the shares of the annotators for train, and their consensus for val and test."""
    if split == "train":
        return {"category_ids_softprob": (votes.sum(axis=0) / NUM_ANNOTATORS).tolist()}
    return {"category_ids": np.flatnonzero(consensus(votes, scene)).tolist()}


def _annotation_path(root: Path, split: str) -> Path:
    return root / "annotations" / f"intentonomy_{split}2020.json"


def _read_stamp(root: Path) -> dict | None:
    try:
        return json.loads((root / STAMP).read_text())
    except (FileNotFoundError, ValueError):
        return None


def _is_complete(root: Path, counts: dict[str, int]) -> bool:
    """Return True if every annotation file exists, with every image that it lists."""
    try:
        present = set(os.listdir(root / "low"))
        for split, count in counts.items():
            images = json.loads(_annotation_path(root, split).read_text())["images"]
            listed = {os.path.basename(image["filename"]) for image in images}
            if len(listed) != count or not listed <= present:
                return False
    except (OSError, ValueError, KeyError):
        return False
    return True


def write_data_set(args: argparse.Namespace) -> int:
    """Write the data set and report; return the exit status."""
    command.check_least(args.seed, "--seed", 0)
    command.check_least(args.size, "--size", 16)
    for split in SPLITS:
        command.check_least(getattr(args, f"num_{split}"), f"--num-{split}", 1)
    is_new = make_scenes(**vars(args))
    print(f"scenes in {args.root}: {'written' if is_new else 'already complete'}")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = command.make_parser("tools.scenes.make", __doc__)
    parser.add_argument("--root", required=True, help="folder to write to")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other pictures (0)")
    parser.add_argument(
        "--size", type=int, default=96, help="side of the square pictures in pixels (96)"
    )
    for split, count in SPLITS.items():
        parser.add_argument(
            f"--num-{split}", type=int, default=count, help=f"number of {split} pictures ({count})"
        )
    args = parser.parse_args(argv)
    return command.run(lambda: write_data_set(args))


if __name__ == "__main__":
    sys.exit(main())
