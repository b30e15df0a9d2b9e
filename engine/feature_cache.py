"""Frozen features of every image of a split, computed once and kept on disk.

An entry is a folder named by the digest of everything that the features depend on, so that a change
of any of it finds no entry and makes a new one: nothing is ever invalid. It holds one memory-mapped
``feature-<i>.npy`` of shape ``(N, ...)`` per feature, ``crc32.npy (N,)`` over each image's bytes,
and ``key.json``, which says what it is of.
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
VERSION = 1  # of the layout; part of every key
PART = ".part"  # ends the name of an entry that is being written
OLD_PART_SECONDS = 3600
FREE_SHARE = 0.95  # of the free disk space that an entry may take

declare(
    "TRAIN",
    Key(
        "FEATURE_CACHE",
        "",
        "folder for the frozen features of every image, computed once for all runs of the same "
        "backbone, images and "
        "INPUT; needs deterministic INPUT.TRANSFORMS; empty: none",
        may_change=True,
    ),
)

Features = tuple[Tensor, ...]


def cache_key(paths: Sequence[str], **parts: Any) -> dict[str, Any]:
    """Return what the features depend on: ``parts`` (JSON values) and each file's path, size and time
    of change.
    """
    digest = hashlib.blake2b(digest_size=16)
    for path in paths:
        stat = os.stat(path)
        digest.update(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return {"version": VERSION, "num_images": len(paths), "files": digest.hexdigest(), **parts}


def make_root(path: str) -> Path:
    """Return the folder ``path`` (with ``~`` expanded), made where it is missing;
    :class:`UserError` if that fails.
    """
    root = Path(path).expanduser()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"TRAIN.FEATURE_CACHE is '{path}', a folder that cannot be made: {error.strerror}"
        ) from error
    return root


def feature_key(model: ClipNetwork, cfg: CfgNode, precision: str) -> dict[str, Any]:
    """Return what the features of all splits depend on beside the images.

    Raises:
        UserError: training images are augmented at random, so that they have no fixed features.
    """
    fixed = ("normalize", "center_crop")
    random = [name for name in cfg.INPUT.TRANSFORMS if name not in fixed]
    if random and not cfg.INPUT.NO_TRANSFORM:
        raise UserError(
            "TRAIN.FEATURE_CACHE needs deterministic transforms, but INPUT.TRANSFORMS has "
            f"{', '.join(random)}; "
            "set INPUT.NO_TRANSFORM True, or TRAIN.FEATURE_CACHE ''"
        )
    return {
        "features": model.feature_cache_key_part(),
        "precision": precision,
        "input": {name: str(value) for name, value in flatten(cfg.INPUT)},
        "torch": torch.__version__,
    }


class FeatureCache(Dataset):
    """The features of one split, read image by image: ``cache[i]`` is a tuple of tensors without batch
    dimension.
    """

    def __init__(self, folder: Path) -> None:
        names = sorted(
            folder.glob("feature-*.npy"), key=lambda path: int(path.stem.partition("-")[2])
        )
        self.folder = folder
        self.arrays = [np.load(name, mmap_mode="r") for name in names]
        self.crc = np.load(folder / "crc32.npy")
        self.checked = np.zeros(len(self.crc), dtype=bool)

    def __len__(self) -> int:
        return len(self.crc)

    def __getitem__(self, index: int) -> Features:
        rows = [np.array(array[index]) for array in self.arrays]
        if not self.checked[index]:  # once per process is enough: the file is never written again
            if _crc(rows) != self.crc[index]:
                raise UserError(
                    f"the feature cache {self.folder} is damaged (image {index}); delete that "
                    "folder"
                )
            self.checked[index] = True
        return tuple(_tensor(row) for row in rows)


def cache_split(
    loader: DataLoader, root: Path, key: dict[str, Any], encode: Callable[[dict], Features]
) -> None:
    """Make ``loader`` give the features that ``encode`` makes of its batches, from the entry under
    ``root``.
    """
    split = loader.dataset
    in_order = Loader(
        split,
        batch_size=loader.batch_size,
        num_workers=loader.num_workers,
        collate_fn=loader.collate_fn,
        generator=torch.Generator(),  # the run that writes draws no more from the global one than a run that reads
    )

    def batches() -> Iterator[Features]:
        for batch in tqdm(in_order, desc="frozen features", leave=False, disable=None):
            yield encode(batch)

    key = cache_key(
        [record.impath for record in split.records], transform=repr(split.transform), **key
    )
    split.features = open_cache(root, key, len(split), batches)


def open_cache(
    root: Path, key: dict[str, Any], num_images: int, batches: Callable[[], Iterable[Features]]
) -> FeatureCache:
    """Return the entry of ``key`` under ``root``; where there is none, write it from ``batches``,
    in image order.

    Of the processes of a machine the first writes and the others wait, however long it takes.

    Raises:
        UserError: the entry would not fit the disk (nothing is written), cannot be written, or is
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
    """Write an entry beside its place and move it there whole; a run that dies leaves no entry."""
    first = next(batches)
    part = None
    try:
        _remove_old_parts(folder)
        _check_space(folder, sum(num_images * feature[0].nbytes for feature in first))
        part = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=PART, dir=folder.parent))
        part.chmod(folder.parent.stat().st_mode & 0o777)  # mkdtemp makes it the owner's alone
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
    """Wait for the process that writes ``file``; not in a collective, which would time out."""
    while not file.is_file():
        check_peers()
        time.sleep(0.2)


