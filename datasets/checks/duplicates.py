"""Duplicate images: exact ones by digest, near ones by a perceptual hash and their thumbnails.

Near duplicates are found in two steps. Candidates are all pairs whose 64-bit hashes (signs of DCT
coefficients, Zauner 2010) differ in at most ``MAX_DISTANCE`` bits; multi-index hashing (Norouzi et
al., CVPR 2012) finds them without comparing all pairs. A candidate counts where the thumbnails
agree, too: as a whole and in their fine structure. Plain images such as skies agree in the coarse
structure only. Copies that are re-encoded, resized or made brighter are found, mirrored and cropped
ones are not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from datasets.checks.pictures import SIDE

BANDS, BAND_BITS = 4, 16  # of the hash
# Of 7 different bits in 4 bands, one band has at most 1: the search of that neighbourhood is exact.
MAX_DISTANCE = 7
COARSE = 4  # a coefficient (u, v) with u + v below it is coarse structure
MIN_CORRELATION = 0.9  # of the thumbnails
MIN_FINE_CORRELATION = 0.85  # of their fine structure
MIN_FINE = 0.8  # grey levels of fine structure (standard deviation) that can be compared
BLOCK = 2048  # thumbnails or pairs that are transformed at a time
CANDIDATES = 1 << 18  # pairs that are compared at a time

_POPCOUNT = np.array([bin(value).count("1") for value in range(1 << 16)], dtype=np.uint8)


@dataclass(frozen=True)
class ExactGroup:
    """Files with the same pixels.

    Attributes:
        members: indices of two or more files.
        same_bytes: True if the files are copies, byte for byte.
    """

    members: list[int]
    same_bytes: bool


@dataclass(frozen=True)
class NearPair:
    """Two files with nearly the same pixels.

    Attributes:
        first: index of a file.
        second: index of a file.
        distance: bits in which the hashes differ.
        correlation: correlation of the thumbnails.
    """

    first: int
    second: int
    distance: int
    correlation: float


def exact_groups(pixel_digests: Sequence[bytes], file_digests: Sequence[bytes]) -> list[ExactGroup]:
    """Return the groups of equal images in the order of their first members.

    Args:
        pixel_digests: U digests of the decoded pixels.
        file_digests: U digests of the files.
    """
    by_pixels: dict[bytes, list[int]] = {}
    for i, digest in enumerate(pixel_digests):
        by_pixels.setdefault(digest, []).append(i)
    groups = []
    for members in by_pixels.values():
        if len(members) > 1:
            files = {file_digests[i] for i in members}
            groups.append(ExactGroup(members, same_bytes=len(files) == 1))
    return groups


def near_pairs(thumbnails: np.ndarray) -> list[NearPair]:
    """Return all pairs of nearly equal images, sorted by their indices.

    Args:
        thumbnails: uint8 (U, 32, 32); give each of several equal images once.
    """
    hashes, fine = describe(thumbnails)
    comparable = np.flatnonzero(fine >= MIN_FINE)
    hashes = hashes[comparable]
    candidates = candidate_pairs(hashes)
    distances = hamming(hashes[candidates[:, 0]], hashes[candidates[:, 1]])
    files = comparable[candidates]  # (P, 2) indices of the thumbnails
    pairs = []
    for start in range(0, len(files), BLOCK):
        block = files[start : start + BLOCK]
        whole, detail = correlations(thumbnails[block[:, 0]], thumbnails[block[:, 1]])
        is_near = (whole >= MIN_CORRELATION) & (detail >= MIN_FINE_CORRELATION)
        for row in np.flatnonzero(is_near).tolist():
            first, second = block[row].tolist()
            distance = int(distances[start + row])
            pairs.append(NearPair(first, second, distance, float(whole[row])))
    return pairs


# Hashes -------------------------------------------------------------------------------------------


def describe(thumbnails: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the perceptual hashes and the strength of the fine structure.

    A bit of a hash says whether one of the 64 coarsest coefficients (without the mean) is above the
    median of the 64.

    Args:
        thumbnails: uint8 (U, 32, 32).

    Returns:
        uint64 (U,), and float64 (U,) in grey levels.
    """
    hashes = np.zeros(len(thumbnails), dtype=np.uint64)
    fine = np.zeros(len(thumbnails))
    for start in range(0, len(thumbnails), BLOCK):
        stop = start + BLOCK
        coefficients = transform(thumbnails[start:stop])
        chosen = coefficients[:, _HASHED[0], _HASHED[1]]  # (B, 64)
        bits = chosen > np.median(chosen, axis=1, keepdims=True)
        packed = np.ascontiguousarray(np.packbits(bits, axis=1))  # uint8 (B, 8)
        hashes[start:stop] = packed.view(np.uint64)[:, 0]
        fine[start:stop] = np.sqrt((coefficients[:, _FINE] ** 2).sum(axis=1)) / SIDE
    return hashes, fine


