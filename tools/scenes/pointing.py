"""Pointing game on drawn scenes: do the maps of a run point at the objects of a text?

    python -m tools.scenes.pointing --run output/demo/IntCLIP/seed1 --sizes 96 192

The places of the objects in a drawn picture are known. A hit is a peak of a map inside the box of
an object of the text (Zhang et al., IJCV 2018). With --run, the texts are the run's intents that
rest on a kind of object, in scenes where one of the two groups of objects is of this kind. Without
--run, they are "a photo of a red ball." and so on for each group, and the map is that of zero-shot
CLIP by region with the shipped weights.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from core.errors import UserError
from evaluation.result_files import align
from inference.explanation import check_maps, run_with_maps
from inference.overlay import peak
from inference.predictor import IntentPredictor
from models import RegionMaps
from tools import command
from tools.scenes import Scene, World, draw_scene, get_world, object_boxes
from tools.scenes.cues import OBJECTS
from tools.scenes.scene import COLORS, KINDS

SIDE = 96  # of a picture, as in the data set
SIZES = (96, 192)
CENTRE = (0.5, 0.5)
ZERO_SHOT = "configs/trainers/ZeroshotCLIP/scenes.yaml"
OTHER, MIDDLE, RANDOM = "on the other group", "centre of the picture", "random place"

Point = tuple[float, float]  # x and y in shares of the picture's side
Hits = dict[str, list[bool]]  # what points -> hits


class Target(NamedTuple):
    """What a map should point at.

    Attributes:
        key: class whose map it is.
        scene: to draw, with two groups of objects.
        group: number of the group that the class speaks of.
    """

    key: str
    scene: Scene
    group: int


# Targets ------------------------------------------------------------------------------------------


def group_names() -> list[str]:
    """Return the classes of the game without a run, such as ``red ball``."""
    return [f"{color} {kind}" for color in COLORS for kind in KINDS]


def groups_as_targets(world: World, num: int, seed: int) -> list[Target]:
    """Return both groups of ``num`` scenes."""
    found = []
    for scene in _scenes_of_two(world, num, seed):
        for number, group in enumerate(scene.groups):
            found.append(Target(f"{group.color} {group.kind}", scene, number))
    return found


def intents_as_targets(world: World, classes: Sequence[str], num: int, seed: int) -> list[Target]:
    """Return ``num`` scenes with an intent that rests on exactly one of their groups.

    Raises:
        UserError: none of the classes rests on objects in this world.
    """
    kinds = kinds_of_intents(world, classes)
    if not kinds:
        raise UserError(
            f"no class of the run rests on objects of the {world.name} world; the first class is "
            f"'{classes[0]}'"
        )
    rng = np.random.default_rng((seed, 1))
    found: list[Target] = []
    for scene in _scenes_of_two(world, None, seed):
        fitting = []
        for key, own in kinds.items():
            groups = [n for n, group in enumerate(scene.groups) if group.kind in own]
            if len(groups) == 1:
                fitting.append(Target(key, scene, groups[0]))
        if fitting:
            found.append(fitting[rng.integers(len(fitting))])
        if len(found) == num:
            return found
    return found


def kinds_of_intents(world: World, classes: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return intent -> kinds of the objects without which it is not there."""
    found = {}
    for intent in world.annotators.intents:
        if intent.key in classes and intent.kind == "object":
            found[intent.key] = OBJECTS[intent.cues[0]]
    return found


def _scenes_of_two(world: World, num: int | None, seed: int) -> Iterator[Scene]:
    """Yield scenes with two groups of objects; without end where ``num`` is None."""
    rng, drawn = np.random.default_rng(seed), 0
    while num is None or drawn < num:
        scene = world.sample(rng)
        if len(scene.groups) == 2:
            drawn += 1
            yield scene


# The game -----------------------------------------------------------------------------------------


def play(predictor: IntentPredictor, targets: Sequence[Target], *, seed: int = 0) -> Hits:
    """Return hit or miss for each target, of each map, of the centre, and of a random place.

    ``on the other group`` is the last map, which decides, on the objects of the other group.

    Args:
        predictor: of a trainer with maps.
        targets: their classes are classes of the predictor.
        seed: of the random places.
    """
    rng = np.random.default_rng(seed)
    names = predictor.classes.classnames
    hits: Hits = {}
    for target in tqdm(targets, desc="pointing", unit="picture", disable=None, leave=False):
        maps, size = _maps(predictor, target.scene)
        all_boxes = object_boxes(target.scene)
        boxes, others = all_boxes[target.group], all_boxes[1 - target.group]
        points = _peaks(maps, names.index(target.key), size)
        found = {name: is_hit(boxes, point) for name, point in points.items()}
        decisive = list(points.values())[-1]
        found[OTHER] = is_hit(others, decisive)
        found[MIDDLE] = is_hit(boxes, CENTRE)
        found[RANDOM] = is_hit(boxes, tuple(rng.uniform(size=2)))
        for name, hit in found.items():
            hits.setdefault(name, []).append(hit)
    return hits


