"""From records to batches.

What a training image looks like depends on (seed, epoch, index) alone, and so does the order of the images: the number
of workers does not matter, and a run that resumes at epoch N sees the batches of an uninterrupted one. Of several
processes each takes its part of every batch of the one-process run, and of the images of an evaluation.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate
from yacs.config import CfgNode

from core.cpu import usable_cores
from core.distributed import local_world_size, rank, world_size
from core.errors import UserError, not_accepted
from core.seed import derive_seed, make_generator, seed_worker
from datasets.base import IntentDataset, Record
from datasets.build import build_dataset
from datasets.images import open_image
from datasets.normalizer import Normalizer
from datasets.transforms import build_test_transform, build_train_transform

SAMPLERS = ("RandomSampler", "SequentialSampler")
IMAGE_FORMS = ("float32", "uint8")
LOADER_STREAM = 1  # of core.seed.make_generator


class RecordDataset(Dataset):
    """Decode and transform records; with a ``seed``, each item's randomness derives from (seed, epoch, index).

    ``transform`` gets an opened, not yet decoded PIL image and returns uint8 (3, H, W); it decides how much to decode.
    With ``features``, a data set of tuples of tensors, an item has those instead of its image.
    """

    def __init__(
        self, records: Sequence[Record], transform: Callable, *, seed: int | None = None
    ) -> None:
        self.records = records
        self.transform = transform
        self.seed = seed
        self.features: Dataset | None = None
        self.epoch = torch.zeros(
            1, dtype=torch.int64
        ).share_memory_()  # persistent workers see it change

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> dict:
        record = self.records[index]
        known = {
            "label": record.label,
            "index": index,
            "domain": record.domain,
            "impath": record.impath,
        }
        if self.features is not None:
            return {"features": self.features[index], **known}
        with open_image(record.impath) as image:
            if self.seed is None:
                pixels = self.transform(image)  # (3, H, W)
            else:
                with item_rng(self.seed, int(self.epoch), index):
                    pixels = self.transform(image)  # (3, H, W)
        return {"img": pixels, **known}


class EpochSampler(Sampler):
    """A permutation that depends on (seed, epoch) only, or the plain order; of it, this process's part of each batch.

    ``batch_size`` is that of all processes together. A last, smaller batch is dropped when there is a full one.
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
        num_full = self.length // self.batch_size * self.batch_size
        return iter(order[:num_full].view(-1, self.batch_size)[:, self._part()].flatten().tolist())

    def _part(self) -> Tensor:
        """Return the places within a batch that are this process's."""
        return torch.arange(self.batch_size).tensor_split(world_size())[rank()]


class Loader(DataLoader):
    """DataLoader whose workers' user errors arrive as one line instead of a wrapped traceback."""

    def __iter__(self) -> Iterator[dict]:
        iterator = super().__iter__()
        try:
            yield from iterator
        except UserError as error:
            self._end_workers(iterator)
            raise UserError(str(error).rpartition("UserError: ")[2].strip()) from None

    def _end_workers(self, iterator: Iterator[dict]) -> None:
        """End the workers at once: left to garbage collection after an error, they take seconds to go."""
        if self.num_workers > 0:
            iterator._shutdown_workers()
            self._iterator = None


class DataManager:
    """The data set and its loaders, with Dassl's attribute names.

    A batch is ``{"img": (B, 3, H, W), "label": (B, C) float32, "index": (B,) int64, "domain": (B,) int64, "impath":
    list of B paths}``; ``index`` counts within the split. ``mean`` and ``std`` are the backbone's; ``normalizer``
    applies them. ``images`` says what ``img`` is: ``float32``, normalised, as Dassl's trainers expect it, or ``uint8``
    pixels for a caller who applies ``normalizer`` on the device (equal numbers, a quarter of the bytes).
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
        for split in ("train_x", "val", "test"):
            if not getattr(self.dataset, split):
                raise UserError(
                    f"data set {cfg.DATASET.NAME}: split {split} has no images; it needs at least one"
                )
        self.num_classes = self.dataset.num_classes
        self.num_source_domains = len(cfg.DATASET.get("SOURCE_DOMAINS", ()))
        self.lab2cname = self.dataset.lab2cname
        self.normalizer = Normalizer(mean, std)
        collate = Collate(self.normalizer if images == "float32" else None)
        self.train_loader_x = _train_loader(
            cfg, self.dataset.train_x, build_train_transform(cfg, mean), collate
        )
        self.train_loader_u = None
        transform = build_test_transform(cfg)
        self.val_loader = _test_loader(
            cfg, self.dataset.val, transform, collate, keep_workers=True
        )  # after each epoch
        self.test_loader = _test_loader(
            cfg, self.dataset.test, transform, collate, keep_workers=False
        )  # once

    def set_epoch(self, epoch: int) -> None:
        """Fix the order and the augmentations of the next pass over the training images; call before each epoch."""
        self.train_loader_x.sampler.epoch = epoch
        self.train_loader_x.dataset.epoch.fill_(epoch)


def check_batch_size(batch_size: int, num_images: int, num_processes: int) -> None:
    """Raise :class:`UserError` if a batch cannot be shared evenly, or there are fewer images than processes."""
    if batch_size % num_processes:
        below = batch_size // num_processes * num_processes
        near = [str(size) for size in (below, below + num_processes) if size > 0]
        raise UserError(
            f"DATALOADER.TRAIN_X.BATCH_SIZE is {batch_size}, of all processes together; expected a multiple of the "
            f"{num_processes} processes, such as {' or '.join(near)}"
        )
    if num_images < num_processes:
        raise UserError(
            f"{num_images} training images for {num_processes} processes; expected one for each at least"
        )


@contextmanager
def item_rng(seed: int, epoch: int, index: int) -> Iterator[None]:
    """Seed torch's CPU generator for one item and put it back afterwards (the device generators stay untouched)."""
    generator = torch.default_generator
    state = generator.get_state()
    generator.manual_seed(derive_seed(seed, epoch, index))
    try:
        yield
    finally:
        generator.set_state(state)


