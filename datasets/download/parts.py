"""Partial files: they survive an interruption and are continued if the server allows it."""

import json
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO


class PartFile:
    """The bytes of an image that have arrived so far, at ``<image>.part``.

    ``<image>.part.json`` notes the address and the server's validator (ETag or Last-Modified).
    Without a validator a part is never continued: the server may have replaced the image, and half
    of each would be one broken file.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self.note = target.with_name(f"{target.name}.part.json")

    def resume_point(self, url: str) -> tuple[int, str]:
        """Return (number of bytes that are there, validator) for a request; (0, "") restarts."""
        try:
            note = json.loads(self.note.read_text(encoding="utf-8"))
            size = self.path.lstat().st_size
            if note["url"] == url and note["validator"] and not self.path.is_symlink():
                return size, str(note["validator"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return 0, ""

    def restart(self, url: str, validator: str) -> BinaryIO:
        """Return an empty file to write to.

        Raises:
            OSError: the folder or the file cannot be written.
        """
        self.discard()
        self.target.parent.mkdir(parents=True, exist_ok=True)
        if validator:
            note = json.dumps({"url": url, "validator": validator})
            self.note.write_text(note, encoding="utf-8")
        return open(self.path, "xb")

    def resume(self) -> BinaryIO:
        """Return the file, to be written at its end."""
        return open(self.path, "ab")

    def discard(self) -> None:
        """Delete the part and its note."""
        with suppress(NotADirectoryError):
            self.path.unlink(missing_ok=True)
            self.note.unlink(missing_ok=True)
