"""Check whether the maps of finished runs show what decides: insertion and deletion on val.

    python -m tools.explain_check --run output/demo/IntCLIP/seed1 --images 100 --output curves.png

For each image, locations appear in a blurred copy (insertion) or turn grey (deletion), in the order
of the map of the most probable intent and in random orders. The table has the mean area under the
curve of its probability. The data set is that of the run; --root gives another folder.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional
from tqdm import tqdm

from core.errors import UserError
from core.files import PROJECT, write_atomically
from datasets import IntentDataset, build_dataset
from datasets.images import open_image
from datasets.records import Record
from engine.run_card import read_card
from evaluation.result_files import align
from inference.curves import (
    Difference,
    area,
    changed_locations,
    location_of_pixels,
    map_order,
    paired_difference,
    step_counts,
)
from inference.explanation import check_maps, run_with_maps
from inference.predictor import IntentPredictor
from tools import command

MODES = ("insertion", "deletion")
BETTER = {"insertion": 1, "deletion": -1}  # sign of a difference that speaks for the map
BLUR = 0.05  # standard deviation of the blurred copy, as a share of the shorter side
MOST_STEPS = 20
MAP, RANDOM = "#0072b2", "#d55e00"  # colours by Okabe and Ito
FORMATS = ("png", "svg", "pdf")


@dataclass(frozen=True, eq=False)
class Curves:
    """Curves of a run's images.

    Attributes:
        run: name of the run.
        share: of the locations that are changed at each step ``(S,)``.
        ours: mode -> probabilities in the order of the map ``(n, S)``.
        random: mode -> the same, mean over random orders ``(n, S)``.
    """

    run: str
    share: np.ndarray
    ours: dict[str, np.ndarray]
    random: dict[str, np.ndarray]

    def areas(self, mode: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the areas under both curves ``(n,)`` each."""
        return area(self.ours[mode], self.share), area(self.random[mode], self.share)

    def difference(self, mode: str) -> Difference:
        """Return the area of the map minus that of random orders, with its interval."""
        return paired_difference(*self.areas(mode))


# Data ---------------------------------------------------------------------------------------------


def data_root(folder: Path) -> str:
    """Return the folder of the data set of a run; a relative one counts from where it started."""
    card = read_card(folder)
    root = card["config"]["DATASET"]["ROOT"]
    return str(PROJECT / card.get("folder", ".") / Path(root).expanduser()) if root else ""


def choose_images(dataset: IntentDataset, num: int, seed: int) -> list[Record]:
    """Return up to ``num`` val images, drawn by the seed, in the order of the split."""
    if not dataset.val:
        raise UserError("the data set has no val split to check maps on")
    rng = np.random.default_rng(seed)
    drawn = rng.choice(len(dataset.val), min(num, len(dataset.val)), replace=False)
    return [dataset.val[i] for i in sorted(drawn.tolist())]


# Curves -------------------------------------------------------------------------------------------


def curves_of_run(
    predictor: IntentPredictor, records: Sequence[Record], *, name: str, num_random: int, seed: int
) -> Curves:
    """Return the curves of images.

    Args:
        predictor: of a trainer with maps.
        records: the images.
        name: of the run.
        num_random: random orders per image.
        seed: of the random orders.
    """
    ours: dict[str, list] = {mode: [] for mode in MODES}
    random: dict[str, list] = {mode: [] for mode in MODES}
    for number, record in enumerate(tqdm(records, desc=name, unit="image", disable=None)):
        rng = np.random.default_rng((seed, number))
        share, curves = curves_of_image(predictor, record, num_random=num_random, rng=rng)
        for mode in MODES:
            ours[mode].append(curves[mode][0])
            random[mode].append(curves[mode][1:].mean(axis=0))
    stacked = []
    for curves in (ours, random):
        stacked.append({mode: np.stack(rows) for mode, rows in curves.items()})
    return Curves(name, share, *stacked)


