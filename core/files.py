"""Which files of a long list are there, without asking the file system for each."""

import os
from collections.abc import Iterable
from pathlib import Path


def find_missing(root: Path, filenames: Iterable[str]) -> list[str]:
    """Return the file names that are not below ``root``; one directory listing per folder instead of a stat each."""
    folders: dict[str, set[str]] = {}
    missing = []
    for name in filenames:
        folder, base = os.path.split(name)
        if folder not in folders:
            folders[folder] = _list_folder(os.path.join(root, folder))
        if base not in folders[folder]:
            missing.append(name)
    return missing


def _list_folder(folder: str) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries}
    except (FileNotFoundError, NotADirectoryError):
        return set()
