"""Leave out the images whose files are missing (``DATASET.MISSING_IMAGES skip``)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from core.files import find_missing
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