def curves_of_image(
    predictor: IntentPredictor, record: Record, *, num_random: int, rng: np.random.Generator
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the share of changed locations ``(S,)``, and for each mode probabilities ``(O, S)``.

    The first of the O orders is that of the map, the others are random.
    """
    with open_image(record.impath, record.box) as opened:
        pixels = predictor.transform(opened)  # (3, H, W)
    image = predictor.trainer.dm.normalizer(pixels[None].to(predictor.device))
    scores, maps = run_with_maps(predictor.trainer, image)
    best = int(scores[0].argmax())
    weights = maps.weights[0, best].cpu().numpy()  # (h, w)
    counts = step_counts(weights.size, MOST_STEPS)
    orders = [map_order(weights)]
    orders += [rng.permutation(weights.size) for _ in range(num_random)]
    changed = np.stack([changed_locations(order, counts) for order in orders])  # (O, S, N)
    changed = changed.reshape(*changed.shape[:2], *weights.shape)  # (O, S, h, w)
    curves = {}
    for mode in MODES:
        curves[mode] = _probabilities(predictor, image, changed, maps.cell, best, mode)
    return counts / counts[-1], curves


def _probabilities(
    predictor: IntentPredictor,
    image: Tensor,
    changed: np.ndarray,
    cell: tuple[float, float],
    c: int,
    mode: str,
) -> np.ndarray:
    """Return the probability of class ``c`` for each set of changed locations, ``(O, S)``.

    Args:
        predictor: at most its batch size of changed images is in memory.
        image: normalised ``(1, 3, H, W)``.
        changed: bool ``(O, S, h, w)``.
        cell: height and width of a location in pixels.
        c: number of the class.
        mode: one of :data:`MODES`.
    """
    other = blurred(image) if mode == "insertion" else torch.zeros_like(image)  # 0: mean colour
    height, width = image.shape[2:]
    rows = location_of_pixels(height, cell[0], changed.shape[2])
    columns = location_of_pixels(width, cell[1], changed.shape[3])
    found = []
    for part in _parts(changed.reshape(-1, *changed.shape[2:]), predictor.batch_size):
        mask = torch.from_numpy(part[:, rows][:, :, columns]).to(image.device)[:, None]
        # insertion shows what is changed, deletion what is not
        images = torch.where(mask == (mode == "insertion"), image, other)  # (b, 3, H, W)
        found.append(predictor.trainer.model_inference(images)[:, c].float().cpu().numpy())
    return np.concatenate(found).reshape(changed.shape[:2])


def blurred(image: Tensor) -> Tensor:
    """Return a copy of images ``(B, 3, H, W)`` that hardly shows more than colours."""
    deviation = BLUR * min(image.shape[2:])
    length = min(2 * round(2 * deviation) + 1, 2 * min(image.shape[2:]) - 1)
    return functional.gaussian_blur(image, [length, length], [deviation, deviation])


def _parts(values: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


# Results ------------------------------------------------------------------------------------------


def verdict(curves: Curves) -> str:
    """Return one line that says whether the maps beat random regions for a run."""
    beaten = []
    for mode in MODES:
        difference = curves.difference(mode)
        low, high = sorted((BETTER[mode] * difference.low, BETTER[mode] * difference.high))
        if low > 0:
            beaten.append(mode)
        elif high < 0:
            return f"{curves.run}: NO, in {mode} the maps are worse than random regions"
    if len(beaten) == len(MODES):
        return f"{curves.run}: yes, the maps beat random regions in insertion and in deletion"
    if beaten:
        missing = next(mode for mode in MODES if mode not in beaten)
        return f"{curves.run}: in part, the maps beat random regions in {beaten[0]}, not {missing}"
    return f"{curves.run}: NO, the maps do not beat random regions"


def table(found: Sequence[Curves]) -> str:
    """Return areas and differences as aligned text."""
    heads = ["run", "curve", "images", "map", "random", "difference", "95 % interval"]
    lines = [heads]
    for curves in found:
        for mode in MODES:
            ours, random = curves.areas(mode)
            value, low, high = curves.difference(mode)
            numbers = [f"{ours.mean():.3f}", f"{random.mean():.3f}", f"{value:+.3f}"]
            lines.append([curves.run, mode, str(len(ours)), *numbers, f"{low:+.3f} to {high:+.3f}"])
    return align(lines, to_right=[False, False, True, True, True, True, True])


def draw_curves(found: Sequence[Curves], path: Path) -> None:
    """Draw the mean curves, a row per run, and save them.

    Raises:
        UserError: the ending of ``path`` is no format of a picture.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 2.7 * len(found)), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(hspace=0.06)  # between the rows
    grid = figure.subplots(len(found), 2, squeeze=False, sharey="row")
    for axes_of_run, curves in zip(grid, found, strict=True):
        for axes, mode in zip(axes_of_run, MODES, strict=True):
            ours, random = curves.areas(mode)
            percent = 100 * curves.share
            label = f"order of the map, area {ours.mean():.3f}"
            axes.plot(percent, 100 * curves.ours[mode].mean(0), color=MAP, label=label)
            label = f"random order, area {random.mean():.3f}"
            mean = 100 * curves.random[mode].mean(0)
            axes.plot(percent, mean, color=RANDOM, linestyle="--", label=label)
            axes.set_title(f"{curves.run}: {mode}", fontsize=10, loc="left", parse_math=False)
            axes.set_xlabel(f"locations {'shown' if mode == 'insertion' else 'removed'} (%)")
            axes.set_xlim(0, 100)
            axes.set_ylim(0, 100)
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(color="#e4e4e4", linewidth=0.8)
            axes.legend(frameon=False, fontsize=8)
        axes_of_run[0].set_ylabel("probability of\nthe top intent (%)")
    form = path.suffix[1:]
    write_atomically(path, lambda temporary: figure.savefig(temporary, format=form))


