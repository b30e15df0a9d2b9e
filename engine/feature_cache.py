"""Compute the frozen features of all images once and keep them on disk.

An entry is a folder whose name is the digest of everything that the features depend on. A change of
an image, a weight or a setting gives another name, so an entry never becomes invalid. An entry of a
split with N images contains

- ``feature-<i>.npy``: the i-th feature, ``(N, ...)``, memory-mapped;
- ``crc32.npy``: a check sum over the features of each image, ``(N,)`` uint32;
- ``key.json``: everything that the features depend on, for people.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm
from yacs.config import CfgNode

from core.config import Key, declare
from core.config_merge import flatten
from core.distributed import check_peers, local_rank
from core.errors import UserError
from core.files import publish
from core.logging import get_logger
from datasets.loading import Loader
from models.base import ClipNetwork

log = get_logger()
VERSION = 1  # of the layout of an entry; part of every key
PART = ".part"  # suffix of an entry that is being written
OLD_PART_SECONDS = 3600  # an unfinished entry without changes for so long belongs to a killed run
FREE_SHARE = 0.95  # share of the free disk space that an entry may take

declare(
    "TRAIN",
    Key(
        "FEATURE_CACHE",
        "",
        "folder for the frozen features of every image, computed once for all runs of the same "
        "backbone, images and INPUT; needs deterministic INPUT.TRANSFORMS; empty: none",
        may_change=True,
    ),
)

Features = tuple[Tensor, ...]


def cache_key(paths: Sequence[str], **parts: Any) -> dict[str, Any]:
    """Return the key of an entry as JSON values.

    Args:
        paths: image files; the key depends on path, size and time of change of each.
        parts: other values that the features depend on.
    """
    digest = hashlib.blake2b(digest_size=16)
    for path in paths:
        stat = os.stat(path)
        digest.update(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return {"version": VERSION, "num_images": len(paths), "files": digest.hexdigest(), **parts}


def make_root(path: str) -> Path:
    """Create the cache folder if it is missing and return it, with ``~`` expanded.

    Raises:
        UserError: the folder cannot be created.
    """
    root = Path(path).expanduser()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"TRAIN.FEATURE_CACHE is '{path}', a folder that cannot be created: {error.strerror}"
        ) from error
    return root


def feature_key(model: ClipNetwork, cfg: CfgNode, dtype: torch.dtype | None) -> dict[str, Any]:
    """Return the part of the key that all splits of a run share.

    Args:
        model: network that computes the features.
        cfg: configuration of the run.
        dtype: type that autocast computes in; None: without autocast.

    Raises:
        UserError: training images are augmented at random, so they have no fixed features.
    """
    fixed = ("normalize", "center_crop")
    random = [name for name in cfg.INPUT.TRANSFORMS if name not in fixed]
    if random and not cfg.INPUT.NO_TRANSFORM:
        raise UserError(
            "TRAIN.FEATURE_CACHE needs deterministic transforms, but INPUT.TRANSFORMS has "
            f"{', '.join(random)}; set INPUT.NO_TRANSFORM True, or TRAIN.FEATURE_CACHE ''"
        )
    precision = str(dtype or "fp32")
    if cfg.SPEED.TF32 != "torch":
        precision += f", TF32 {cfg.SPEED.TF32}"
    return {
        "features": model.feature_cache_key_part(),
        "precision": precision,
        "input": {name: str(value) for name, value in flatten(cfg.INPUT)},
        # Another version of torch can round differently.
        "torch": torch.__version__,
    }


class FeatureCache(Dataset):
    """Features of one split: ``cache[i]`` is a tuple of tensors without batch dimension.

    Args:
        folder: folder of the entry.
    """

    def __init__(self, folder: Path) -> None:
        num_features = len(list(folder.glob("feature-*.npy")))
        self.folder = folder
        self.arrays = []
        for i in range(num_features):
            self.arrays.append(np.load(folder / f"feature-{i}.npy", mmap_mode="r"))
        self.crc = np.load(folder / "crc32.npy")
        self.checked = np.zeros(len(self.crc), dtype=bool)

    def __len__(self) -> int:
        return len(self.crc)

    def __getitem__(self, index: int) -> Features:
        rows = [np.array(array[index]) for array in self.arrays]
        # Once per process is enough, because a finished entry is never written again.
        if not self.checked[index]:
            if _crc(rows) != self.crc[index]:
                raise UserError(
                    f"the feature cache {self.folder} is damaged (image {index}); delete that "
                    "folder"
                )
            self.checked[index] = True
        return tuple(_tensor(row) for row in rows)


def cache_splits(
    loaders: Iterable[DataLoader | None],
    folder: str,
    key: dict[str, Any],
    encode: Callable[[dict], Features],
) -> None:
    """Let loaders return cached features in place of images; arguments as in :func:`cache_split`.

    Args:
        loaders: loaders of the splits; None: the split has no images.
        folder: ``TRAIN.FEATURE_CACHE``.
        key: key of all splits.
        encode: function from a batch to its features.
    """
    root = make_root(folder)
    for loader in loaders:
        if loader is not None:
            cache_split(loader, root, key, encode)


def cache_split(
    loader: DataLoader, root: Path, key: dict[str, Any], encode: Callable[[dict], Features]
) -> None:
    """Let ``loader`` return cached features in place of images.

    Args:
        loader: loader of a split.
        root: cache folder.
        key: part of the key that all splits share, from :func:`feature_key`.
        encode: function from a batch to its features, ``(B, ...)`` each; called if there is no
            entry yet.
    """
    split = loader.dataset
    in_order = Loader(
        split,
        batch_size=loader.batch_size,
        num_workers=loader.num_workers,
        collate_fn=loader.collate_fn,
        # Its own generator: a run that writes must not draw more global random numbers than one
        # that reads, or their training would differ.
        generator=torch.Generator(),
    )

    def batches() -> Iterator[Features]:
        for batch in tqdm(in_order, desc="frozen features", leave=False, disable=None):
            yield encode(batch)

    paths = [record.impath for record in split.records]
    boxes = [record.box for record in split.records]
    if any(boxes):  # entries of earlier versions have no boxes in their key
        key = {**key, "boxes": boxes}
    key = cache_key(paths, transform=repr(split.transform), **key)
    split.features = open_cache(root, key, len(split), batches)


def open_cache(
    root: Path, key: dict[str, Any], num_images: int, batches: Callable[[], Iterable[Features]]
) -> FeatureCache:
    """Return the entry of a key; write it first if there is none.

    The first process of each machine writes; the others wait for it without a time limit.

    Args:
        root: cache folder.
        key: key from :func:`cache_key`.
        num_images: images of the split, N.
        batches: returns the features of all batches in the order of the images.

    Raises:
        UserError: the entry does not fit on the disk (nothing is written), cannot be written, or is
            damaged.
    """
    text = json.dumps(key, indent=1, sort_keys=True)
    folder = root / hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    if not (folder / "key.json").is_file():
        if local_rank() == 0:
            _write(folder, text, num_images, iter(batches()))
        else:
            _wait_for(folder / "key.json")
    else:
        log.info("Feature cache: %s", folder)
    try:
        return FeatureCache(folder)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(
            f"the feature cache {folder} is damaged ({error}); delete that folder"
        ) from error


def _write(folder: Path, key: str, num_images: int, batches: Iterator[Features]) -> None:
    """Write an entry under a temporary name and move it when it is complete."""
    first = next(batches)
    part = None
    try:
        _remove_old_parts(folder)
        _check_space(folder, sum(num_images * feature[0].nbytes for feature in first))
        part = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=PART, dir=folder.parent))
        # mkdtemp lets only the owner read, but a cache folder may be shared.
        part.chmod(folder.parent.stat().st_mode & 0o777)
        _fill(part, num_images, first, batches)
        (part / "key.json").write_text(key, encoding="utf-8")
        _move(part, folder)
    except OSError as error:
        raise UserError(
            f"cannot write the feature cache {folder}: {error.strerror or error}"
        ) from error
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)


def _wait_for(file: Path) -> None:
    """Wait for another process to write ``file``, without a collective, which would time out."""
    while not file.is_file():
        check_peers()
        time.sleep(0.2)


def _remove_old_parts(folder: Path) -> None:
    """Remove unfinished copies of this entry that killed runs have left."""
    for part in folder.parent.glob(f"{folder.name}.*{PART}"):
        with suppress(FileNotFoundError):  # another run may finish and move it meanwhile
            times = [path.stat().st_mtime for path in (part, *part.glob("*"))]
            if time.time() - max(times) > OLD_PART_SECONDS:
                shutil.rmtree(part, ignore_errors=True)


def _check_space(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder.parent).free
    log.info("Feature cache: writing %.1f MB to %s (%.1f GB free)", size / 1e6, folder, free / 1e9)
    if size > FREE_SHARE * free:
        raise UserError(
            f"the feature cache needs {size / 1e9:.2f} GB, but {folder.parent} has "
            f"{free / 1e9:.2f} GB free; set TRAIN.FEATURE_CACHE to a larger disk or to '' (no "
            "cache), or PREC to a 16-bit format"
        )


def _fill(part: Path, num_images: int, first: Features, rest: Iterator[Features]) -> None:
    """Write arrays and check sums; ``first`` is the first batch, ``rest`` the batches after it."""
    arrays = []
    for i, feature in enumerate(first):
        shape = (num_images, *feature.shape[1:])
        arrays.append(_new_array(part / f"feature-{i}.npy", _array(feature).dtype, shape))
    crc, done = np.zeros(num_images, dtype=np.uint32), 0
    for batch in chain([first], rest):
        rows = [_array(feature) for feature in batch]
        for offset in range(len(rows[0])):
            crc[done + offset] = _crc([row[offset] for row in rows])
        for array, row in zip(arrays, rows, strict=True):
            array[done : done + len(row)] = row
        done += len(rows[0])
    assert done == num_images, f"{done} images were encoded, {num_images} expected"
    for array in arrays:
        array.flush()
    np.save(part / "crc32.npy", crc)


def _new_array(path: Path, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """Return a new memory-mapped array whose disk blocks are reserved."""
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    # Without reserved blocks, writing to the memory of the array on a full disk kills the process.
    if hasattr(os, "posix_fallocate"):
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def _move(part: Path, folder: Path) -> None:
    try:
        publish(part, folder)
    except OSError:  # another process wrote the same entry meanwhile
        if not (folder / "key.json").is_file():
            raise


def _crc(rows: Sequence[np.ndarray]) -> int:
    value = 0
    for row in rows:
        value = zlib.crc32(np.ascontiguousarray(row).view(np.uint8).reshape(-1), value)
    return value


def _array(feature: Tensor) -> np.ndarray:
    """Return a feature as a NumPy array; bfloat16, which NumPy lacks, as its bits in int16."""
    feature = feature.detach().cpu().contiguous()
    if feature.dtype == torch.bfloat16:
        feature = feature.view(torch.int16)
    return feature.numpy()


def _tensor(row: np.ndarray) -> Tensor:
    """Return the tensor that :func:`_array` converted."""
    tensor = torch.from_numpy(row)
    if tensor.dtype == torch.int16:
        tensor = tensor.view(torch.bfloat16)
    return tensor
