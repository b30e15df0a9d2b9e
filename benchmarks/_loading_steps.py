"""CPU time of the single steps of loading an image."""

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

from benchmarks._common import markdown
from benchmarks._plain_images import MEAN, STD
from datasets.images import load_pixels, open_image
from datasets.normalizer import Normalizer

Step = Callable[[int], object]  # works on file i


def profile(settings: dict[str, Any], num_files: int, repeats: int) -> str:
    """Return a Markdown table of the CPU milliseconds per image of each step.

    Args:
        settings: of a case of data_loading.py: ``root``, ``size``, ``interpolation``.
        num_files: files ``low/<i>.jpg`` of the data set and of its prepared copies.
        repeats: passes over all files; the table gives the median.
    """
    torch.set_num_threads(1)
    root = Path(settings["root"])
    originals = list_files(root / "low", num_files)
    prepared = list_files(root / "prepared-384" / "low", num_files)
    mode, side = settings["interpolation"], settings["size"]
    small = read_all(prepared)
    views = [resize(pixels, side, mode) for pixels in small]
    steps = decode_steps(originals, prepared)
    steps |= resize_steps(originals, small, side, mode)
    steps |= batch_steps(views)
    rows = [["step", "CPU ms per image"]]
    for name, step in steps.items():
        rows.append([name, f"{milliseconds(step, num_files, repeats):.3f}"])
    return markdown(rows)


def list_files(folder: Path, num_files: int) -> list[str]:
    """Return the paths of the generated files of ``folder``."""
    return [str(folder / f"{i}.jpg") for i in range(num_files)]


def decode_steps(originals: Sequence[str], prepared: Sequence[str]) -> dict[str, Step]:
    """Return the steps from a file to pixels."""
    return {
        "open, read the header": lambda i: open_image(originals[i]).close(),
        "decode the original, Pillow": lambda i: Image.open(originals[i]).convert("RGB"),
        "decode the original, torchvision (ours)": lambda i: read(originals[i]),
        "decode the original at 1/2 (ours)": lambda i: read(originals[i], reduction=2),
        "decode the prepared copy, Pillow": lambda i: Image.open(prepared[i]).convert("RGB"),
        "decode the prepared copy, torchvision (ours)": lambda i: read(prepared[i]),
    }


def resize_steps(
    originals: Sequence[str], small: Sequence[Tensor], side: int, mode: str
) -> dict[str, Step]:
    """Return the steps from pixels to ``side`` x ``side`` pixels; ``small`` are prepared copies."""
    whole, half = read_all(originals), read_all(originals, reduction=2)
    pictures = to_pictures(whole)
    size, filter_ = (side, side), Image.Resampling[mode.upper()]
    return {
        "resize the original, Pillow": lambda i: pictures[i].resize(size, filter_),
        "resize the original, Pillow with reducing_gap 2": lambda i: pictures[i].resize(
            size, filter_, reducing_gap=2.0
        ),
        "resize the original, tensor": lambda i: resize(whole[i], side, mode),
        "resize the half, tensor (ours)": lambda i: resize(half[i], side, mode),
        "resize the prepared copy, tensor (ours)": lambda i: resize(small[i], side, mode),
    }


def batch_steps(views: Sequence[Tensor]) -> dict[str, Step]:
    """Return the steps from images ``(3, H, W)`` of the final size to a batch of all of them."""
    pictures = to_pictures(views)
    batch = torch.stack(list(views))  # (B, 3, H, W)
    floats = batch.float().unbind()
    normalizer, augment = Normalizer(MEAN, STD), v2.RandAugment()
    to_tensor = v2.functional.pil_to_tensor
    return {
        "to tensor and normalised float, per image": lambda i: normalizer(to_tensor(pictures[i])),
        "stack float, per image": once(lambda: torch.stack(floats)),
        "stack uint8, per image (ours)": once(lambda: torch.stack(list(views))),
        "normalise the batch, per image (ours; on the device)": once(lambda: normalizer(batch)),
        "RandAugment, tensor": lambda i: augment(views[i]),
        "RandAugment, Pillow (ours)": lambda i: to_tensor(augment(pictures[i])),
    }


def once(work: Callable[[], object]) -> Step:
    """Return a step that works for the first file only: the time is that of a whole batch."""

    def step(i: int) -> object:
        return work() if i == 0 else None

    return step


def read(path: str, reduction: int = 1) -> Tensor:
    """Return the pixels ``(3, H, W)`` of a file, decoded at ``1 / reduction`` of its size."""
    with open_image(path) as image:
        return load_pixels(image, reduction=reduction)


def read_all(paths: Sequence[str], reduction: int = 1) -> list[Tensor]:
    """Return the pixels of several files."""
    return [read(path, reduction) for path in paths]


def resize(pixels: Tensor, side: int, mode: str) -> Tensor:
    """Return ``pixels (3, H, W)`` as ``(3, side, side)``."""
    return v2.functional.resize(pixels, [side, side], InterpolationMode(mode))


def to_pictures(images: Sequence[Tensor]) -> list[Image.Image]:
    """Return uint8 images ``(3, H, W)`` as images of Pillow."""
    pictures = []
    for pixels in images:
        pictures.append(Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy()))
    return pictures


def milliseconds(step: Step, num_files: int, repeats: int) -> float:
    """Return the median over ``repeats`` of the mean CPU time of ``step`` over all files."""
    torch.manual_seed(0)
    step(0)  # warm-up
    means = []
    for _ in range(repeats):
        start = time.process_time()
        for i in range(num_files):
            step(i)
        means.append(1000 * (time.process_time() - start) / num_files)
    return statistics.median(means)
