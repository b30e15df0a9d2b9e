"""Duplicates: the search against all pairs; copies are found, different images are not."""

import numpy as np
import pytest
from PIL import Image

from datasets.checks.duplicates import (
    MAX_DISTANCE,
    candidate_pairs,
    describe,
    exact_groups,
    hamming,
    near_pairs,
    transform,
)
from datasets.checks.pictures import SIDE
from tests.datasets.checks.pictures import brighter, sky, textured


def thumbnails(images: list[Image.Image]) -> np.ndarray:
    small = [image.convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR) for image in images]
    return np.stack([np.asarray(image) for image in small])


def flipped(value: int, bits: list[int]) -> int:
    for bit in bits:
        value ^= 1 << bit
    return value


@pytest.mark.parametrize("seed", range(3))
def test_the_search_finds_exactly_the_close_pairs_of_all_pairs(seed: int):
    rng = np.random.default_rng(seed)
    hashes = [int(value) for value in rng.integers(0, 1 << 62, 150)]
    for distance in range(12):  # one near copy of a hash at each distance, spread over the bands
        bits = rng.choice(64, size=distance, replace=False).tolist()
        hashes.append(flipped(hashes[distance], bits))
    found = candidate_pairs(np.array(hashes, dtype=np.uint64))
    expected = []
    for i, first in enumerate(hashes):
        for j in range(i + 1, len(hashes)):
            if bin(first ^ hashes[j]).count("1") <= MAX_DISTANCE:
                expected.append([i, j])
    assert len(expected) >= MAX_DISTANCE + 1
    assert found.tolist() == expected


def test_the_search_of_many_equal_hashes_goes_in_parts(monkeypatch):
    monkeypatch.setattr("datasets.checks.duplicates.CANDIDATES", 16)
    assert len(candidate_pairs(np.zeros(40, dtype=np.uint64))) == 40 * 39 // 2


@pytest.mark.parametrize("count", [0, 1])
def test_one_hash_or_none_has_no_pair(count: int):
    assert candidate_pairs(np.zeros(count, dtype=np.uint64)).shape == (0, 2)
    assert near_pairs(np.zeros((count, SIDE, SIDE), dtype=np.uint8)) == []


def test_the_distance_is_the_number_of_different_bits():
    values = np.array([0, 1, (1 << 64) - 1], dtype=np.uint64)
    assert hamming(values, np.zeros(3, dtype=np.uint64)).tolist() == [0, 1, 64]


def test_the_transform_keeps_the_energy_and_has_the_mean_first():
    thumbs = thumbnails([textured(0)]).astype(np.float64)
    coefficients = transform(thumbs)
    assert (coefficients**2).sum() == pytest.approx((thumbs**2).sum(), rel=1e-5)
    assert coefficients[0, 0, 0] / SIDE == pytest.approx(thumbs.mean(), rel=1e-5)


def test_resized_and_brighter_copies_are_near_and_other_pictures_are_not():
    originals = [textured(seed) for seed in range(40)]
    halves = [image.resize((60, 45), Image.Resampling.BICUBIC) for image in originals[:10]]
    bright = [brighter(image) for image in originals[10:20]]
    pairs = near_pairs(thumbnails([*originals, *halves, *bright]))
    assert [(pair.first, pair.second) for pair in pairs] == [(i, 40 + i) for i in range(20)]


def test_plain_skies_are_no_duplicates_of_each_other():
    skies = thumbnails([sky(seed) for seed in range(60)])
    assert near_pairs(skies) == []


def test_images_of_the_same_coarse_structure_are_no_duplicates():
    # The same horizon under the same sun: the hashes agree, the fine structure does not.
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    coarse = 80 + 90 * (y > 16) + 60 * np.exp(-((x - 8) ** 2 + (y - 8) ** 2) / 30)
    rng = np.random.default_rng(0)
    fine = rng.normal(0, 6, (12, SIDE, SIDE))
    thumbs = (coarse + fine).clip(0, 255).astype(np.uint8)
    hashes, _ = describe(thumbs)
    assert near_pairs(thumbs) == []
    assert near_pairs(np.concatenate([thumbs[:1], thumbs[:1]]))[0].correlation == pytest.approx(1)
    assert len(hashes) == 12


def test_exact_groups_tell_copies_of_files_from_equal_pixels():
    groups = exact_groups([b"p", b"q", b"p", b"q", b"r"], [b"1", b"2", b"1", b"3", b"4"])
    assert [(group.members, group.same_bytes) for group in groups] == [
        ([0, 2], True),
        ([1, 3], False),
    ]
