"""Find the image files that a label file names, with one listing per folder."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from core.errors import UserError, first_names
from datasets.images import IMAGE_SUFFIXES
from datasets.own.cells import same_form
from datasets.reading import SKIP

LONGEST_NAME = 200  # characters in an error
LOCAL_FILES, UPLOAD = "/data/local-files/", "/data/upload/"  # of Label Studio
WINDOWS = re.compile(r"[A-Za-z]:[\\/]")  # the drive of a path
# In the query of an address: parameters that change with each export.
SIGNATURE = re.compile(r"(?:^|&)(?:x-amz-|x-goog-|sig=|signature=|token=|expires=)", re.IGNORECASE)
UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-")  # that Label Studio puts before the name of an upload


def has_image_suffix(name: str) -> bool:
    """Return True if a name ends like an image file; the query of an address does not count."""
    if "://" in name:
        name = name.split("?")[0]
    return name.lower().endswith(IMAGE_SUFFIXES)


def clean_name(name: str) -> str:
    """Return a path with ``/`` for an image as a tool names it.

    The host or bucket of an address and the prefixes of Label Studio are left out.
    """
    name = name.strip()
    if name.startswith(LOCAL_FILES):
        query = parse_qs(urlsplit(name).query)
        return query.get("d", [name])[0].lstrip("/")
    if name.startswith(UPLOAD):
        return unquote(name.removeprefix(UPLOAD))
    scheme, mark, rest = name.partition("://")
    if mark:
        address = rest.partition("/")[2]
        if scheme.startswith("http"):
            return unquote(address.split("?")[0].split("#")[0])
        return address
    if "/" not in name or WINDOWS.match(name):
        name = name.replace("\\", "/")
    return name.removeprefix("./")


def address_of(name: str) -> str:
    """Return an address without its scheme, and without a signature, which changes each time."""
    address = name.split("://", 1)[1]
    path, _, query = address.partition("?")
    return path if SIGNATURE.search(query) else address


def is_foreign(name: str) -> bool:
    """Return True for an address or a path that begins outside the user's folder."""
    begins = ("/", "~/", "../", "..\\", "\\\\")
    return "://" in name or name.startswith(begins) or WINDOWS.match(name) is not None


class Listing:
    """Files of the folders that were asked for; each folder is listed once."""

    def __init__(self) -> None:
        self._folders: dict[str, dict[str, list[str]]] = {}

    def find(self, folder: Path, name: str, suffix: str) -> str | None:
        """Return the path of an image below ``folder``, None if it is not there.

        Args:
            folder: where ``name`` starts.
            name: path with or without the suffix of an image.
            suffix: the suffix of all images, such as ``.jpg``; empty: look it up.

        Raises:
            UserError: several images differ in the suffix alone.
        """
        head, base = os.path.split(os.path.join(folder, name))
        stems = self._list(head)
        if suffix and not base.endswith(suffix):
            base += suffix
        # macOS writes accents of file names as characters of their own, label files do not.
        alike = stems.get(_stem(same_form(base)), ())
        if base in alike:
            return os.path.join(head, base)
        same = [file for file in alike if same_form(file) == same_form(base)]
        if same:
            return os.path.join(head, same[0])
        if suffix or has_image_suffix(base):
            return None
        found = [file for file in stems.get(same_form(base), ()) if has_image_suffix(file)]
        if len(found) > 1:
            raise UserError(
                f"{os.path.join(head, base)}: several images have this name: "
                f"{', '.join(sorted(found))}; set DATASET.SUFFIX"
            )
        return os.path.join(head, found[0]) if found else None

    def _list(self, folder: str) -> dict[str, list[str]]:
        """Return the file names of a folder by the form of their name without suffix."""
        if folder not in self._folders:
            stems: dict[str, list[str]] = {}
            try:
                names = os.listdir(folder)
            except OSError:
                names = []
            for name in names:
                stems.setdefault(_stem(same_form(name)), []).append(name)
            self._folders[folder] = stems
        return self._folders[folder]


def _stem(name: str) -> str:
    return os.path.splitext(name)[0] if has_image_suffix(name) else name


def _variants(name: str) -> list[str]:
    """Return the paths under which an image may lie, the most exact first."""
    clean = clean_name(name)
    if not is_foreign(name):
        return list(dict.fromkeys([clean, clean.replace("\\", "/")]))
    parts = clean.replace("\\", "/").split("/")
    variants = [clean]
    # The folder of the server or of another machine is not the user's folder: its first parts
    # differ.
    for i in range(1, len(parts)):
        variants.append("/".join(parts[i:]))
    if name.startswith(UPLOAD) and UPLOAD_PREFIX.match(parts[-1]):
        variants.append(parts[-1][UPLOAD_PREFIX.match(parts[-1]).end() :])
    return [variant for variant in dict.fromkeys(variants) if variant]


def locate(names: Sequence[str], folders: Iterable[Path], *, suffix: str) -> list[str | None]:
    """Return the path of each image, None where it is missing; all names start in one folder.

    Args:
        names: images as the label file names them.
        folders: folders in which the names may start; the first one with all images is taken, or
            else the one with most.
        suffix: suffix of all images; empty: it is part of the names or looked up.
    """
    listing = Listing()
    folders = list(dict.fromkeys(folders))
    for folder in folders:
        found = _find_all(listing, folder, names, suffix)
        if found is not None:
            return found
    best: list[str | None] = [None] * len(names)
    for folder in folders:
        paths = [_find(listing, folder, name, suffix) for name in names]
        if paths.count(None) < best.count(None):
            best = paths
    return best


def _find_all(
    listing: Listing, folder: Path, names: Sequence[str], suffix: str
) -> list[str] | None:
    """Return the path of each image below a folder, None as soon as one is missing."""
    found = []
    for name in names:
        path = _find(listing, folder, name, suffix)
        if path is None:
            return None
        found.append(path)
    return found


def _find(listing: Listing, folder: Path, name: str, suffix: str) -> str | None:
    for variant in _variants(name):
        path = listing.find(folder, variant, suffix)
        if path is not None:
            return path
    return None


def missing_images(
    missing: Sequence[str], count: int, folders: Iterable[Path], source: Path
) -> UserError:
    """Return the error that images of the label file ``source`` are in none of the folders."""
    folders = list(dict.fromkeys(folders))
    places = ", ".join(map(str, folders))
    return UserError(
        f"{source}: {len(missing)} of {count} images are missing: "
        f"{first_names([_short(name) for name in missing])}"
        f"{_nearest(missing[0], folders)}; "
        f"looked in {places}; set "
        "DATASET.IMAGES to their folder below DATASET.ROOT (--root), DATASET.SUFFIX where the file "
        f"leaves it out; or {SKIP}"
    )


def _short(name: str) -> str:
    """Return a name, cut where it is as long as the picture itself, which some tools write."""
    return name if len(name) <= LONGEST_NAME else name[:LONGEST_NAME] + "..."


def _nearest(name: str, folders: Iterable[Path]) -> str:
    """Return the file whose name differs in case or suffix alone, for an error, or nothing."""
    for folder in folders:
        head, base = os.path.split(os.path.join(folder, clean_name(name)))
        if not os.path.isdir(head):
            continue
        for file in sorted(os.listdir(head)):
            if has_image_suffix(file) and _stem(file).casefold() == _stem(base).casefold():
                return f" (there is {file})"
    return ""
