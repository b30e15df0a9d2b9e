"""Train on a part of the training images (DualCoOp's ``-p``)."""

from core.config import Key, declare

declare(
    "DATASET",
    Key(
        "PORTION",
        1.0,
        "share of the training images that is used, the first ones of the annotation file (-p)",
        low=1e-6,
        high=1.0,
    ),
)


def num_used(num_images: int, portion: float) -> int:
    """Return how many of the training images are used, at least one."""
    return max(int(num_images * portion), 1)
