"""Loaders: batches, determinism over workers and resume, unreadable images."""

import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from core.cpu import usable_cores
from core.errors import UserError
from datasets import DataManager, Record, build_dataset
from datasets.loading import num_workers

STATS = {"mean": (0.48, 0.46, 0.41), "std": (0.27, 0.26, 0.28)}


def epochs(cfg, *, workers: int, numbers: tuple[int, ...]) -> list[list[dict]]:
    cfg.DATALOADER.NUM_WORKERS = workers
    manager = DataManager(cfg, **STATS)
    result = []
    for number in numbers:
        manager.set_epoch(number)
        result.append(list(manager.train_loader_x))
    return result


def assert_same(left: list[dict], right: list[dict]) -> None:
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        assert a["impath"] == b["impath"]
        for key in ("img", "label", "index", "domain"):
            assert torch.equal(a[key], b[key])


def test_batches(cfg) -> None:
    manager = DataManager(cfg, **STATS)
    batch = next(iter(manager.train_loader_x))
    assert batch["img"].shape == (4, 3, 32, 32)
    assert batch["label"].shape == (4, 20)
    assert batch["img"].dtype == batch["label"].dtype == torch.float32
    assert batch["index"].dtype == batch["domain"].dtype == torch.int64
    records = manager.dataset.train_x
    assert batch["impath"] == [records[i].impath for i in batch["index"]]
    assert len(manager.train_loader_x) == 5  # 22 images, the last two dropped
    assert manager.train_loader_u is None
    assert manager.num_source_domains == 0
    assert manager.num_classes == 20
    assert torch.cat([b["index"] for b in manager.test_loader]).tolist() == list(range(7))


def test_workers_and_resume_do_not_change_the_batches(cfg) -> None:
    alone = epochs(cfg, workers=0, numbers=(0, 1))
    with_workers = epochs(cfg, workers=2, numbers=(0, 1))
    for left, right in zip(alone, with_workers, strict=True):
        assert_same(left, right)
    assert_same(alone[1], epochs(cfg, workers=0, numbers=(1,))[0])
    assert [b["impath"] for b in alone[0]] != [b["impath"] for b in alone[1]]


def test_seed_decides(cfg) -> None:
    (first,) = epochs(cfg, workers=0, numbers=(0,))
    random.seed(99), np.random.seed(99), torch.manual_seed(99)  # none of them matters
    assert_same(first, epochs(cfg, workers=0, numbers=(0,))[0])
    cfg.SEED = 2
    (other,) = epochs(cfg, workers=0, numbers=(0,))
    assert [b["impath"] for b in first] != [b["impath"] for b in other]
    cfg.SEED = -1
    one, two = (epochs(cfg, workers=0, numbers=(0,))[0] for _ in range(2))
    assert [b["impath"] for b in one] != [b["impath"] for b in two]


def test_augmentation_changes_with_the_epoch(cfg) -> None:
    cfg.DATALOADER.TRAIN_X.SAMPLER = "SequentialSampler"
    first, second = epochs(cfg, workers=0, numbers=(0, 1))
    assert first[0]["impath"] == second[0]["impath"]
    assert not torch.equal(first[0]["img"], second[0]["img"])


def test_loading_leaves_the_global_generator_alone(cfg) -> None:
    manager = DataManager(cfg, **STATS)
    state = torch.get_rng_state()
    list(manager.train_loader_x)
    assert torch.equal(state, torch.get_rng_state())


def test_small_train_split_is_kept(cfg) -> None:
    dataset = build_dataset(cfg)
    dataset.train_x = dataset.train_x[:3]
    assert len(DataManager(cfg, dataset=dataset, **STATS).train_loader_x) == 1


def test_an_empty_split_has_no_loader(cfg) -> None:
    dataset = build_dataset(cfg)
    dataset.val = []
    manager = DataManager(cfg, dataset=dataset, **STATS)
    assert manager.val_loader is None
    assert len(manager.test_loader) == 2


def test_workers_from_cores() -> None:
    assert [num_workers(-1, cores) for cores in (1, 2, 3, 4, 64)] == [0, 0, 2, 3, 16]
    assert num_workers(5, 1) == 5


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity masks")
def test_usable_cores_follow_the_affinity_mask() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert usable_cores() == len(before)


@pytest.mark.parametrize("workers", [0, 2])
def test_uint8_batches_normalised_afterwards_are_the_float_batches(cfg, workers: int) -> None:
    cfg.DATALOADER.NUM_WORKERS = workers
    raw, normalised = (DataManager(cfg, images=images, **STATS) for images in ("uint8", "float32"))
    for split in ("train_loader_x", "val_loader", "test_loader"):
        for left, right in zip(getattr(raw, split), getattr(normalised, split), strict=True):
            assert left["img"].dtype == torch.uint8 and right["img"].dtype == torch.float32
            assert torch.equal(raw.normalizer(left["img"]), right["img"])
            assert left["impath"] == right["impath"]


def test_loader_options(cfg) -> None:
    manager = DataManager(cfg, **STATS)
    assert not manager.train_loader_x.persistent_workers
    assert manager.train_loader_x.prefetch_factor is None
    cfg.DATALOADER.NUM_WORKERS = 2
    cfg.DATALOADER.PREFETCH_FACTOR = 5
    cfg.DATALOADER.PIN_MEMORY = True
    manager = DataManager(cfg, **STATS)
    loaders = manager.train_loader_x, manager.val_loader, manager.test_loader
    assert [loader.persistent_workers for loader in loaders] == [True, True, False]
    assert {loader.prefetch_factor for loader in loaders} == {5}
    assert {loader.pin_memory for loader in loaders} == {False}  # USE_CUDA is False
    cfg.DATALOADER.PERSISTENT_WORKERS = False
    assert not DataManager(cfg, **STATS).train_loader_x.persistent_workers


def test_persistent_val_workers_give_the_same_batches_twice(cfg) -> None:
    cfg.DATALOADER.NUM_WORKERS = 2
    loader = DataManager(cfg, **STATS).val_loader
    first, second = list(loader), list(loader)
    assert_same(first, second)
    loader._iterator._shutdown_workers()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("damage", ["truncated", "garbage", "gone"])
def test_unreadable_image_is_one_line(cfg, tmp_path: Path, workers: int, damage: str) -> None:
    cfg.DATALOADER.NUM_WORKERS = workers
    dataset = build_dataset(cfg)
    good = Path(dataset.val[2].impath).read_bytes()
    bad = tmp_path / "bad.jpg"
    if damage != "gone":
        bad.write_bytes(good[: len(good) // 2] if damage == "truncated" else b"no image")
    dataset.val[2] = Record(str(bad), dataset.val[2].label)
    with pytest.raises(UserError) as caught:
        list(DataManager(cfg, dataset=dataset, **STATS).val_loader)
    message = str(caught.value)
    assert message.startswith(f"cannot read image {bad}: ")
    assert "\n" not in message and "Traceback" not in message
