"""Files: written whole or not at all, found where they may lie, many of them looked up at once."""

import os
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def write_atomically(path: str | Path, write: Callable[[Path], object]) -> None:
    """Call ``write(temporary)`` and move the result to ``path``; readers see the old file or the
    new one, never half.

    The data and the folder are flushed to the disk, so this also holds after a power loss. The
    folder of ``path`` is made where it is missing. What ``write`` raises goes on to the caller, and
    no temporary file stays behind.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        write(temporary)
        publish(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` in UTF-8 to ``path`` as :func:`write_atomically` does; line ends stay as they
    are.
    """
    write_atomically(path, lambda temporary: temporary.write_bytes(text.encode("utf-8")))


def publish(temporary: Path, path: Path) -> None:
    """Flush a finished file, or a folder of files, to the disk and move it to ``path`` on the same
    disk.

    A file at ``path`` is replaced; a folder there is an error, as ``os.replace`` has it.
    """
    if temporary.is_dir():
        for file in temporary.iterdir():
            _flush(file)
    _flush(temporary)
    os.replace(temporary, path)
    _flush(path.parent)  # the new name is in the folder, which has a buffer of its own


def find_file(path: str | Path) -> Path:
    """Return ``path``, or the file of that name below the project's folder where only that exists.

    Shipped configurations name each other and ``assets/`` relative to the project; this lets them
    work from any folder.
    """
    given = Path(path).expanduser()
    shipped = PROJECT / given
    return shipped if not given.exists() and shipped.exists() else given


def find_base(path: Path, base: str) -> Path:
    """Return the file ``base`` that the file ``path`` names: relative to it, or a shipped one by its
    project path.
    """
    beside, shipped = path.parent / base, PROJECT / base
    if shipped.is_file() and not beside.is_file():
        return shipped
    return beside


def find_missing(root: Path, filenames: Iterable[str]) -> list[str]:
    """Return the file names that are not below ``root``, with one directory listing per folder."""
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


def _flush(path: Path) -> None:
    """Wait until the disk has what was written to a file, or a folder's list of names."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders; there the rename alone has to do
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
