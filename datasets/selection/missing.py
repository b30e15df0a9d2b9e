"""Name the images whose files are missing, or leave them out (``DATASET.MISSING_IMAGES skip``)."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from core.errors import UserError, first_names
from core.files import find_missing
from datasets.reading import SKIP
from datasets.records import Record


def keep_present(splits: Mapping[str, Sequence[Record]]) -> dict[str, list[Record]]:
    """Return the records whose files are there, by split.

    Without any file all records stay: given predictions are evaluated with annotations alone.
    """
    paths = [record.impath for records in splits.values() for record in records]
    missing = set(find_missing(Path(), dict.fromkeys(paths)))
    if missing.issuperset(paths):
        return {name: list(records) for name, records in splits.items()}
    kept = {}
    for name, records in splits.items():
        kept[name] = [record for record in records if record.impath not in missing]
    return kept


def check_files(name: str, splits: Iterable[Sequence[Record]]) -> None:
    """Raise if image files of a data set are missing.

    Each folder is listed once. With ``DATASET.MISSING_IMAGES skip`` the missing images are left out
    before, unless all are missing: the folder is wrong then.

    Args:
        name: of the data set.
        splits: records of the splits that a run reads.

    Raises:
        UserError: images are missing; the message has their number and the first ones.
    """
    paths = dict.fromkeys(record.impath for records in splits for record in records)
    # Some file systems open a file under another spelling than the one that they list.
    missing = [path for path in find_missing(Path(), paths) if not os.path.exists(path)]
    if not missing:
        return
    are = "are" if len(missing) > 1 else "is"
    raise UserError(
        f"data set {name}: {len(missing)} of {len(paths)} images {are} missing: "
        f"{first_names(missing)}. Correct the paths of its records; or {SKIP}"
    )
