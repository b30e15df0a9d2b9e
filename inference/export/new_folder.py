"""A folder that appears whole or not at all."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import UserError
from core.files import publish


def check_free(path: Path) -> None:
    """Raise :class:`UserError` unless ``path`` is missing or an empty folder."""
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        kind = "a file" if path.is_file() else "not empty"
        raise UserError(f"{path} is {kind}; delete it, or give another --output")


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder, which becomes ``path`` at the end; after an error nothing remains.

    Raises:
        UserError: ``path`` is there and not empty.
        OSError: the folder cannot be written.
    """
    check_free(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    temporary.mkdir()
    try:
        yield temporary
        if path.is_dir():
            path.rmdir()
        publish(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
