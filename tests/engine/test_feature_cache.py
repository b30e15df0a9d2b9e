"""Feature cache: equal features when read, new entries after changes, errors for bad files."""

import errno
import os
import shutil

import numpy as np
import pytest
import torch

from core.errors import UserError
from engine import feature_cache
from engine.feature_cache import cache_key, make_root, open_cache


def features(num=5, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(num, 3, 2, 2, generator=generator).to(dtype)
    return maps, torch.randn(num, 4, generator=generator).to(dtype)


def batches(pair, size=2):
    return lambda: zip(pair[0].split(size), pair[1].split(size), strict=True)


def never():
    raise AssertionError("the entry was not found")


@pytest.fixture
def key(tmp_path):
    (tmp_path / "c").mkdir()
    files = [tmp_path / f"{i}.jpg" for i in range(5)]
    for file in files:
        file.write_bytes(b"x")
    return cache_key([str(file) for file in files], weights="w", size=[32, 32])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_returns_what_was_written_and_writes_once(tmp_path, key, dtype):
    pair = features(dtype=dtype)
    open_cache(tmp_path / "c", key, 5, batches(pair))
    cache = open_cache(tmp_path / "c", key, 5, never)
    assert len(cache) == 5
    for i in range(5):
        for got, want in zip(cache[i], pair, strict=True):
            assert got.dtype == dtype
            assert torch.equal(got, want[i])


def test_another_weight_or_file_is_another_entry(tmp_path, key):
    first = open_cache(tmp_path / "c", key, 5, batches(features()))
    other = open_cache(tmp_path / "c", key | {"weights": "v"}, 5, batches(features()))
    assert first.folder != other.folder


def test_key_changes_with_a_file(tmp_path, key):
    (tmp_path / "3.jpg").write_bytes(b"other")
    again = cache_key([str(tmp_path / f"{i}.jpg") for i in range(5)], weights="w", size=[32, 32])
    assert again["files"] != key["files"]


def test_a_flipped_bit_is_found(tmp_path, key):
    folder = open_cache(tmp_path / "c", key, 5, batches(features())).folder
    array = np.load(folder / "feature-0.npy", mmap_mode="r+")
    array[3, 0, 0, 0] += 1
    array.flush()
    cache = open_cache(tmp_path / "c", key, 5, never)
    assert len(cache[2]) == 2
    with pytest.raises(UserError, match=r"damaged \(image 3\)"):
        cache[3]


def test_refuses_when_the_disk_is_too_small(tmp_path, key, monkeypatch):
    usage = feature_cache.shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr(feature_cache.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(UserError, match=r"needs .* GB, but .* has"):
        open_cache(tmp_path / "c", key, 5, batches(features()))
    assert not list((tmp_path / "c").iterdir())


def test_a_disk_that_others_fill_meanwhile_is_one_line(tmp_path, key, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(feature_cache.os, "posix_fallocate", full, raising=False)
    with pytest.raises(UserError, match=r"cannot write the feature cache .*: No space left"):
        open_cache(tmp_path / "c", key, 5, batches(features()))
    assert not list((tmp_path / "c").iterdir())


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "sub"):
        with pytest.raises(
            UserError, match=r"TRAIN\.FEATURE_CACHE is .*, a folder that cannot be created"
        ):
            make_root(str(path))


def test_what_a_killed_run_left_is_removed_when_it_is_old(tmp_path, key):
    folder = open_cache(tmp_path / "c", key, 5, batches(features())).folder
    shutil.rmtree(folder)
    old, new = (tmp_path / "c" / f"{folder.name}.{name}.part" for name in ("old", "new"))
    for part in (old, new):
        part.mkdir()
        (part / "feature-0.npy").write_bytes(b"x")
    for path in (old / "feature-0.npy", old):
        os.utime(path, (0, 0))
    open_cache(tmp_path / "c", key, 5, batches(features()))
    assert new.is_dir() and not old.exists()


@pytest.mark.parametrize("name", ["crc32.npy", "feature-0.npy"])
def test_an_empty_file_is_damage(tmp_path, key, name):
    folder = open_cache(tmp_path / "c", key, 5, batches(features())).folder
    (folder / name).write_bytes(b"")
    with pytest.raises(UserError, match="damaged"):
        open_cache(tmp_path / "c", key, 5, never)


def test_a_run_that_dies_leaves_no_entry(tmp_path, key):
    def dies():
        yield next(batches(features())())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_cache(tmp_path / "c", key, 5, dies)
    assert not list((tmp_path / "c").iterdir())
