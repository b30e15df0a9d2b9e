"""Loaders: records to batches.

The look of a training image depends on (seed, epoch, index) only, and the order of the images on
(seed, epoch) only. So the number of workers does not change the batches, and a run that resumes at
epoch N sees the batches of an uninterrupted run. Several processes divide each batch of the
one-process run among them, and each evaluation's images, too.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate
from yacs.config import CfgNode

from core.config import Key, declare
from core.cpu import usable_cores
from core.distributed import local_world_size, rank, world_size
from core.errors import UserError
from core.seed import derive_seed, make_generator, seed_worker
from datasets.base import IntentDataset
from datasets.build import build_dataset
from datasets.images import open_image
from datasets.normalizer import Normalizer
from datasets.records import Record
from datasets.transforms import build_test_transform, build_train_transform

SAMPLERS = {"RandomSampler": True, "SequentialSampler": False}  # name -> images are shuffled
IMAGE_FORMS = ("float32", "uint8")
LOADER_STREAM = 1  # of core.seed.make_generator
MAX_WORKERS = 16  # outrun one GPU (docs/performance.md); more would only hold memory


# The data set and its loaders -------------------------------------------------------------------


class DataManager:
    """The data set and its loaders, with Dassl's attribute names.

    A batch is a dict of ``img`` ``(B, 3, H, W)``, ``label`` ``(B, C)`` float32, ``index`` ``(B,)``
    and ``domain`` ``(B,)`` int64, and ``impath``, a list of B paths. ``index`` counts within the
    split.

    Args:
        cfg: the whole configuration.
        mean: of the backbone's images, (3,); ``normalizer`` applies it.
        std: of the backbone's images, (3,).
        dataset: used instead of building ``DATASET.NAME``.
        images: form of ``img``. ``float32`` is normalised, as Dassl's trainers expect it. ``uint8``
            is for callers who apply ``normalizer`` on the device: a quarter of the bytes and the
            same numbers.

    Attributes:
        val_loader: None when split val is empty, which needs ``TEST.NO_TEST``.
        test_loader: None when split test is empty, which needs ``TEST.NO_TEST``.

    Raises:
        UserError: the data set reports a fault, or the batch size does not fit the processes.
    """

    def __init__(
        self,
        cfg: CfgNode,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        dataset: IntentDataset | None = None,
        images: str = "float32",
    ) -> None:
        assert images in IMAGE_FORMS
        self.dataset = build_dataset(cfg) if dataset is None else dataset
        self.num_classes = self.dataset.num_classes
        self.num_source_domains = len(cfg.DATASET.get("SOURCE_DOMAINS", ()))
        self.lab2cname = self.dataset.lab2cname
        self.normalizer = Normalizer(mean, std)
        collate = Collate(self.normalizer if images == "float32" else None)
        self.train_loader_x = _train_loader(cfg, self.dataset.train_x, mean, collate)
        self.train_loader_u = None
        # val runs after each epoch and keeps its workers, test runs once
        self.val_loader = _test_loader(cfg, self.dataset.val, collate, keep_workers=True)
        self.test_loader = _test_loader(cfg, self.dataset.test, collate, keep_workers=False)

    def set_epoch(self, epoch: int) -> None:
        """Fix order and augmentations of the next training epoch; call it before each epoch."""
        self.train_loader_x.sampler.epoch = epoch
        self.train_loader_x.dataset.epoch.fill_(epoch)


class Loader(DataLoader):
    """DataLoader whose workers' user errors arrive as one line instead of a wrapped traceback."""

    def __iter__(self) -> Iterator[dict]:
        iterator = super().__iter__()
        try:
            yield from iterator
        except UserError as error:
            self._end_workers(iterator)
            raise UserError(str(error).rpartition("UserError: ")[2].strip()) from None

    def first_batch(self) -> dict:
        """Return the first batch of an epoch; the workers that loaded it are ended."""
        batches = iter(self)
        try:
            return next(batches)
        finally:
            batches.close()
            if self._iterator is not None:
                self._end_workers(self._iterator)

    def _end_workers(self, iterator: Iterator[dict]) -> None:
        """End the workers now; garbage collection after an error would take seconds."""
        if self.num_workers > 0:
            iterator._shutdown_workers()
            self._iterator = None


