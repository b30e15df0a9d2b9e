"""Measure images per second from JPEG files to batches, per core and with worker processes.

    python -m benchmarks.data_loading --baseline
    python -m benchmarks.data_loading --baseline --workers 1 2 --profile --output results.jsonl

Originals are generated (1080 x 720 pixels, quality 85, about 140 kB); tools/prepare_images.py makes
the prepared copies. All forms take turns. Our forms end in uint8 batches, which the trainer
normalises on the device; "+ normalise" does that on this core as well. The straightforward form
decodes in full, resizes the PIL image, makes it float, normalises and stacks; "+ parse" also parses
a training annotation file of the official size for every image.

The table gives "images/s". Without workers these are images per CPU second of one process, so that
other load on the machine does not count; with workers, images per second. "times straightforward"
and "times + parse" say how many times faster a form is than the straightforward one of its kind
(with or without augmentation), and than "straightforward + parse". --profile adds the CPU time of
the single steps.
"""

import argparse
import functools
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import PIL
import torch
import torchvision
from torch.utils.data import DataLoader

from benchmarks import _command, _common
from benchmarks._loading_steps import profile
from benchmarks._photos import SPLITS, write_official_size, write_photos
from benchmarks._plain_images import MEAN, STD, PlainDataset, plain_transform
from core.config_merge import setup_cfg
from core.cpu import usable_cores
from datasets import DataManager
from tools.prepare_images import prepare as prepare_copies

BATCH = 64
EPOCH = 8 * BATCH  # images of a split, and of a repeat with workers
NUM_FILES = 24
OURS = {  # form -> its settings; the train split is augmented as in the published recipe
    "ours, originals, full decode": {"split": "val", "prepared": "off", "reduced": False},
    "ours, originals": {"split": "val", "prepared": "off"},
    "ours, prepared": {"split": "val", "prepared": "384"},
    "ours, prepared + normalise": {"split": "val", "prepared": "384", "normalise": True},
    "ours, originals, augmented": {"split": "train", "prepared": "off"},
    "ours, prepared, augmented": {"split": "train", "prepared": "384"},
}
PLAIN = "straightforward"
PARSING = "straightforward + parse"
PLAIN_AUGMENTED = "straightforward, augmented"
PARSING_SHARE = 8  # parsing is slow: a repeat has this many times fewer images


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, or run as one of the measuring processes."""
    args = parse(argv)
    if _common.is_worker(args, prepare):
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "data")
        common = {
            "root": str(root),
            "size": args.size,
            "interpolation": args.interpolation,
            "batch": BATCH,
            "original": list(args.original),
            "device": "cpu",
            "threads": 1,
        }
        make_data(root, args)
        results = measure(args, common, 0, args.images)
        for workers in args.workers:
            results += measure(args, common, workers, EPOCH)
        print("\n" + table(results))
        if args.profile:
            print("\n" + profile(common, NUM_FILES, args.repeats))


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the flags."""
    parser = _command.Parser(__doc__, has_device=False)
    number = _command.at_least
    parser.add_argument(
        "--size", type=number(1), default=224, help="side of the batches' images in pixels"
    )
    parser.add_argument(
        "--original",
        type=number(32),
        nargs=2,
        default=(1080, 720),
        metavar=("WIDTH", "HEIGHT"),
    )
    parser.add_argument("--interpolation", default="bicubic", choices=("bilinear", "bicubic"))
    parser.add_argument(
        "--images", type=number(8), default=BATCH, help="images per repeat without workers"
    )
    parser.add_argument(
        "--workers",
        type=number(0),
        nargs="*",
        default=[],
        help="also measure with these numbers of workers",
    )
    parser.add_argument("--profile", action="store_true", help="also measure the single steps")
    return parser.parse(argv)


def make_data(root: Path, args: argparse.Namespace) -> None:
    """Write originals, prepared copies and the large annotation file."""
    width, height = args.original
    splits = dict.fromkeys(SPLITS, EPOCH)
    write_photos(root, num_files=NUM_FILES, splits=splits, width=width, height=height)
    failures = prepare_copies(root, size=384, workers=usable_cores(), say=lambda line: None)
    assert not failures, failures
    write_official_size(root / "official.json")