# Command line -------------------------------------------------------------------------------------


def check_runs(args: argparse.Namespace) -> int:
    """Check the runs of the command line; return the exit status."""
    command.check_least(args.images, "--images", 2)
    command.check_least(args.random, "--random", 1)
    command.check_least(args.seed, "--seed", 0)
    if args.output and args.output.suffix[1:] not in FORMATS:
        raise UserError(f"--output is {args.output}; expected a name in .{', .'.join(FORMATS)}")
    found = []
    for folder in args.run:
        options = ["DATASET.ROOT", args.root or data_root(folder)]
        predictor = IntentPredictor.from_run(
            folder, device=args.device, batch_size=args.batch_size, options=options
        )
        check_maps(predictor.trainer)
        records = choose_images(build_dataset(predictor.cfg), args.images, args.seed)
        name = run_name(folder, args.run)
        found.append(
            curves_of_run(predictor, records, name=name, num_random=args.random, seed=args.seed)
        )
    print(table(found))
    print()
    for curves in found:
        print(verdict(curves))
    if args.output:
        draw_curves(found, args.output)
        print(args.output)
    return 0


def run_name(folder: Path, folders: Sequence[Path]) -> str:
    """Return the shortest end of a folder's path that no other folder has."""
    parts = folder.absolute().parts
    others = [other.absolute().parts for other in folders if other != folder]
    for length in range(1, len(parts)):
        if all(other[-length:] != parts[-length:] for other in others):
            return "/".join(parts[-length:])
    return str(folder)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = command.make_parser("tools.explain_check", __doc__)
    parser.add_argument(
        "--run", type=Path, nargs="+", required=True, help="output folders of finished runs"
    )
    parser.add_argument("--root", default="", help="folder of the data set (that of the run)")
    parser.add_argument("--images", type=int, default=100, help="val images per run (100)")
    parser.add_argument("--random", type=int, default=5, help="random orders per image (5)")
    parser.add_argument("--seed", type=int, default=0, help="of images and random orders (0)")
    parser.add_argument("--output", type=Path, help="picture to write: .png, .svg or .pdf")
    parser.add_argument("--batch-size", type=int, help="images at a time (the run's)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(auto)")
    args = parser.parse_args(argv)
    return command.run(lambda: check_runs(args))


if __name__ == "__main__":
    sys.exit(main())