def _train_loader(
    cfg: CfgNode, records: Sequence[Record], mean: Sequence[float], collate: "Collate"
) -> Loader:
    """Return the training loader of this process's part of each batch."""
    node = cfg.DATALOADER.TRAIN_X
    check_batch_size(node.BATCH_SIZE, len(records), world_size())
    seed = int(torch.randint(2**62, (), generator=make_generator(cfg.SEED, LOADER_STREAM)))
    sampler = EpochSampler(
        len(records), batch_size=node.BATCH_SIZE, seed=seed, shuffle=SAMPLERS[node.SAMPLER]
    )
    return _loader(
        cfg,
        RecordDataset(records, build_train_transform(cfg, mean), seed=seed),
        collate,
        keep_workers=True,
        batch_size=node.BATCH_SIZE // world_size(),
        sampler=sampler,
    )


def _test_loader(
    cfg: CfgNode, records: Sequence[Record], collate: "Collate", *, keep_workers: bool
) -> Loader | None:
    """Return a loader of this process's share of the images, in order; None without images."""
    if not records:
        return None
    return _loader(
        cfg,
        RecordDataset(records, build_test_transform(cfg)),
        collate,
        keep_workers=keep_workers,
        batch_size=cfg.DATALOADER.TEST.BATCH_SIZE,
        # each image occurs once, so the counts of two processes may differ by one
        sampler=range(rank(), len(records), world_size()),
    )


def _loader(
    cfg: CfgNode,
    dataset: "RecordDataset",
    collate: "Collate",
    *,
    keep_workers: bool,
    **options: Any,
) -> Loader:
    """Return a loader with the settings that all loaders share."""
    node = cfg.DATALOADER
    workers = num_workers(node.NUM_WORKERS)
    return Loader(
        dataset,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=bool(node.PIN_MEMORY and cfg.USE_CUDA) and torch.cuda.is_available(),
        worker_init_fn=seed_worker,
        # a generator of its own keeps the loader from drawing from torch's global one
        generator=make_generator(cfg.SEED, LOADER_STREAM),
        persistent_workers=bool(node.PERSISTENT_WORKERS and keep_workers and workers),
        prefetch_factor=node.PREFETCH_FACTOR if workers else None,
        **options,
    )


def check_batch_size(batch_size: int, num_images: int, num_processes: int) -> None:
    """Check that the processes can share a batch evenly and that each has an image.

    Raises:
        UserError: they cannot; the message names batch sizes that fit.
    """
    if batch_size % num_processes:
        below = batch_size // num_processes * num_processes
        near = [str(size) for size in (below, below + num_processes) if size > 0]
        raise UserError(
            f"DATALOADER.TRAIN_X.BATCH_SIZE is {batch_size}, of all processes together; expected a "
            f"multiple of the {num_processes} processes, such as {' or '.join(near)}"
        )
    if num_images < num_processes:
        raise UserError(
            f"{num_images} training images for {num_processes} processes; expected at least one "
            "for each process"
        )


def num_workers(configured: int, num_cores: int | None = None) -> int:
    """Return the number of workers of each loader.

    Args:
        configured: the number, or -1 for the usable cores less one, none on one or two cores, and
            at most ``MAX_WORKERS``.
        num_cores: cores of the machine, which its processes share; None asks the system.
    """
    if configured >= 0:
        return configured
    cores = (num_cores or usable_cores()) // local_world_size()
    return 0 if cores <= 2 else min(MAX_WORKERS, cores - 1)


# Items and their order --------------------------------------------------------------------------

declare(
    "DATALOADER",
    Key(
        "NUM_WORKERS",
        4,
        "loader processes of each process; -1: its share of the usable cores less one, 16 at "
        "most, 0 on two",
        low=-1,
        may_change=True,
    ),
    Key("PREFETCH_FACTOR", 2, "batches that each worker holds ready", low=1, may_change=True),
    Key("PERSISTENT_WORKERS", True, "keep train and val workers between epochs", may_change=True),
    Key(
        "PIN_MEMORY",
        True,
        "page-locked batches, which a CUDA device copies while it computes",
        may_change=True,
    ),
)
declare(
    "DATALOADER.TRAIN_X",
    Key("SAMPLER", "RandomSampler", "order of training images", choices=SAMPLERS),
    Key("BATCH_SIZE", 32, "images per training step, of all processes together", low=1),
)
declare(
    "DATALOADER.TEST",
    Key(
        "SAMPLER",
        "SequentialSampler",
        "order of evaluation",
        choices=("SequentialSampler",),
        may_change=True,
    ),
    Key("BATCH_SIZE", 32, "images per evaluation step and process", low=1, may_change=True),
)


