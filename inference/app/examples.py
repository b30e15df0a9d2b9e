"""Example pictures: private copies of a few files, so that the folder itself is not served."""

import shutil
from pathlib import Path

from core.errors import UserError
from datasets.images import IMAGE_SUFFIXES
from inference.app.settings import Limits
from inference.app.uploads import Upload, check_upload

MOST = 12


def copy_examples(folder: str, target: Path, limits: Limits) -> list[Path]:
    """Copy the first readable pictures of a folder; return the copies, in order of their names.

    A link is not followed, because it may lead to a private file.

    Raises:
        UserError: there is no such folder, or no picture in it.
    """
    check_folder(folder)
    copies = []
    for path in sorted(Path(folder).iterdir()):
        if len(copies) < MOST and _is_picture(path, limits):
            place = target / str(len(copies))
            place.mkdir(parents=True)
            copies.append(Path(shutil.copyfile(path, place / path.name)))
    if not copies:
        raise UserError(f"--examples '{folder}' has no picture that can be read")
    return copies


def check_folder(folder: str) -> None:
    """Raise :class:`UserError` where there is no such folder."""
    if not Path(folder).is_dir():
        raise UserError(f"--examples '{folder}' is no folder; expected a folder of pictures")


def _is_picture(path: Path, limits: Limits) -> bool:
    if path.is_symlink() or not path.is_file() or path.suffix.lower() not in IMAGE_SUFFIXES:
        return False
    try:
        check_upload(Upload(str(path), path.name), limits)
    except UserError:
        return False
    return True


def example_folder(cfg) -> str:
    """Return the pictures of the run where they are drawn and still there, else nothing.

    Pictures of other data sets are not offered: they may be private.
    """
    root = Path(cfg.DATASET.ROOT)
    if cfg.DATASET.ROOT and (root / "scenes.json").is_file() and (root / "low").is_dir():
        return str(root / "low")
    return ""
