"""Images per second from JPEG files to batches, per core and with workers; with --profile, where the time goes.

    python -m benchmarks.data_loading --baseline [--profile] [--workers 1 2] [--output results.jsonl]

Originals are generated (1080 x 720, quality 85, about 140 kB), prepared copies are made by tools/prepare_images.py. All
forms take turns. Per core means per CPU second of one process without workers, so that other load on the machine does
not count. Ours ends in uint8 batches, which the trainer normalises on the device; ``+ normalise`` does that on this
core as well. The straightforward form decodes fully, resizes the PIL image, makes it float, normalises and stacks it;
``+ parse`` parses a training annotation file of the official size for every image, too.
"""

import argparse
import functools
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import PIL
import torch
import torchvision
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.transforms import InterpolationMode, v2

from benchmarks import _command, _common
from benchmarks._photos import SPLITS, write_official_size, write_photos
from benchmarks._plain_images import MEAN, STD, PlainDataset, plain_transform
from core.config_merge import setup_cfg
from core.cpu import usable_cores
from datasets import DataManager
from datasets.images import load_pixels, open_image
from datasets.normalizer import Normalizer
from tools.prepare_images import prepare as prepare_copies

BATCH = 64
EPOCH = 8 * BATCH  # images of a split, and of a repeat with workers
NUM_FILES = 24
OURS = {  # form -> what it sets; "split" train augments as the published recipe does
    "ours, originals, full decode": {"split": "val", "prepared": "off", "reduced": False},
    "ours, originals": {"split": "val", "prepared": "off"},
    "ours, prepared": {"split": "val", "prepared": "384"},
    "ours, prepared + normalise": {"split": "val", "prepared": "384", "normalise": True},
    "ours, originals, augmented": {"split": "train", "prepared": "off"},
    "ours, prepared, augmented": {"split": "train", "prepared": "384"},
}
PLAIN, PARSING, PLAIN_AUGMENTED = (
    "straightforward",
    "straightforward + parse",
    "straightforward, augmented",
)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, or be one of the measuring processes."""
    parser = _command.Parser(__doc__, has_device=False)
    parser.add_argument(
        "--size", type=_command.at_least(1), default=224, help="side of the batches' images"
    )
    parser.add_argument(
        "--original",
        type=_command.at_least(32),
        nargs=2,
        default=(1080, 720),
        metavar=("WIDTH", "HEIGHT"),
    )
    parser.add_argument("--interpolation", default="bicubic", choices=("bilinear", "bicubic"))
    parser.add_argument(
        "--images",
        type=_command.at_least(8),
        default=BATCH,
        help="images per repeat without workers",
    )
    parser.add_argument(
        "--workers",
        type=_command.at_least(0),
        nargs="*",
        default=[],
        help="also measure with these numbers of workers",
    )
    parser.add_argument("--profile", action="store_true", help="also measure the single steps")
    args = parser.parse(argv)
    if args.worker:
        _common.serve(prepare, json.loads(args.worker))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "data")
        common = {
            "root": str(root),
            "size": args.size,
            "interpolation": args.interpolation,
            "batch": BATCH,
        }
        common |= {"original": list(args.original), "device": "cpu", "threads": 1}
        make_data(root, args)
        results = measure(args, common, 0, args.images)
        for workers in args.workers:
            results += measure(args, common, workers, EPOCH)
        print("\n" + table(results))
        if args.profile:
            print("\n" + profile(common, args.repeats))


def make_data(root: Path, args: argparse.Namespace) -> None:
    """Write originals, prepared copies and the large annotation file."""
    width, height = args.original
    write_photos(
        root, num_files=NUM_FILES, splits=dict.fromkeys(SPLITS, EPOCH), width=width, height=height
    )
    failures = prepare_copies(root, size=384, workers=usable_cores(), say=lambda line: None)
    assert not failures
    write_official_size(root / "official.json")


def measure(
    args: argparse.Namespace, common: dict[str, Any], workers: int, num_images: int
) -> list[dict[str, Any]]:
    """Return the results of all forms with ``workers`` loader processes; print a JSON line for each."""
    plain = (PLAIN, PLAIN_AUGMENTED, PARSING) if workers == 0 else (PLAIN, PLAIN_AUGMENTED)
    forms = [*(plain if args.baseline else ()), *OURS]
    cases = [
        {
            **common,
            "form": form,
            "workers": workers,
            "num_images": num_images // (8 if form == PARSING else 1),
        }
        for form in forms
    ]
    results = _common.measure("data_loading", cases, args.repeats, args.warm_up)
    versions = {
        "torchvision": torchvision.__version__,
        "pillow": PIL.__version__,
        "usable_cores": usable_cores(),
    }
    for result in results:
        result["settings"].pop("root")
        seconds = result["cpu_ms" if workers == 0 else "median"] / 1000
        result |= {**versions, "images_per_s": round(result["settings"]["num_images"] / seconds, 1)}
        result["per"] = "CPU second of one process" if workers == 0 else "second"
        _common.emit(result, args.output)
    return results


def table(results: Sequence[dict[str, Any]]) -> str:
    """Return a Markdown table: a row per form and number of workers, and how many times the straightforward forms."""
    rows = [
        ["workers", "form", "images/s", "ms per image", "times straightforward", "times + parse"],
        ["---"] * 6,
    ]
    rate = {(r["settings"]["workers"], r["settings"]["form"]): r["images_per_s"] for r in results}
    for (workers, form), value in rate.items():
        plain = rate.get((workers, PLAIN_AUGMENTED if "augmented" in form else PLAIN))
        parsing = rate.get((workers, PARSING))
        times = [f"{value / other:.2f}" if other else "" for other in (plain, parsing)]
        rows.append([str(workers or "none"), form, f"{value:.0f}", f"{1000 / value:.2f}", *times])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def prepare(settings: dict[str, Any]) -> Callable[[], None]:
    """Return one pass over ``num_images`` images of the form's loader."""
    torch.set_num_threads(1)
    form = settings["form"]
    if form in OURS:
        loader, finish = our_loader(settings, **OURS[form])
    else:
        loader, finish = plain_loader(settings), _nothing
    return functools.partial(_one_pass, loader, finish, settings["num_images"])