class RecordDataset(Dataset):
    """Decode and transform records.

    Args:
        records: the images of one split.
        transform: maps an opened, undecoded PIL image to uint8 ``(3, H, W)``.
        seed: derives the randomness of an item from (seed, epoch, index); None leaves it alone.

    Attributes:
        features: a data set of tuples of tensors; when set, items hold these instead of images.
        epoch: int64 (1,) in shared memory, so that persistent workers see it change.
    """

    def __init__(
        self, records: Sequence[Record], transform: Callable, *, seed: int | None = None
    ) -> None:
        self.records = records
        self.transform = transform
        self.seed = seed
        self.features: Dataset | None = None
        self.epoch = torch.zeros(1, dtype=torch.int64).share_memory_()

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> dict:
        record = self.records[index]
        item = {
            "label": record.label,
            "index": index,
            "domain": record.domain,
            "impath": record.impath,
        }
        if self.features is not None:
            return {"features": self.features[index], **item}
        return {"img": self._pixels(record, index), **item}

    def _pixels(self, record: Record, index: int) -> Tensor:
        """Return the transformed image, uint8 ``(3, H, W)``."""
        with open_image(record.impath, record.box) as image:
            if self.seed is None:
                return self.transform(image)
            with item_rng(self.seed, int(self.epoch), index):
                return self.transform(image)


class EpochSampler(Sampler):
    """Yield this process's part of each batch, in an order that depends on (seed, epoch) only.

    A last, smaller batch is dropped, unless it is the only one.

    Args:
        length: number of images.
        batch_size: of all processes together.
        seed: of the permutations.
        shuffle: draw a permutation per epoch; False keeps the order.
    """

    def __init__(self, length: int, *, batch_size: int, seed: int, shuffle: bool) -> None:
        self.batch_size = min(batch_size, length)
        self.length, self.seed, self.shuffle = length, seed, shuffle
        self.epoch = 0

    def __len__(self) -> int:
        return self.length // self.batch_size * len(self._part())

    def __iter__(self) -> Iterator[int]:
        order = torch.arange(self.length)
        if self.shuffle:
            generator = torch.Generator().manual_seed(derive_seed(self.seed, self.epoch))
            order = torch.randperm(self.length, generator=generator)
        num_batches = self.length // self.batch_size
        batches = order[: num_batches * self.batch_size].view(num_batches, self.batch_size)
        return iter(batches[:, self._part()].flatten().tolist())

    def _part(self) -> Tensor:
        """Return this process's positions within a batch."""
        return torch.arange(self.batch_size).tensor_split(world_size())[rank()]


class Collate:
    """Stack B items into a batch.

    ``img`` becomes ``(B, 3, H, W)``; ``features`` becomes a list of tensors ``(B, ...)``.

    Args:
        normalizer: makes the images float32; None leaves them uint8.
    """

    def __init__(self, normalizer: Normalizer | None = None) -> None:
        self.normalizer = normalizer

    def __call__(self, items: list[dict]) -> dict:
        return {
            **self._inputs(items),
            "label": torch.from_numpy(np.stack([item["label"] for item in items])),  # (B, C)
            "index": torch.tensor([item["index"] for item in items], dtype=torch.int64),  # (B,)
            "domain": torch.tensor([item["domain"] for item in items], dtype=torch.int64),  # (B,)
            "impath": [item["impath"] for item in items],
        }

    def _inputs(self, items: list[dict]) -> dict:
        if "img" not in items[0]:
            parts = zip(*(item["features"] for item in items), strict=True)
            return {"features": [torch.stack(part) for part in parts]}
        # default_collate writes straight into shared memory when it runs in a worker
        images = default_collate([item["img"] for item in items])  # (B, 3, H, W)
        if self.normalizer is not None:
            images = self.normalizer(images)
        return {"img": images}


# Randomness -------------------------------------------------------------------------------------


@contextmanager
def item_rng(seed: int, epoch: int, index: int) -> Iterator[None]:
    """Seed torch's CPU generator for one item and restore its state afterwards.

    Generators of other devices are not touched.
    """
    generator = torch.default_generator
    state = generator.get_state()
    generator.manual_seed(derive_seed(seed, epoch, index))
    try:
        yield
    finally:
        generator.set_state(state)
