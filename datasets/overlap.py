"""Images that are in more than one split of a data set."""

from pathlib import Path

from core.errors import first_names
from core.logging import get_logger
from datasets.base import SPLITS, IntentDataset
from datasets.records import image_names

MOST_NAMED = 3

log = get_logger()


def warn_of_overlap(name: str, dataset: IntentDataset, root: str | Path) -> None:
    """Log a warning with the images that several splits list.

    It is no error as in ``tools.check_data``: some published data sets have such images.

    Args:
        name: name of the data set.
        dataset: the data set.
        root: ``DATASET.ROOT``, which the names of images are relative to.
    """
    records = (dataset.train_x, dataset.val or (), dataset.test or ())
    splits = dict(zip(SPLITS, records, strict=True))
    paths = {}
    for split in SPLITS:
        paths[split] = {record.impath for record in splits[split]}
    train, val, test = paths.values()
    shared = (train & val) | (train & test) | (val & test)
    if not shared:
        return
    shown = []
    # In the order of the files; few records are named, so few names are made.
    for split in SPLITS:
        for record in splits[split]:
            if record.impath in shared and len(shown) < MOST_NAMED:
                shared_by = [other for other in SPLITS if record.impath in paths[other]]
                line = f"{image_names([record], root)[0]} ({', '.join(shared_by)})"
                shown += [] if line in shown else [line]
    more = [""] * (len(shared) - len(shown))
    log.warning(
        "Data set %s: %d image%s in more than one split: %s. The numbers on them are too high; "
        "python -m tools.check_data lists all",
        name,
        len(shared),
        " is" if len(shared) == 1 else "s are",
        first_names([*shown, *more], MOST_NAMED),
    )
