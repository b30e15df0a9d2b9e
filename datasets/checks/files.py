"""Faults of the image files of all splits, and images that several files show."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from datasets.checks.duplicates import ExactGroup, exact_groups, near_pairs
from datasets.checks.pictures import SIDE, Picture

MIN_SIDE = 64  # shorter side in pixels below which an image is called tiny


class Place(NamedTuple):
    """An image of a split; ``path`` is its file."""

    split: str
    image: str
    path: str

    def __str__(self) -> str:
        return f"{self.split}: {self.image}"


@dataclass(frozen=True)
class Duplicate:
    """Images that show the same.

    Attributes:
        kind: ``file`` (same bytes), ``pixels`` (same pixels in other files), or ``near``.
        places: the images; two for ``near``, whose files may have exact copies of their own.
        distance: bits in which the hashes of near duplicates differ.
        correlation: correlation of the thumbnails of near duplicates.
    """

    kind: str
    places: list[Place]
    distance: int = 0
    correlation: float = 1.0

    @property
    def is_across(self) -> bool:
        """True if the images are in more than one split."""
        return len({place.split for place in self.places}) > 1

    def __str__(self) -> str:
        return " = ".join(map(str, self.places))


@dataclass(frozen=True, eq=False)
class FileCheck:
    """Faults of U image files.

    Attributes:
        num_files: U.
        sizes: int (R, 2), width and height of the R readable files in pixels.
        missing: images without a file.
        unreadable: images whose file does not decode, with the reason.
        tiny: images whose shorter side is below the least one, with their size.
        min_side: the least shorter side in pixels.
        exact: groups of images with the same pixels, in different files.
        near: pairs of images with nearly the same pixels.
    """

    num_files: int
    sizes: np.ndarray
    missing: list[Place]
    unreadable: list[tuple[Place, str]]
    tiny: list[tuple[Place, tuple[int, int]]]
    min_side: int
    exact: list[Duplicate]
    near: list[Duplicate]

    @property
    def duplicates(self) -> list[Duplicate]:
        """All duplicates, the exact ones first."""
        return [*self.exact, *self.near]


def check_files(
    places: Mapping[str, Mapping[str, str]],
    pictures: Iterable[Picture],
    *,
    min_side: int = MIN_SIDE,
) -> FileCheck:
    """Collect faults and duplicates.

    Args:
        places: path of each file -> ``{split: image name}``.
        pictures: results of reading these files, from
            :func:`datasets.checks.pictures.read_pictures`.
        min_side: shorter side in pixels below which an image is tiny.
    """
    missing, unreadable, tiny = [], [], []
    readable: list[Picture] = []
    thumbnails = bytearray()
    for picture in pictures:
        place = _places(places, picture.path)[0]
        if picture.is_missing:
            missing.append(place)
        elif picture.fault:
            unreadable.append((place, picture.fault))
        else:
            thumbnails += picture.thumbnail
            # The pixels of 100,000 thumbnails are kept once, in one array.
            readable.append(_without_thumbnail(picture))
            if min(picture.size) < min_side:
                tiny.append((place, picture.size))
    pixels = np.frombuffer(thumbnails, dtype=np.uint8).reshape(-1, SIDE, SIDE)
    sizes = [picture.size for picture in readable]
    exact, near = find_duplicates(readable, pixels, places)
    return FileCheck(
        num_files=len(missing) + len(unreadable) + len(readable),
        sizes=np.array(sizes, dtype=np.int64).reshape(-1, 2),
        missing=missing,
        unreadable=unreadable,
        tiny=tiny,
        min_side=min_side,
        exact=exact,
        near=near,
    )


def find_duplicates(
    pictures: Sequence[Picture],
    thumbnails: np.ndarray,
    places: Mapping[str, Mapping[str, str]],
) -> tuple[list[Duplicate], list[Duplicate]]:
    """Return the exact and the near duplicates.

    Args:
        pictures: R readable files.
        thumbnails: uint8 (R, 32, 32).
        places: path -> ``{split: image name}``.
    """
    groups = exact_groups([p.pixel_digest for p in pictures], [p.file_digest for p in pictures])
    exact = [_exact(group, pictures, places) for group in groups]
    members, copies = {}, set()
    for group in groups:
        members[group.members[0]] = group.members
        copies.update(group.members[1:])
    # Equal images are compared with others once, through the first of them.
    kept = [i for i in range(len(pictures)) if i not in copies]
    near = []
    for pair in near_pairs(thumbnails[kept]):
        first, second = kept[pair.first], kept[pair.second]
        shown = _pick(
            _all_places(members.get(first, [first]), pictures, places),
            _all_places(members.get(second, [second]), pictures, places),
        )
        near.append(Duplicate("near", shown, pair.distance, pair.correlation))
    return exact, near


def _exact(
    group: ExactGroup, pictures: Sequence[Picture], places: Mapping[str, Mapping[str, str]]
) -> Duplicate:
    kind = "file" if group.same_bytes else "pixels"
    return Duplicate(kind, _all_places(group.members, pictures, places))


def _all_places(
    files: Sequence[int], pictures: Sequence[Picture], places: Mapping[str, Mapping[str, str]]
) -> list[Place]:
    """Return the places of several files, given by their indices."""
    found = []
    for i in files:
        found += _places(places, pictures[i].path)
    return found


def _pick(first: list[Place], second: list[Place]) -> list[Place]:
    """Return an image of either side, of different splits if there are such images."""
    for a in first:
        for b in second:
            if a.split != b.split:
                return [a, b]
    return [first[0], second[0]]


def _places(places: Mapping[str, Mapping[str, str]], path: str) -> list[Place]:
    return [Place(split, image, path) for split, image in places[path].items()]


def _without_thumbnail(picture: Picture) -> Picture:
    return Picture(
        path=picture.path,
        size=picture.size,
        file_digest=picture.file_digest,
        pixel_digest=picture.pixel_digest,
    )
