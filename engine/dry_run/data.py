"""The data set of a dry run: images per split, and what was drawn or noted."""

from typing import Any

from yacs.config import CfgNode

from core.distributed import world_size
from engine.dry_run.parameters import learns
from engine.dry_run.text import format_table


def describe_data(trainer: Any, cfg: CfgNode) -> str:
    """Return a table of the splits, and the notes and random choices of the data set."""
    dataset = trainer.dm.dataset
    title = f"Data set {cfg.DATASET.NAME}: {trainer.num_classes} classes"
    unseen = getattr(dataset, "unseen", ())
    if unseen:
        title += f", {len(unseen)} of them unseen in training"
    lines = [title, *format_table(("split", "images", "batch size", "batches"), _rows(trainer))]
    if learns(trainer):
        lines += _about_train(trainer)
    for drawn in getattr(dataset, "drawn", ()):
        lines.append(f"  {drawn.message}")
    return "\n".join(lines)


def _rows(trainer: Any) -> list[tuple[Any, ...]]:
    loaders = {
        "train": trainer.train_loader_x,
        "val": trainer.val_loader,
        "test": trainer.test_loader,
    }
    rows = []
    for split, loader in loaders.items():
        if loader is None:
            rows.append((split, 0, "-", "-"))
        else:
            num_processes = world_size() if split == "train" else 1
            rows.append(
                (split, len(loader.dataset), loader.batch_size * num_processes, len(loader))
            )
    return rows


def _about_train(trainer: Any) -> list[str]:
    """Return a line where an epoch does not have all images: the last, smaller batch is dropped."""
    loader = trainer.train_loader_x
    num_left = len(loader.dataset) - len(loader) * loader.batch_size * world_size()
    if num_left <= 0:
        return []
    return [f"  An epoch trains on all images but {num_left}; each epoch leaves out other ones."]
