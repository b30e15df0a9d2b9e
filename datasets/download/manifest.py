"""The record of fetched images, and the list of those that could not be had."""

import csv
import hashlib
import json
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from core.files import write_atomically

MANIFEST = "download_manifest.jsonl"
MISSING = "download_missing.csv"


@dataclass(frozen=True)
class Entry:
    """One line of the manifest.

    Attributes:
        name: path below the root.
        url: address it came from; empty for an image that was there already.
        bytes: size of the file.
        sha256: digest of the file, 64 hex digits.
        time: when it was fetched, ISO 8601 in UTC.
    """

    name: str
    url: str
    bytes: int
    sha256: str
    time: str


@dataclass(frozen=True)
class Missing:
    """An image that could not be had: path below the root, address, reason."""

    name: str
    url: str
    reason: str


class Manifest:
    """``<root>/download_manifest.jsonl``, one JSON object per image; lines are only appended.

    A later line replaces an earlier one of the same name.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(self, root: Path) -> None:
        self.path = root / MANIFEST
        self.entries: dict[str, Entry] = {}
        self._lock = threading.Lock()
        root.mkdir(parents=True, exist_ok=True)
        self._append("" if self._read() else "\n")

    def add(self, entry: Entry) -> None:
        """Append the line of an image; threads may call it at the same time."""
        with self._lock:
            self._append(json.dumps(asdict(entry)) + "\n")
            self.entries[entry.name] = entry

    def _append(self, text: str) -> None:
        with open(self.path, "a", encoding="utf-8", newline="\n") as file:
            file.write(text)

    def _read(self) -> bool:
        """Read all entries; return False if the last line has no end, after an interruption."""
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return True
        for line in text.splitlines():
            try:
                entry = Entry(**json.loads(line))
            except (ValueError, TypeError):
                continue
            self.entries[entry.name] = entry
        return text.endswith("\n") or not text


def now_utc() -> str:
    """Return the time as in the manifest: ISO 8601 in UTC, in seconds."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hex digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def write_missing(root: Path, missing: Iterable[Missing]) -> Path | None:
    """Write ``<root>/download_missing.csv`` (name, url, reason) and return its path.

    Without missing images, an old list is deleted and None is returned.
    """
    path = root / MISSING
    rows = [(item.name, item.url, item.reason) for item in missing]
    if not rows:
        path.unlink(missing_ok=True)
        return None

    def write(temporary: Path) -> None:
        with open(temporary, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("name", "url", "reason"))
            writer.writerows(rows)

    write_atomically(path, write)
    return path
