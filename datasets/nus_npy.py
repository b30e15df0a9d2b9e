"""Read the zero-shot files of NUS-WIDE that DualCoOp's authors made: ``.npy`` arrays.

Layout: ``<root>/annotations/{Tag_all/all_labels.txt, zsl/cls_id.pickle, zsl/formatted_*.npy}``.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.errors import UserError
from datasets.reading import read_lines
from datasets.safe_pickle import read_array, read_pickle

CLASSES = "annotations/Tag_all/all_labels.txt"
CLASS_IDS = "annotations/zsl/cls_id.pickle"
# Split -> labels (N, C) and images (N,). The other files there have parts of the test split.
ARRAYS = {
    "train": ("formatted_train_all_labels_filtered.npy", "formatted_train_images_filtered.npy"),
    "test": ("formatted_val_gzsl_labels_filtered.npy", "formatted_val_gzsl_images_filtered.npy"),
}


def read_classes(root: Path) -> tuple[list[str], list[int]]:
    """Return the class names in label order and the indices of the unseen ones.

    Raises:
        UserError: a file is missing or broken, or the indices do not fit the names.
    """
    names = read_lines(root / CLASSES, "names of NUS-WIDE's classes")
    path = root / CLASS_IDS
    ids = read_pickle(path)
    if not isinstance(ids, dict) or not {"seen", "unseen"} <= ids.keys():
        raise UserError(f"{path}: expected a dictionary with 'seen' and 'unseen'")
    seen, unseen = _indices(path, ids["seen"]), _indices(path, ids["unseen"])
    if sorted([*seen, *unseen]) != list(range(len(names))):
        raise UserError(
            f"{path}: its {len(seen)} seen and {len(unseen)} unseen indices are not those of the "
            f"{len(names)} classes in {root / CLASSES}"
        )
    return names, unseen


def _indices(path: Path, values: object) -> list[int]:
    try:
        return sorted(int(value) for value in values)
    except (TypeError, ValueError):
        raise UserError(f"{path}: expected lists of class indices") from None


def has_arrays(root: Path, split: str) -> bool:
    """Return True if the arrays of a split exist."""
    return all((root / "annotations" / "zsl" / name).is_file() for name in ARRAYS[split])


def read_arrays(root: Path, split: str, classnames: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Return the images and labels, float32 (N, C), of ``train`` or ``test``.

    Raises:
        UserError: a file is missing or broken, or the arrays do not fit each other.
    """
    label_path, image_path = (root / "annotations" / "zsl" / name for name in ARRAYS[split])
    labels, images = read_array(label_path), read_array(image_path)
    files = images.ravel().tolist()
    expected = (len(files), len(classnames))
    if labels.shape != expected:
        raise UserError(
            f"{label_path} has the shape {labels.shape}; expected {expected}: images of "
            f"{image_path.name} x classes"
        )
    names = [_text(name).strip().replace("\\", "/") for name in files]
    return names, (labels > 0).astype(np.float32)


def _text(value: object) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)