def _nothing(batch: Any) -> None:
    """Finish a batch that needs nothing."""


def _one_pass(loader: Iterable, finish: Callable[[Any], object], num_images: int) -> None:
    seen = 0
    for batch in loader:
        finish(batch)
        seen += len(batch["img"] if isinstance(batch, dict) else batch)
        if seen >= num_images:
            break


def our_loader(
    settings: dict[str, Any],
    *,
    split: str,
    prepared: str,
    reduced: bool = True,
    normalise: bool = False,
) -> tuple[Iterable, Callable]:
    """Return our loader, and what is done with each batch."""
    opts = {
        "DATASET.NAME": "Intentonomy", "DATASET.ROOT": settings["root"], "DATASET.PREPARED": prepared,
        "INPUT.SIZE": f"({settings['size']}, {settings['size']})", "INPUT.INTERPOLATION": settings["interpolation"],
        "INPUT.REDUCED_DECODE": str(reduced), "INPUT.TRANSFORMS": "('random_flip', 'randaugment', 'cutout')",
        "INPUT.CUTOUT_RATIO": "0.5", "DATALOADER.NUM_WORKERS": str(settings["workers"]), "SEED": "1",
        "DATALOADER.TRAIN_X.BATCH_SIZE": str(BATCH), "DATALOADER.TEST.BATCH_SIZE": str(BATCH),
    }  # fmt: skip
    cfg = setup_cfg([], opts=[part for pair in opts.items() for part in pair])
    manager = DataManager(cfg, mean=MEAN, std=STD, images="uint8")
    loader = manager.train_loader_x if split == "train" else manager.val_loader
    return loader, (lambda batch: manager.normalizer(batch["img"])) if normalise else _nothing


