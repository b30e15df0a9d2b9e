"""Partial labels: a part of the training labels is unknown.

Two layouts of masks are read and written:

- DualCoOp's: a torch file of shape (N, 1, C), for COCO (N, 3, C) with equal rows, 1 for known and
  0 for unknown, drawn with ``rand(N, C) < p``; called ``partial_label_0.50.pt``.
- HCP's: labels (N, C) with 1 for yes, -1 for no and 0 for unknown as an ``.npy`` file; the known
  entries are ``RandomState(0).random_sample((N, C)) < p`` over all images, which for COCO are those
  of ``DATASET.COCO_IMAGES all``.

The rows are in the order of the data set's annotation file, before a val split is drawn.
"""

import pickle
from pathlib import Path

import numpy as np
import torch
from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError
from core.labels import UNKNOWN
from core.seed import make_generator

MASK_STREAM = 3  # of core.seed.make_generator
# Below the root; that of VOC 2007 may be one or two folders above its annotations.
MASK_FOLDERS = (
    "annotations", "Annotations", "VOC2007/Annotations", "VOCdevkit/VOC2007/Annotations", ".",
)  # fmt: skip
LAYOUTS = ("dualcoop", "hcp")

declare(
    "DATASET",
    Key(
        "PORTION_KNOWN",
        1.0,
        "share of the training labels that is known; the others are drawn and left out (-pp)",
        low=1e-6,
        high=1.0,
    ),
    Key(
        "MASK_FILE",
        "",
        "mask of the known training labels to read: a path, or a file in annotations/ or "
        "Annotations/ of the data set (--mask_file); empty: drawn",
    ),
    Key(
        "MASK_LAYOUT",
        "dualcoop",
        "how a drawn mask is made and kept: with the seed of the run in a .pt file (dualcoop), or "
        "with NumPy's seed 0 in an .npy file of labels (hcp)",
        choices=LAYOUTS,
    ),
)


def mask_of(cfg: CfgNode, labels: np.ndarray) -> np.ndarray | None:
    """Return which training labels are known, bool (N, C); None: all.

    Args:
        cfg: configuration; ``DATASET.PORTION_KNOWN`` and ``MASK_*`` are read.
        labels: (N, C), in the order of the annotation file.

    Raises:
        UserError: the file cannot be read or does not fit the labels.
    """
    node = cfg.DATASET
    if node.MASK_FILE:
        return read_mask(find_mask(node.MASK_FILE, Path(node.ROOT).expanduser()), labels)
    if node.PORTION_KNOWN >= 1:
        return None
    return draw_mask(
        labels.shape, portion=node.PORTION_KNOWN, layout=node.MASK_LAYOUT, seed=cfg.SEED
    )


def draw_mask(
    shape: tuple[int, int], *, portion: float, layout: str = "dualcoop", seed: int = 0
) -> np.ndarray:
    """Return a random mask, bool ``shape``; each entry is known with probability ``portion``.

    Args:
        shape: (N, C).
        portion: from 0 to 1.
        layout: ``hcp`` gives the public mask of that code, whatever ``seed`` is.
        seed: of the run.
    """
    if layout == "hcp":
        return np.random.RandomState(0).random_sample(shape) < portion
    generator = make_generator(seed, MASK_STREAM)
    return (torch.rand(shape, generator=generator) < portion).numpy()


def apply_mask(label: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return a copy of a label (C,) with ``UNKNOWN`` where ``known`` (C,) is False."""
    return np.where(known, label, UNKNOWN).astype(np.float32)


def mask_file_name(portion: float, layout: str) -> str:
    """Return the file name under which a drawn mask is kept."""
    suffix = "pt" if layout == "dualcoop" else "npy"
    return f"partial_label_{portion:.2f}.{suffix}"


def draws_hcp_mask(cfg: CfgNode) -> bool:
    """Return True if the mask of the run is drawn as HCP's."""
    node = cfg.DATASET
    return node.MASK_LAYOUT == "hcp" and node.PORTION_KNOWN < 1 and not node.MASK_FILE


def write_mask(
    path: Path, known: np.ndarray, labels: np.ndarray, layout: str, *, rows: int = 1
) -> None:
    """Write a mask (N, C) in a layout; in DualCoOp's each image has so many equal ``rows``."""
    if layout == "dualcoop":
        mask = torch.from_numpy(known.astype(np.int64)).unsqueeze(1)  # (N, 1, C)
        torch.save(mask.repeat(1, rows, 1), path)  # (N, rows, C)
        return
    signs = np.where(labels > 0.5, 1, -1)
    with open(path, "wb") as file:  # given a path, numpy appends .npy
        np.save(file, np.where(known, signs, 0).astype(np.int8))


def find_mask(name: str, root: Path) -> Path:
    """Return the mask file: a path of its own, or a file of the data set.

    Raises:
        UserError: there is no such file.
    """
    places = [Path(name).expanduser()]
    places += [root / folder / name for folder in MASK_FOLDERS]
    for place in places:
        if place.is_file():
            return place
    looked = ", ".join(str(place) for place in places)
    raise UserError(f"DATASET.MASK_FILE '{name}' does not exist; looked at {looked}")


def read_mask(path: Path, labels: np.ndarray) -> np.ndarray:
    """Return a mask, bool (N, C), from a file in either layout.

    Raises:
        UserError: the file is no mask, has another shape than the labels, or has labels that
            contradict them, as happens with another order of the images.
    """
    values = _load(path)
    if values.ndim == 3:
        if (values != values[:, :1]).any():
            raise UserError(f"{path}: its rows of one image differ; expected equal ones")
        values = values[:, 0]
    if values.shape != labels.shape:
        raise UserError(
            f"{path} has the shape {values.shape}; expected {labels.shape}: images x classes of "
            "the data set, in the order of its annotation file"
        )
    found = np.unique(values)
    if not np.isin(found, (-1, 0, 1)).all():
        raise UserError(
            f"{path} has the values {found[:5].tolist()}; expected 0 and 1, or labels of -1, 0, 1"
        )
    if (values == -1).any():
        _check_labels(path, values, labels)
    return values != 0


def _check_labels(path: Path, values: np.ndarray, labels: np.ndarray) -> None:
    """Raise if known labels of the file are not those of the data set."""
    wrong = (values != 0) & ((values > 0) != (labels > 0.5))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise UserError(
            f"{path}: {int(wrong.sum())} labels are not those of the data set (the first is image "
            f"{row}, class {column}); its images are of another data set or in another order"
        )


def _load(path: Path) -> np.ndarray:
    try:
        if path.suffix == ".npy":
            values = np.load(path, allow_pickle=False)
        else:
            values = torch.load(path, map_location="cpu", weights_only=True)
        if isinstance(values, torch.Tensor):
            # NumPy lacks some types, such as bfloat16; the values of a mask are exact in float32.
            values = values.detach().float().numpy()
    except (
        OSError, ValueError, TypeError, RuntimeError, EOFError, pickle.UnpicklingError
    ) as error:  # fmt: skip
        reason = (str(error).strip().splitlines() or ["unreadable"])[0][:200]
        raise UserError(f"DATASET.MASK_FILE {path} cannot be read: {reason}") from None
    if not isinstance(values, np.ndarray) or values.ndim not in (2, 3) or not values.size:
        raise UserError(f"{path} holds no mask; expected an array (N, C) or (N, 1, C)")
    return values
