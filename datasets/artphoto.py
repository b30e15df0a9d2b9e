"""Artphoto (Machajdik and Hanbury, ACM MM 2010): artistic photographs, the name says the class."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from yacs.config import CfgNode

from core.errors import UserError
from datasets.base import SPLITS
from datasets.build import DATASET_REGISTRY
from datasets.emotions import (
    MIKELS,
    SHORT_NAMES,
    FoldedEmotions,
    Sample,
    class_index,
    make_records,
    warn_of_total,
)
from datasets.images import IMAGE_SUFFIXES
from datasets.reading import read_list, report_skipped, root_of

FOLDER = "testImages_artphoto"
TOTAL = 806


@DATASET_REGISTRY.register()
class Artphoto(FoldedEmotions):
    """Artistic photographs with one of Mikels' eight emotions each.

    Files: ``<root>/testImages_artphoto/<emotion>_<n>.jpg``, or the files in the root itself.

    Sadness has the prefix ``sad``. Other files are skipped. There is no official split: folds
    divide the images (``DATASET.FOLD``).
    """

    def __init__(
        self, cfg: CfgNode, *, splits: Sequence[str] = SPLITS, images: bool = True
    ) -> None:
        root = root_of(cfg)
        classnames = read_list(MIKELS)
        samples = read_samples(root, classnames)
        records = make_records(cfg, root, samples, classnames, images=images)
        super().__init__(cfg, classnames=classnames, records=records, splits=splits)


def read_samples(root: Path, classnames: Sequence[str]) -> list[Sample]:
    """Return the images, sorted by file name.

    Raises:
        UserError: there are no images, or the name of an image starts with no emotion.
    """
    folder = root / FOLDER
    prefix = f"{FOLDER}/"
    if not folder.is_dir():
        folder, prefix = root, ""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise UserError(
            f"cannot read {folder}: {error.strerror} (DATASET.ROOT, --root); expected {FOLDER}/"
        ) from None
    samples = []
    skipped: Counter[str] = Counter()
    for name in names:
        if not name.lower().endswith(IMAGE_SUFFIXES) or name.startswith("."):
            skipped[os.path.splitext(name)[1].lower()] += 1
            continue
        word = name.partition("_")[0].lower()
        index = class_index(SHORT_NAMES.get(word, word), classnames, f"{folder}: {name}")
        samples.append(Sample(f"{prefix}{name}", classnames[index]))
    if not samples:
        raise UserError(f"{folder} has no images <emotion>_<n>.jpg (DATASET.ROOT, --root)")
    report_skipped(folder, skipped)
    warn_of_total("Artphoto", len(samples), TOTAL)
    return samples