def plain_loader(settings: dict[str, Any]) -> DataLoader:
    """Return the straightforward form's loader."""
    root, augment = Path(settings["root"]), settings["form"] == PLAIN_AUGMENTED
    transform = plain_transform(settings["size"], settings["interpolation"], augment=augment)
    paths = [str(root / "low" / f"{i % NUM_FILES}.jpg") for i in range(settings["num_images"])]
    annotation_file = str(root / "official.json") if settings["form"] == PARSING else ""
    return DataLoader(
        PlainDataset(paths, transform, annotation_file),
        batch_size=BATCH,
        num_workers=settings["workers"],
        persistent_workers=settings["workers"] > 0,
    )


def profile(common: dict[str, Any], repeats: int) -> str:
    """Return a Markdown table of the CPU milliseconds per image of single steps."""
    root, side = Path(common["root"]), common["size"]
    mode = InterpolationMode(common["interpolation"])
    pillow_mode = Image.Resampling[common["interpolation"].upper()]
    original = [str(root / "low" / f"{i}.jpg") for i in range(NUM_FILES)]
    prepared = [str(root / "prepared-384" / "low" / f"{i}.jpg") for i in range(NUM_FILES)]
    whole, half, small = (
        [_pixels(p, r) for p in paths] for paths, r in ((original, 1), (original, 2), (prepared, 1))
    )
    pictures = [Image.fromarray(pixels.permute(1, 2, 0).numpy()) for pixels in whole]
    final = [v2.functional.resize(pixels, [side, side], mode) for pixels in small]
    views = [Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy()) for pixels in final]
    floats, normalizer, augment = (
        [pixels.float() for pixels in final],
        Normalizer(MEAN, STD),
        v2.RandAugment(),
    )
    batch = torch.stack(final)

    def resize(images: Sequence[torch.Tensor]) -> Callable[[int], object]:
        return lambda i: v2.functional.resize(images[i], [side, side], mode)

    steps: dict[str, Callable[[int], object]] = {
        "open, read the header": lambda i: open_image(original[i]).close(),
        "decode the original, Pillow": lambda i: Image.open(original[i]).convert("RGB"),
        "decode the original, torchvision (ours)": lambda i: _pixels(original[i], 1),
        "decode the original at 1/2 (ours)": lambda i: _pixels(original[i], 2),
        "decode the prepared copy, Pillow": lambda i: Image.open(prepared[i]).convert("RGB"),
        "decode the prepared copy, torchvision (ours)": lambda i: _pixels(prepared[i], 1),
        "resize the original, Pillow": lambda i: pictures[i].resize((side, side), pillow_mode),
        "resize the original, Pillow with reducing_gap 2": lambda i: pictures[i].resize(
            (side, side), pillow_mode, reducing_gap=2.0
        ),
        "resize the original, tensor": resize(whole),
        "resize the half, tensor (ours)": resize(half),
        "resize the prepared copy, tensor (ours)": resize(small),
        "to tensor and normalised float, per image": lambda i: normalizer(
            v2.functional.pil_to_tensor(views[i])
        ),
        "stack float, per image": lambda i: torch.stack(floats) if i % NUM_FILES == 0 else None,
        "stack uint8, per image (ours)": lambda i: (
            torch.stack(final) if i % NUM_FILES == 0 else None
        ),
        "normalise the batch, per image (ours; on the device)": lambda i: (
            normalizer(batch) if i == 0 else None
        ),
        "RandAugment, tensor": lambda i: augment(final[i]),
        "RandAugment, Pillow (ours)": lambda i: v2.functional.pil_to_tensor(augment(views[i])),
    }
    rows = [["step", "CPU ms per image"], ["---", "---"]]
    rows += [[name, f"{_step_ms(step, repeats):.3f}"] for name, step in steps.items()]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _pixels(path: str, reduction: int) -> torch.Tensor:
    with open_image(path) as image:
        return load_pixels(image, reduction=reduction)


def _step_ms(step: Callable[[int], object], repeats: int) -> float:
    """Return the median over ``repeats`` of the mean CPU time of a step over all files."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    step(0)
    means = []
    for _ in range(repeats):
        start = time.process_time()
        for i in range(NUM_FILES):
            step(i)
        means.append(1000 * (time.process_time() - start) / NUM_FILES)
    return statistics.median(means)


if __name__ == "__main__":
    _command.start(main)
