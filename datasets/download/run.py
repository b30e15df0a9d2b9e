"""Download the images of a list: skip what is there, fetch the rest in parallel, report."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import UserError
from datasets.download.addresses import resized, tidy
from datasets.download.manifest import Entry, Manifest, Missing, file_digest, now_utc, write_missing
from datasets.download.pictures import find_fault, find_placeholders, placeholder_reason
from datasets.download.polite import Task
from datasets.download.sources import Item
from datasets.download.workers import Download, Settings

# Wraps an iterator of results to show progress: (iterator, number of results, word) -> iterator.
Progress = Callable[[Iterable, int, str], Iterable]


@dataclass
class Report:
    """Results of a download.

    Attributes:
        kept: images that were there already.
        other: those of ``kept`` that came from another address, such as another width.
        fetched: images of this run.
        missing: images that could not be had.
        missing_file: list of ``missing``, None if there is none.
    """

    kept: list[Entry] = field(default_factory=list)
    other: int = 0
    fetched: list[Entry] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    missing_file: Path | None = None

    def summary(self) -> str:
        """Return the result as one line."""
        total = len(self.kept) + len(self.fetched) + len(self.missing)
        megabytes = sum(entry.bytes for entry in self.fetched) / 1e6
        line = (
            f"{total} images: {len(self.kept)} were there, {len(self.fetched)} fetched "
            f"({megabytes:.1f} MB), {len(self.missing)} missing"
        )
        if self.missing:
            counts = Counter(item.reason for item in self.missing).most_common(3)
            reasons = ", ".join(f"{number} x {reason}" for reason, number in counts)
            line += f" ({reasons}); all are in {self.missing_file}"
        if self.other:
            line += (
                f"; {self.other} of the images that were there came from another address or "
                "--width: delete them to fetch them again"
            )
        return line


def download(
    items: Sequence[Item],
    root: Path,
    settings: Settings,
    *,
    progress: Progress = lambda results, total, word: results,
) -> Report:
    """Fetch all images that are not below ``root``; write the manifest and the list of missing.

    Args:
        items: images, each name once (:func:`datasets.download.sources.read_items`).
        root: folder of the data set; created if it is missing.

    Raises:
        UserError: a folder below ``root`` is a link that leaves it, or the disk is full.
        OSError: ``root`` cannot be written.
        KeyboardInterrupt: the user interrupts; a second call continues.
    """
    check_folders(items, root)
    report = Report()
    manifest = Manifest(root)
    todo = check_files(items, root, manifest, settings, report, progress)
    tasks = make_tasks(todo, settings.width, report.missing)
    fetching = Download(root, manifest, tasks, settings)
    with closing(fetching.results()) as results:
        for result in progress(results, len(tasks), "fetched"):
            is_missing = isinstance(result[0], Missing)
            (report.missing if is_missing else report.fetched).extend(result)
    remove_placeholders(report, root)
    report.missing.sort(key=lambda item: item.name)
    report.missing_file = write_missing(root, report.missing)
    return report


def check_files(
    items: Sequence[Item],
    root: Path,
    manifest: Manifest,
    settings: Settings,
    report: Report,
    progress: Progress,
) -> list[Item]:
    """Add the images that are there and whole to the report; return the others."""
    todo = []
    pool = ThreadPoolExecutor(settings.workers)
    try:
        found = pool.map(lambda item: find_entry(item, root, manifest), items)
        for item, entry in zip(items, progress(found, len(items), "checked"), strict=True):
            if entry is None:
                todo.append(item)
            else:
                report.kept.append(entry)
                report.other += _is_other(entry, item, settings.width)
    finally:
        pool.shutdown(cancel_futures=True)
    return todo


def check_folders(items: Iterable[Item], root: Path) -> None:
    """Raise :class:`UserError` if a folder of an image is a link that leads out of ``root``."""
    real_root = root.resolve()
    for folder in sorted({os.path.dirname(item.name) for item in items}):
        real = (root / folder).resolve()
        if not real.is_relative_to(real_root):
            raise UserError(
                f"{root / folder} is a link to {real}, which is not below {real_root}; give --root "
                "a folder that holds the images itself, or link the whole folder"
            )


def find_entry(item: Item, root: Path, manifest: Manifest) -> Entry | None:
    """Return the entry of an image that is there and whole, None if it must be fetched.

    The digest in the manifest proves that the file is whole. A file without one, from another tool,
    is decoded, and then gets its entry.
    """
    path = root / item.name
    try:
        size = path.stat().st_size
        digest = file_digest(path)
        known = manifest.entries.get(item.name)
        if known is not None and (known.bytes, known.sha256) == (size, digest):
            return known
        if find_fault(path):
            return None
    except OSError:  # it is missing or cannot be read; fetching reports the reason
        return None
    entry = Entry(item.name, "", size, digest, now_utc())
    manifest.add(entry)
    return entry


def make_tasks(items: Iterable[Item], width: int, missing: list[Missing]) -> list[Task]:
    """Return one task per image; files with the same addresses share one.

    Args:
        missing: gets the images without a valid address.
    """
    tasks: dict[tuple[str, ...], Task] = {}
    for item in items:
        urls, fault = valid_urls(item, width)
        if not urls:
            missing.append(Missing(item.name, " ".join(item.urls), fault))
        elif urls in tasks:
            tasks[urls].names.append(item.name)
        else:
            tasks[urls] = Task([item.name], urls, others=list(urls[1:]), url=urls[0])
    return list(tasks.values())


def remove_placeholders(report: Report, root: Path) -> None:
    """Delete the pictures that stand for removed images and count them as missing."""
    counts = find_placeholders([*report.kept, *report.fetched])
    for entries in (report.kept, report.fetched):
        whole = []
        for entry in entries:
            if entry.sha256 not in counts:
                whole.append(entry)
                continue
            (root / entry.name).unlink(missing_ok=True)
            reason = placeholder_reason(counts[entry.sha256], entry.bytes)
            report.missing.append(Missing(entry.name, entry.url, reason))
        entries[:] = whole


def valid_urls(item: Item, width: int) -> tuple[tuple[str, ...], str]:
    """Return the valid addresses, and the fault of the last one that is not."""
    urls, fault = [], "no address"
    for url in item.urls:
        try:
            urls.append(resized(tidy(url), width))
        except ValueError as error:
            fault = f"the address is not valid: {error}"
    return tuple(dict.fromkeys(urls)), fault


def _is_other(entry: Entry, item: Item, width: int) -> bool:
    return bool(entry.url) and entry.url not in valid_urls(item, width)[0]