def measure(
    args: argparse.Namespace, common: dict[str, Any], workers: int, num_images: int
) -> list[dict[str, Any]]:
    """Measure all forms with ``workers`` loader processes; print and return a result for each."""
    cases = []
    for form in form_names(baseline=args.baseline, parsing=workers == 0):
        num = num_images // PARSING_SHARE if form == PARSING else num_images
        cases.append({**common, "form": form, "workers": workers, "num_images": num})
    results = _common.measure("data_loading", cases, args.repeats, args.warm_up)
    for result in results:
        result["settings"].pop("root")
        _add_rate(result, "median" if workers else "cpu_ms")
        _common.emit(result, args.output)
    return results


def form_names(*, baseline: bool, parsing: bool) -> list[str]:
    """Return the measured forms; ``parsing`` adds the one that parses annotations per image."""
    if not baseline:
        return list(OURS)
    plain = [PLAIN, PLAIN_AUGMENTED]
    if parsing:
        plain.append(PARSING)
    return [*plain, *OURS]


def _add_rate(result: dict[str, Any], time: str) -> None:
    """Add images per second by the entry ``time`` of the result, and the versions of libraries."""
    seconds = result[time] / 1000
    result["images_per_s"] = round(result["settings"]["num_images"] / seconds, 1)
    result["per"] = "CPU second of one process" if time == "cpu_ms" else "second"
    result["torchvision"] = torchvision.__version__
    result["pillow"] = PIL.__version__
    result["usable_cores"] = usable_cores()


def table(results: Sequence[dict[str, Any]]) -> str:
    """Return a Markdown table with a row per form and number of workers."""
    rates = {}
    for result in results:
        settings = result["settings"]
        rates[settings["workers"], settings["form"]] = result["images_per_s"]
    header = ["workers", "form", "images/s", "ms per image", "times straightforward"]
    rows = [[*header, "times + parse"]]
    for (workers, form), rate in rates.items():
        plain = PLAIN_AUGMENTED if "augmented" in form else PLAIN
        row = [str(workers or "none"), form, f"{rate:.0f}", f"{1000 / rate:.2f}"]
        row.append(_times(rate, rates.get((workers, plain))))
        row.append(_times(rate, rates.get((workers, PARSING))))
        rows.append(row)
    return _common.markdown(rows)


def _times(rate: float, other: float | None) -> str:
    return "" if other is None else f"{rate / other:.2f}"


def prepare(settings: dict[str, Any]) -> Callable[[], None]:
    """Return a function that reads ``num_images`` images from the form's loader."""
    torch.set_num_threads(1)
    form = settings["form"]
    if form in OURS:
        loader, finish = our_loader(settings, **OURS[form])
    else:
        loader, finish = plain_loader(settings), _nothing
    return functools.partial(_one_pass, loader, finish, settings["num_images"])


def _nothing(batch: Any) -> None:
    """Finish a batch that is complete already."""


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
    """Return our loader, and a function to call with each batch.

    Args:
        settings: of the case.
        split: ``train`` or ``val``.
        prepared: value of ``DATASET.PREPARED``.
        reduced: whether to decode large images at a fraction of their size.
        normalise: whether the function normalises the batch.
    """
    size = settings["size"]
    own = {
        "SEED": "1",
        "DATASET.NAME": "Intentonomy",
        "DATASET.ROOT": settings["root"],
        "DATASET.PREPARED": prepared,
        "INPUT.SIZE": f"({size}, {size})",
        "INPUT.INTERPOLATION": settings["interpolation"],
        "INPUT.REDUCED_DECODE": str(reduced),
        "INPUT.TRANSFORMS": "('random_flip', 'randaugment', 'cutout')",
        "INPUT.CUTOUT_RATIO": "0.5",
        "DATALOADER.NUM_WORKERS": str(settings["workers"]),
        "DATALOADER.TRAIN_X.BATCH_SIZE": str(BATCH),
        "DATALOADER.TEST.BATCH_SIZE": str(BATCH),
    }
    opts = []
    for pair in own.items():
        opts += pair
    manager = DataManager(setup_cfg([], opts=opts), mean=MEAN, std=STD, images="uint8")
    loader = manager.train_loader_x if split == "train" else manager.val_loader
    if normalise:
        return loader, lambda batch: manager.normalizer(batch["img"])
    return loader, _nothing


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


if __name__ == "__main__":
    _command.start(main)
