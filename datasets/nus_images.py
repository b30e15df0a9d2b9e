"""Find the images of NUS-WIDE, and drop those that are gone.

Many pictures are no longer at Flickr. Downloads then have no file, an empty one, or one picture
that says so ("This photo is no longer available").
"""

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

FOLDERS = (
    "Flickr",
    "images",
    "images/Flickr",
    "Flickr/Flickr",
    "NUS-WIDE/Flickr",
    "NUS-WIDE/images",
)
SMALLEST = 4000  # bytes; a file that is not larger is no photo
REPEATS = 10  # images with one and the same content, which is then a placeholder


def image_folder(root: Path, files: Sequence[str]) -> str:
    """Return the folder below ``root`` that has the images, empty for ``root`` itself.

    Args:
        root: folder of the data set.
        files: paths of the images below the wanted folder; the first ones are looked for.
    """
    tops = list(dict.fromkeys(files[:: max(len(files) // 20, 1)]))
    for folder in ("", *FOLDERS):
        for name in tops:
            if (root / folder / name).is_file():
                return folder
    return FOLDERS[0]


def find_unusable(root: Path, names: Sequence[str], *, placeholders: bool) -> dict[str, str]:
    """Return the images to drop, name -> reason.

    Args:
        root: folder of the data set.
        names: paths below ``root``, with ``/``.
        placeholders: drop files of up to 4,000 bytes, and files whose content is that of at least
            ten images.
    """
    sizes = _sizes(root, names)
    unusable = {}
    for name in names:
        if name not in sizes:
            unusable[name] = "missing"
        elif placeholders and sizes[name] <= SMALLEST:
            unusable[name] = "too small"
    if placeholders:
        for name in _repeated(root, sizes, unusable):
            unusable[name] = "placeholder"
    return unusable


def _sizes(root: Path, names: Sequence[str]) -> dict[str, int]:
    """Return the size in bytes of each image that exists, with one listing per folder."""
    listings: dict[str, dict[str, int]] = {}
    sizes = {}
    for name in names:
        folder, base = os.path.split(name)
        if folder not in listings:
            listings[folder] = _list_sizes(os.path.join(root, folder))
        if base in listings[folder]:
            sizes[name] = listings[folder][base]
    return sizes


def _list_sizes(folder: str) -> dict[str, int]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry.stat().st_size for entry in entries}
    except (FileNotFoundError, NotADirectoryError):
        return {}


def _repeated(root: Path, sizes: dict[str, int], known: dict[str, str]) -> list[str]:
    """Return the images whose content many images have; only equal sizes are read."""
    counts = Counter(size for name, size in sizes.items() if name not in known)
    digests = {}
    for name, size in sizes.items():
        if name not in known and counts[size] >= REPEATS:
            digests[name] = hashlib.sha1((root / name).read_bytes()).digest()
    repeats = Counter(digests.values())
    return [name for name, digest in digests.items() if repeats[digest] >= REPEATS]
