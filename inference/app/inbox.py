"""From what gradio received to the files of a visitor; no other file is taken."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from core.errors import UserError
from inference.app.uploads import Upload, make_upload


class Inbox:
    """The folder of uploads.

    Gradio itself would open a picture and convert it, without a clear message where it cannot.
    Therefore the events hand over the payload as it came, and this class reads it.

    Args:
        folder: uploads and examples are there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    def one(self, payload: dict[str, Any] | None) -> Upload | None:
        """Return the upload of a component, None where it is empty.

        Raises:
            UserError: the path is not that of an upload.
        """
        if not payload:
            return None
        path = payload.get("path")
        if not self.has(path):
            raise UserError("this file was not uploaded")
        return make_upload(path, payload.get("orig_name"))

    def many(self, payload: Sequence[dict[str, Any]] | None) -> list[Upload]:
        """Return the uploads of a component for many files."""
        return [upload for item in payload or () if (upload := self.one(item)) is not None]

    def has(self, path: Any) -> bool:
        """Return whether a path of a payload is that of a file here; links are followed."""
        try:
            return Path(path).resolve().is_relative_to(self.folder) and Path(path).is_file()
        except (TypeError, ValueError, OSError, RuntimeError):  # a number, a zero byte, a loop
            return False


def named_paths(data: Any) -> Iterator[Any]:
    """Yield the value of each ``path`` inside of a request."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key == "path":
                yield value
            yield from named_paths(value)
    elif isinstance(data, list):
        for value in data:
            yield from named_paths(value)