def is_hit(boxes: np.ndarray, point: Point) -> bool:
    """Return whether a point lies in one of the boxes ``(n, 4)``: left, top, right, bottom."""
    x, y = point
    left, top, right, bottom = boxes.T
    return bool(((left <= x) & (x <= right) & (top <= y) & (y <= bottom)).any())


def _maps(predictor: IntentPredictor, scene: Scene) -> tuple[RegionMaps, tuple[int, int]]:
    """Return the maps of a drawn scene, and height and width of the network's input."""
    pixels = predictor.transform(Image.fromarray(draw_scene(scene, SIDE)))  # (3, H, W)
    images = predictor.trainer.dm.normalizer(pixels[None].to(predictor.device))
    _, maps = run_with_maps(predictor.trainer, images)
    return maps, (pixels.shape[1], pixels.shape[2])


def _peaks(maps: RegionMaps, c: int, size: tuple[int, int]) -> dict[str, Point]:
    """Return the middle of the highest location of each map; the last map is that of the weights.

    The weights of the pooled map rise with its scores, so that both have the same peak.
    """
    found = {}
    for name, scores in maps.positive.items():
        row, column = peak(scores[0, c].float().cpu().numpy())
        x, y = (column + 0.5) * maps.cell[1] / size[1], (row + 0.5) * maps.cell[0] / size[0]
        found[name] = (x, y)
    return found


# Command line -------------------------------------------------------------------------------------


def table(rows: Sequence[tuple[int, tuple[int, int], Hits]]) -> str:
    """Return the share of hits in percent as aligned text.

    Args:
        rows: side of the input, grid, hits.
    """
    columns = list(rows[0][2])
    lines = [["input", "locations", *columns]]
    for side, (height, width), hits in rows:
        shares = [f"{100 * np.mean(hits[name]):.0f} %" for name in columns]
        lines.append([f"{side} px", f"{height} x {width}", *shares])
    return align(lines, to_right=[False, False, *[True] * len(columns)])


def play_sizes(args: argparse.Namespace) -> int:
    """Play at each size and print the table; return the exit status."""
    command.check_least(args.scenes, "--scenes", 1)
    command.check_least(args.seed, "--seed", 0)
    rows = []
    for side in args.sizes:
        command.check_least(side, "--sizes", 32)
        options = ["INPUT.SIZE", f"[{side}, {side}]"]
        if args.run is None:
            predictor = zero_shot(options)
            targets = groups_as_targets(get_world(args.world), args.scenes, args.seed)
        else:
            predictor = IntentPredictor.from_run(args.run, device=args.device, options=options)
            check_maps(predictor.trainer)
            classes = predictor.classes.classnames
            targets = intents_as_targets(get_world(args.world), classes, args.scenes, args.seed)
        maps, _ = _maps(predictor, targets[0].scene)
        rows.append((side, maps.grid, play(predictor, targets, seed=args.seed)))
    print(table(rows))
    print(f"\n{len(targets)} texts; share of peaks inside the box of an object of the text")
    return 0


def zero_shot(options: Sequence[str] = ()) -> IntentPredictor:
    """Return zero-shot CLIP by region with the shipped weights, for the groups as classes."""
    prefix = "TRAINER.ZEROSHOTCLIP"
    own = [f"{prefix}.FEATURES", "region", f"{prefix}.CLASS_TEXT", "name"]
    return IntentPredictor.from_classes(
        group_names(), config_file=ZERO_SHOT, options=[*own, *options]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = command.make_parser("tools.scenes.pointing", __doc__)
    parser.add_argument("--run", type=Path, help="output folder of a finished run with maps")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=SIZES, help="sides of the input in pixels (96 192)"
    )
    parser.add_argument("--scenes", type=int, default=300, help="number of them (300)")
    parser.add_argument("--world", default="rich", help="world of the scenes (rich)")
    parser.add_argument("--seed", type=int, default=11, help="of the scenes (11)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(auto)")
    args = parser.parse_args(argv)
    return command.run(lambda: play_sizes(args))


if __name__ == "__main__":
    sys.exit(main())
