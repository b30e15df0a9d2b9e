"""Abstract (Machajdik and Hanbury, ACM MM 2010): abstract paintings with votes of a web study."""

from collections.abc import Sequence
from pathlib import Path

from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError
from core.logging import get_logger
from datasets.base import SPLITS
from datasets.build import DATASET_REGISTRY
from datasets.emotions import (
    MIKELS,
    FoldedEmotions,
    Sample,
    check_unique,
    column_order,
    is_number,
    make_records,
    numbered_rows,
    read_votes,
    warn_of_total,
)
from datasets.reading import find_first, read_list, root_of
from datasets.targets import distribution, is_tied

FOLDER = "testImages_abstract"
FILE = "ABSTRACT_groundTruth.csv"
# Order of the votes in the official file, for a copy without its header.
COLUMNS = ("Amusement", "Anger", "Awe", "Content", "Disgust", "Excitement", "Fear", "Sad")
TOTAL, WITHOUT_TIES = 280, 228

declare(
    "DATASET",
    Key(
        "TIES",
        "drop",
        "Abstract: images whose largest number of votes is shared by several emotions: left out as "
        "in the literature (drop), or in train, which needs TARGETS soft (train); never in val or "
        "test",
        choices=("drop", "train"),
    ),
)

log = get_logger()


@DATASET_REGISTRY.register()
class Abstract(FoldedEmotions):
    """Abstract paintings with votes for Mikels' eight emotions.

    Files: ``<root>/testImages_abstract/*.jpg``, and in it or beside it
    ``ABSTRACT_groundTruth.csv``.

    The class is the emotion with most votes; the votes of a record are their shares. There is no
    official split: folds divide the images without a tie (``DATASET.FOLD``).
    """

    def __init__(
        self, cfg: CfgNode, *, splits: Sequence[str] = SPLITS, images: bool = True
    ) -> None:
        keep_ties = cfg.DATASET.TIES == "train"
        if keep_ties and cfg.DATASET.TARGETS != "soft":
            raise UserError(
                "DATASET.TIES is 'train', which needs DATASET.TARGETS soft: an image with a tie "
                "has no single class"
            )
        root = root_of(cfg)
        classnames = read_list(MIKELS)
        samples, tied = read_samples(root, classnames)
        used = samples + tied if keep_ties else samples
        records = make_records(cfg, root, used, classnames, images=images)
        super().__init__(
            cfg,
            classnames=classnames,
            records=records[: len(samples)],
            splits=splits,
            train_only=records[len(samples) :],
        )


def read_samples(root: Path, classnames: Sequence[str]) -> tuple[list[Sample], list[Sample]]:
    """Return the images with one strongest emotion, and those with a tie, in the file's order.

    Raises:
        UserError: the file is missing, or a row is not as expected.
    """
    path = find_first(root, (f"{FOLDER}/{FILE}", FILE), "votes of Abstract")
    folder = ""
    if (root / FOLDER).is_dir():
        folder = f"{FOLDER}/"
    rows = numbered_rows(path, "votes of Abstract", quotechar="'", skipinitialspace=True)
    first = rows[0][1][1:]
    has_header = not all(map(is_number, first))
    columns = first if has_header else COLUMNS
    order = column_order(columns, classnames, f"{path}: line 1")
    samples, tied = [], []
    for number, row in rows[has_header:]:
        where = f"{path}: line {number}"
        if len(row) != len(columns) + 1:
            raise UserError(
                f"{where} has {len(row)} cells; expected a name and {len(columns)} votes"
            )
        name = row[0].strip().strip("'\"")
        if not name:
            raise UserError(f"{where} has no name of an image")
        votes = read_votes([row[1 + j] for j in order], where)
        sample = Sample(f"{folder}{name}", classnames[int(votes.argmax())], distribution(votes))
        if is_tied(votes):
            tied.append(sample)
        else:
            samples.append(sample)
    check_unique([sample.name for sample in samples + tied], str(path))
    if not samples:
        raise UserError(f"{path} has no image with one strongest emotion")
    log.info(
        "Abstract: %d of %d images have several emotions with most votes (DATASET.TIES)",
        len(tied), len(samples) + len(tied),
    )  # fmt: skip
    warn_of_total("Abstract", len(samples) + len(tied), TOTAL)
    warn_of_total("Abstract without ties", len(samples), WITHOUT_TIES)
    return samples, tied