class Collate:
    """Stack B items into a batch: of ``img`` ``(B, 3, H, W)``, or of ``features``, a list of ``(B, ...)``.

    With a ``normalizer`` the images are float32, else what the items hold (uint8).
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
        images = default_collate(
            [item["img"] for item in items]
        )  # in a worker, straight into shared memory
        return {
            "img": images if self.normalizer is None else self.normalizer(images)
        }  # (B, 3, H, W)


def num_workers(configured: int, num_cores: int | None = None) -> int:
    """Return the configured number of workers; -1: the usable cores less one, none on one or two, at most sixteen.

    Sixteen workers outrun one GPU (docs/performance.md); more would only hold memory. The processes of a machine share
    its cores.
    """
    if configured >= 0:
        return configured
    cores = (num_cores or usable_cores()) // local_world_size()
    return 0 if cores <= 2 else min(16, cores - 1)


def _loader(
    cfg: CfgNode, dataset: RecordDataset, collate: Collate, *, keep_workers: bool, **options: Any
) -> Loader:
    """Return a loader with what all loaders share; ``keep_workers``: it runs once per epoch."""
    node, workers = cfg.DATALOADER, num_workers(cfg.DATALOADER.NUM_WORKERS)
    return Loader(
        dataset,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=bool(node.PIN_MEMORY and cfg.USE_CUDA) and torch.cuda.is_available(),
        worker_init_fn=seed_worker,
        generator=make_generator(
            cfg.SEED, LOADER_STREAM
        ),  # keeps the loader off the global generator
        persistent_workers=bool(node.PERSISTENT_WORKERS and keep_workers and workers),
        prefetch_factor=node.PREFETCH_FACTOR if workers else None,
        **options,
    )


def _train_loader(
    cfg: CfgNode, records: Sequence[Record], transform: Callable, collate: Collate
) -> Loader:
    """Return the training loader of this process's part of each batch."""
    node = cfg.DATALOADER.TRAIN_X
    if node.SAMPLER not in SAMPLERS:
        raise UserError(not_accepted("DATALOADER.TRAIN_X.SAMPLER", node.SAMPLER, SAMPLERS))
    check_batch_size(node.BATCH_SIZE, len(records), world_size())
    seed = int(torch.randint(2**62, (), generator=make_generator(cfg.SEED, LOADER_STREAM)))
    shuffle = node.SAMPLER == "RandomSampler"
    return _loader(
        cfg,
        RecordDataset(records, transform, seed=seed),
        collate,
        keep_workers=True,
        batch_size=node.BATCH_SIZE // world_size(),
        sampler=EpochSampler(len(records), batch_size=node.BATCH_SIZE, seed=seed, shuffle=shuffle),
    )


def _test_loader(
    cfg: CfgNode,
    records: Sequence[Record],
    transform: Callable,
    collate: Collate,
    *,
    keep_workers: bool,
) -> Loader:
    """Return a loader of this process's images, in order; ``index`` says which of the split's they are."""
    return _loader(
        cfg,
        RecordDataset(records, transform),
        collate,
        keep_workers=keep_workers,
        batch_size=cfg.DATALOADER.TEST.BATCH_SIZE,
        sampler=range(
            rank(), len(records), world_size()
        ),  # no image twice: the counts may differ by one
    )
