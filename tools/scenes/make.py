"""Write the data set of drawn scenes in Intentonomy's file layout; nothing is downloaded.

    python -m tools.scenes.make --root DIR [--world rich] [--seed N]

Three simulated annotators give twenty intents. In the rich world these depend on objects, context
and composition (datasets/hierarchies/scenes.yaml), in the plain world only on what captions never
say. Another seed gives other pictures of the same world.
"""

import argparse
import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from core.cpu import usable_cores
from core.errors import UserError
from core.files import write_text
from tools import command
from tools.scenes import WORLDS, Scene, World, draw_scene, get_world
from tools.scenes.annotators import NUM_ANNOTATORS

STAMP = "scenes.json"
FORMAT_VERSION = 2
SPLITS = ("train", "val", "test")
# Pictures of the pre-training pool are seeded with (seed, number). One more number keeps the
# pictures of the data set apart from them.
STREAM = 1
JPEG_QUALITY = 95
CHUNK = 50  # pictures that a process draws at a time
MANY = 1000  # pictures for which it pays to start processes
MANY = 1000  # pictures for which it pays to start processes

# draws pictures by their numbers, in order
Draw = Callable[[Callable[[int], dict], Sequence[int]], Iterator[dict]]


def make_scenes(
    root: str | Path,
    *,
    world: str = "rich",
    seed: int = 0,
    size: int = 96,
    num_train: int | None = None,
    num_val: int | None = None,
    num_test: int | None = None,
    workers: int = 0,
) -> bool:
    """Write the data set below ``root``; return False if the same one is already complete there.

    Args:
        root: folder to write to.
        world: name of the world.
        seed: of the pictures.
        size: side of the square pictures in pixels.
        num_train: number of train pictures; without it, the world's.
        num_val: the same of val.
        num_test: the same of test.
        workers: processes that draw where there are many pictures; 0: this one. The pictures do
            not depend on it.

    Raises:
        UserError: there is no such world, or ``root`` holds annotation files that this tool did not
            write.
    """
    root, drawn = Path(root), get_world(world)
    counts = dict(drawn.num_images)
    for split, num in zip(SPLITS, (num_train, num_val, num_test), strict=True):
        if num is not None:
            counts[split] = num
    settings = {"version": FORMAT_VERSION, "world": world, "seed": seed, "size": size, **counts}
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
    total = sum(counts.values())
    with (
        tqdm(total=total, unit="image", disable=None) as bar,
        _pool(workers if total >= MANY else 0) as draw,
    ):
        for split, count in counts.items():
            write = partial(_write_picture, root, world, split, seed, size)
            _write_split(root, drawn, split, draw(write, range(count)), bar)
    write_text(root / STAMP, json.dumps({**settings, "complete": True}))
    return True


def sample_labelled(world: World, seed: int, split: str, index: int) -> tuple[Scene, np.ndarray]:
    """Return one picture's scene and the marks of its annotators, bool (3, C)."""
    rng = np.random.default_rng([seed, SPLITS.index(split), index, STREAM])
    scene = world.sample(rng)
    return scene, world.annotators.annotate(scene, rng)


@contextmanager
def _pool(workers: int) -> Iterator[Draw]:
    """Yield what draws pictures by their numbers, in this process or in several."""
    if workers < 1:
        yield map
        return
    # spawn: a copy of a process with threads, such as those of torch, can wait forever
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_ignore_ctrl_c) as pool:
        yield partial(pool.map, chunksize=CHUNK)


def _ignore_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the processes


def _write_picture(root: Path, world_name: str, split: str, seed: int, size: int, i: int) -> dict:
    """Write picture ``i`` of a split; return its entry in the annotations."""
    world = get_world(world_name)
    scene, votes = sample_labelled(world, seed, split, i)
    name = f"{world.name}-{seed}-{split}-{i}"
    image_id = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
    Image.fromarray(draw_scene(scene, size)).save(root / _file(image_id), quality=JPEG_QUALITY)
    return {"id": i, "image_id": image_id, **_targets(world, split, scene, votes)}


def _file(image_id: str) -> str:
    return f"low/{image_id}.jpg"


def _write_split(root: Path, world: World, split: str, pictures: Iterable[dict], bar: tqdm) -> None:
    """Write a split's pictures, and then its annotation file."""
    images, annotations = [], []
    for annotation in pictures:
        bar.update()
        annotations.append(annotation)
        image_id = annotation["image_id"]
        images.append(
            {
                "id": image_id,
                "filename": _file(image_id),
                "original_id": image_id,
                "unsplash_url": "",
            }
        )
    content = {
        "info": {
            "year": 2020,
            "version": FORMAT_VERSION,
            "description": f"Drawn scenes, {world.name} world, {split}",
        },
        "categories": [{"id": c, "name": name} for c, name in enumerate(world.annotators.keys)],
        "annotations": annotations,
        "images": images,
    }
    write_text(_annotation_path(root, split), json.dumps(content))


def _targets(world: World, split: str, scene: Scene, votes: np.ndarray) -> dict[str, list]:
    """Return the shares of the annotators for train, and their consensus for val and test."""
    if split == "train":
        return {"category_ids_softprob": (votes.sum(axis=0) / NUM_ANNOTATORS).tolist()}
    return {"category_ids": np.flatnonzero(world.annotators.consensus(votes, scene)).tolist()}


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
    command.check_least(args.workers, "--workers", 0)
    for split in SPLITS:
        num = getattr(args, f"num_{split}")
        if num is not None:
            command.check_least(num, f"--num-{split}", 1)
    is_new = make_scenes(**vars(args))
    print(f"scenes in {args.root}: {'written' if is_new else 'already complete'}")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = command.make_parser("tools.scenes.make", __doc__)
    parser.add_argument("--root", required=True, help="folder to write to")
    parser.add_argument(
        "--world", default="rich", help=f"what intents depend on: {', '.join(WORLDS)} (rich)"
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed, other pictures (0)")
    parser.add_argument(
        "--size", type=int, default=96, help="side of the square pictures in pixels (96)"
    )
    cores = usable_cores()
    parser.add_argument(
        "--workers",
        type=int,
        default=cores,
        help=f"processes that draw many pictures; 0: this one alone ({cores}, one per core)",
    )
    usual = get_world("rich").num_images
    for split in SPLITS:
        parser.add_argument(
            f"--num-{split}",
            type=int,
            help=f"number of {split} pictures ({usual[split]} in the rich world)",
        )
    args = parser.parse_args(argv)
    return command.run(lambda: write_data_set(args))


if __name__ == "__main__":
    sys.exit(main())
