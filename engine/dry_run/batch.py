"""A batch of a dry run: images or features, labels, file names; and the feature cache."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor
from yacs.config import CfgNode

from core.labels import UNKNOWN
from datasets.records import Record, image_names
from engine.costs import seconds_of
from engine.dry_run.text import format_pairs, format_size
from engine.feature_cache import feature_key

NUM_FILES = 3  # that are named


@dataclass(frozen=True)
class CacheCost:
    """What ``TRAIN.FEATURE_CACHE`` costs before the first epoch.

    Attributes:
        num_images: images whose features are stored.
        num_bytes: size on the disk.
        seconds: time, if no earlier run has written the cache.
    """

    num_images: int
    num_bytes: int
    seconds: float


def load_batch(loader: Any) -> dict:
    """Return the first batch of a loader.

    Raises:
        UserError: an image cannot be read.
    """
    # A data set of Dassl's brings a loader of its own.
    return loader.first_batch() if hasattr(loader, "first_batch") else next(iter(loader))


def with_features(trainer: Any, batch: dict, cfg: CfgNode) -> dict:
    """Return a batch as training gets it: with ``TRAIN.FEATURE_CACHE`` features replace images.

    Raises:
        UserError: the images have no fixed features, because they are augmented.
    """
    if not cfg.TRAIN.FEATURE_CACHE:
        return batch
    feature_key(trainer.model, cfg, trainer.precision.dtype)
    trainer.set_model_mode("eval")
    features = [part.cpu() for part in trainer.encode(batch)]
    return {"features": features, **{name: batch[name] for name in batch if name != "img"}}


def measure_cache(trainer: Any, batch: dict) -> CacheCost:
    """Return size and time of the feature cache.

    Args:
        trainer: the trainer.
        batch: batch of images.
    """
    trainer.set_model_mode("eval")
    features = trainer.encode(batch)
    seconds = seconds_of(lambda: trainer.encode(batch), trainer.device) / len(batch["index"])
    num_images = 0
    for loader in (trainer.train_loader_x, trainer.val_loader, trainer.test_loader):
        if loader is not None:
            num_images += len(loader.dataset)
    num_bytes = num_images * sum(part[0].nbytes for part in features)
    return CacheCost(num_images, num_bytes, num_images * seconds)


def describe_batch(trainer: Any, batch: dict, used: dict, *, split: str, root: str) -> str:
    """Return shapes, types, ranges, labels and file names of a batch.

    Args:
        trainer: the trainer.
        batch: batch of images.
        used: the batch as training gets it, of :func:`with_features`.
        split: name of the split.
        root: folder below which the files are named.
    """
    pairs = [("images", _describe_tensor(batch["img"]))]
    inputs = trainer.parse_batch_test(batch)[0]
    pairs.append(("normalised", f"{_describe_tensor(inputs)}, on {inputs.device}"))
    for feature in used.get("features", ()):
        pairs.append(("features", f"{_describe_tensor(feature)}, from the cache"))
    pairs.append(("labels", _describe_labels(batch["label"])))
    records = [Record(path, None) for path in batch["impath"][:NUM_FILES]]
    names = ", ".join(image_names(records, root))
    more = ", ..." if len(batch["impath"]) > NUM_FILES else ""
    pairs.append(("files", names + more))
    return "\n".join([f"First batch of {split}", *format_pairs(pairs)])


def _describe_tensor(tensor: Tensor) -> str:
    low, high = float(tensor.min()), float(tensor.max())
    dtype = str(tensor.dtype).removeprefix("torch.")
    return f"{tuple(tensor.shape)} {dtype}, {low:.4g} to {high:.4g}"


def _describe_labels(label: Tensor) -> str:
    """Return shape and type of labels ``(B, C)``, positives per image, share of unknown ones."""
    counts = (label > 0).sum(dim=1)  # (B,)
    low, high, mean = int(counts.min()), int(counts.max()), float(counts.float().mean())
    span = f"{low}" if low == high else f"{low} to {high} ({mean:.1f} on average)"
    text = f"{tuple(label.shape)} {str(label.dtype).removeprefix('torch.')}, {span} per image"
    num_unknown = int((label == UNKNOWN).sum())
    if num_unknown:
        text += f", {100 * num_unknown / label.numel():.0f} % unknown"
    if bool(((label > 0) & (label < 1)).any()):
        text += ", soft"
    return text


def describe_cache(cost: CacheCost, folder: str) -> str:
    """Return the cost of the feature cache in ``folder`` in one line."""
    return f"Feature cache: {cost.num_images:,} images, {format_size(cost.num_bytes)} in {folder}"