def _remove_old_parts(folder: Path) -> None:
    """Remove what runs that were killed began to write: parts of this entry that nobody has touched
    for an hour.
    """
    for part in folder.parent.glob(f"{folder.name}.*{PART}"):
        with suppress(FileNotFoundError):  # whoever wrote it is done meanwhile
            times = [path.stat().st_mtime for path in (part, *part.glob("*"))]
            if time.time() - max(times) > OLD_PART_SECONDS:
                shutil.rmtree(part, ignore_errors=True)


def _check_space(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder.parent).free
    log.info("Feature cache: writing %.1f MB to %s (%.1f GB free)", size / 1e6, folder, free / 1e9)
    if size > FREE_SHARE * free:
        raise UserError(
            f"the feature cache needs {size / 1e9:.2f} GB, but {folder.parent} has "
            f"{free / 1e9:.2f} GB free; "
            "set TRAIN.FEATURE_CACHE to a larger disk or to '' (no cache), or PREC to a 16-bit "
            "format"
        )


def _fill(part: Path, num_images: int, first: Features, rest: Iterator[Features]) -> None:
    arrays = [
        _new_array(part / f"feature-{i}.npy", _array(f).dtype, (num_images, *f.shape[1:]))
        for i, f in enumerate(first)
    ]
    crc, done = np.zeros(num_images, dtype=np.uint32), 0
    for batch in _chain(first, rest):
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
    """Return a new memory-mapped array whose disk blocks are reserved: a full disk would kill a
    process that writes.
    """
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
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


def _chain(first: Features, rest: Iterator[Features]) -> Iterator[Features]:
    yield first
    yield from rest


def _crc(rows: Sequence[np.ndarray]) -> int:
    value = 0
    for row in rows:
        value = zlib.crc32(np.ascontiguousarray(row).view(np.uint8).reshape(-1), value)
    return value


def _array(feature: Tensor) -> np.ndarray:
    """Return ``feature`` for NumPy, which has no bfloat16: its bits as int16."""
    feature = feature.detach().cpu().contiguous()
    return (feature.view(torch.int16) if feature.dtype == torch.bfloat16 else feature).numpy()


def _tensor(row: np.ndarray) -> Tensor:
    tensor = torch.from_numpy(row)
    return tensor.view(torch.bfloat16) if tensor.dtype == torch.int16 else tensor
