"""Upload an exported folder with the user's own client of Hugging Face."""

import re
from pathlib import Path

from core.errors import UserError
from inference.export.packages import load, require_hub

REPO_ID = re.compile(r"([\w.-]+/)?[\w.-]+")


def check_push(repo_id: str) -> None:
    """Raise :class:`UserError` unless an upload to ``repo_id`` can start."""
    if not REPO_ID.fullmatch(repo_id):
        raise UserError(f"--push is '{repo_id}'; expected a repository such as user/name")
    require_hub()


def push(folder: Path, repo_id: str, *, private: bool) -> str:
    """Upload all files of a folder and return the address that the client gives.

    Args:
        folder: the exported folder.
        repo_id: ``user/name``; the repository is created if it is missing.
        private: a new repository is visible for its owner only.

    Raises:
        UserError: the client refuses or cannot be reached; the folder stays.
    """
    hub = load("huggingface_hub")
    try:
        hub.create_repo(repo_id, private=private, exist_ok=True)
        return str(hub.upload_folder(repo_id=repo_id, folder_path=folder))
    except Exception as error:  # the client raises errors of many types
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"the folder {folder} is complete, but it cannot be uploaded to {repo_id}: {reason}"
        ) from error
