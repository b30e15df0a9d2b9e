"""Write files atomically, read JSON, find shipped files, look up many files at once."""

import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from core.errors import UserError

PROJECT = Path(__file__).resolve().parents[1]


def write_atomically(path: str | Path, write: Callable[[Path], object]) -> None:
    """Write a file so that readers see the old content or the new one, never a part.

    The data and the folder are flushed to the disk, so this also holds after a power loss. A
    missing folder of ``path`` is created. After an error no temporary file remains.

    Args:
        path: final place of the file.
        write: writes the content to the path that it is given.

    Raises:
        OSError: the folder or the file cannot be written; any error of ``write`` is passed on.
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
    """Write ``text`` in UTF-8 with :func:`write_atomically`; line ends are not translated."""
    write_atomically(path, lambda temporary: temporary.write_bytes(text.encode("utf-8")))


def json_text(content: Any, **form: Any) -> str:
    """Return JSON for a file in UTF-8; bytes of a file name that are no text are escaped.

    Args:
        content: values of JSON.
        form: arguments of ``json.dumps``, such as ``indent``.
    """
    text = json.dumps(content, ensure_ascii=False, **form)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def publish(temporary: Path, path: Path) -> None:
    """Flush a finished file, or a folder of files, to the disk and move it to ``path``.

    Args:
        temporary: file or folder on the same disk as ``path``.
        path: final place; a file there is replaced.

    Raises:
        OSError: ``path`` is a folder that is not empty, or cannot be written.
    """
    if temporary.is_dir():
        for file in temporary.iterdir():
            _flush(file)
    _flush(temporary)
    os.replace(temporary, path)
    # The new name is an entry of the folder, which the disk buffers separately.
    _flush(path.parent)


def read_json(path: str | Path) -> dict[str, Any]:
    """Return the object that a JSON file in UTF-8 holds.

    Raises:
        UserError: the file is missing or cannot be read, is not valid JSON, or holds no object.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except RecursionError:
        raise UserError(f"{path} is not valid JSON: it is nested too deeply") from None
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no JSON object, but a {type(content).__name__}")
    return content


def find_file(path: str | Path) -> Path:
    """Return ``path``, or the shipped file of that name if only that one exists.

    Shipped configurations give paths relative to the folder of the project; with this function they
    work from any current folder.
    """
    given = Path(path).expanduser()
    shipped = PROJECT / given
    if shipped.exists() and not given.exists():
        return shipped
    return given


def find_base(path: Path, base: str) -> Path:
    """Return the path of a file under ``_BASE_``.

    Args:
        path: YAML file that has the entry.
        base: the entry: relative to the folder of ``path`` or, for shipped files, to the project.
    """
    beside, shipped = path.parent / base, PROJECT / base
    if shipped.is_file() and not beside.is_file():
        return shipped
    return beside


def find_missing(root: Path, filenames: Iterable[str]) -> list[str]:
    """Find missing files with one directory listing per folder.

    Args:
        root: folder of the files.
        filenames: paths relative to ``root``, with ``/``.

    Returns:
        The names of files that do not exist, in the order of ``filenames``.
    """
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
    """Wait until the disk has the content of a file or the entries of a folder."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows does not open folders
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