def transform(thumbnails: np.ndarray) -> np.ndarray:
    """Return the orthonormal DCT-II of thumbnails (B, 32, 32) as float32 (B, 32, 32)."""
    return _DCT @ thumbnails.astype(np.float32) @ _DCT.T


def correlations(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the correlations (P,) of thumbnails (P, 32, 32): of the whole, and of the fine part.

    Brightness and contrast do not count.
    """
    a, b = transform(first), transform(second)
    return _cosine(a[:, _VARYING], b[:, _VARYING]), _cosine(a[:, _FINE], b[:, _FINE])


def _cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    norm = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return (a * b).sum(axis=1) / np.maximum(norm, 1e-6)


def _dct_matrix() -> np.ndarray:
    frequency, place = np.mgrid[0:SIDE, 0:SIDE]
    matrix = np.cos(np.pi * (2 * place + 1) * frequency / (2 * SIDE)) * np.sqrt(2 / SIDE)
    matrix[0] /= np.sqrt(2)
    return matrix.astype(np.float32)


def _coarsest(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of the ``count`` coarsest coefficients without the mean."""
    rows, columns = np.indices((SIDE, SIDE)).reshape(2, -1)
    order = np.lexsort((rows, rows + columns))[1 : count + 1]
    return rows[order], columns[order]


_DCT = _dct_matrix()
_HASHED = _coarsest(BANDS * BAND_BITS)
_ORDER = np.add.outer(np.arange(SIDE), np.arange(SIDE))  # u + v of each coefficient
_FINE = _ORDER >= COARSE
_VARYING = _ORDER > 0


# Candidates ---------------------------------------------------------------------------------------


def candidate_pairs(hashes: np.ndarray) -> np.ndarray:
    """Return all pairs of hashes that differ in at most ``MAX_DISTANCE`` bits.

    The time grows with the pairs that nearly share a band of the hash, not with all pairs: of
    100,000 images with random hashes these are some ten million.

    Args:
        hashes: uint64 (U,).

    Returns:
        int64 (P, 2), sorted, the smaller index first.
    """
    count = len(hashes)
    found = [np.zeros(0, dtype=np.int64)]
    flips = [0] + [1 << bit for bit in range(BAND_BITS)]
    for band in hashes.view(np.uint16).reshape(count, BANDS).T:
        order = np.argsort(band, kind="stable")
        for flip in flips:
            wanted = band ^ np.uint16(flip)
            for first, second in _matches(wanted, band, order):
                is_close = hamming(hashes[first], hashes[second]) <= MAX_DISTANCE
                found.append(first[is_close] * count + second[is_close])
    codes = np.unique(np.concatenate(found))
    return np.stack([codes // max(count, 1), codes % max(count, 1)], axis=1)


def _matches(
    wanted: np.ndarray, keys: np.ndarray, order: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield indices i < j with ``wanted[i] == keys[j]``, about ``CANDIDATES`` pairs at a time.

    Args:
        wanted: (U,).
        keys: (U,).
        order: (U,), indices that sort ``keys``.
    """
    ordered = keys[order]
    starts = np.searchsorted(ordered, wanted, side="left")
    sizes = np.searchsorted(ordered, wanted, side="right") - starts
    totals = np.cumsum(sizes)
    start = 0
    while start < len(wanted):
        before = totals[start - 1] if start else 0
        stop = max(int(np.searchsorted(totals, before + CANDIDATES, side="right")), start + 1)
        block = sizes[start:stop]
        first = np.repeat(np.arange(start, stop), block)
        place = np.arange(len(first)) - np.repeat(np.cumsum(block) - block, block)
        second = order[np.repeat(starts[start:stop], block) + place]
        kept = first < second
        yield first[kept], second[kept]
        start = stop


def hamming(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return in how many bits the hashes uint64 (P,) differ, int (P,)."""
    words = (first ^ second).view(np.uint16).reshape(-1, BANDS)
    return _POPCOUNT[words].sum(axis=1, dtype=np.int64)
