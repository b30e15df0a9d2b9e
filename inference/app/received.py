"""From what gradio received to the file of a visitor."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from core.errors import UserError
from inference.app.uploads import Upload, make_upload


def received(payload: Any) -> Upload | None:
    """Return the upload of a component, None where it is empty.

    Gradio itself would open the picture and convert it, without a clear message where it cannot.

    Raises:
        UserError: the path is not that of an upload.
    """
    if payload is None or payload.path is None:
        return None
    path = Path(payload.path)
    if not path.resolve().is_relative_to(Path(get_upload_folder()).resolve()):
        raise UserError("this file was not uploaded")
    return make_upload(str(path), payload.orig_name)


def all_received(payload: Any) -> list[Upload]:
    """Return the uploads of a component for many files."""
    if payload is None:
        return []
    items: Iterable[Any] = getattr(payload, "root", payload)
    return [upload for item in items if (upload := received(item)) is not None]
