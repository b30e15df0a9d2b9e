"""Emotion6 (Peng et al., CVPR 2015): a distribution over six emotions and neutral per image."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError
from core.logging import get_logger
from datasets.base import SPLITS
from datasets.build import DATASET_REGISTRY
from datasets.emotions import (
    FoldedEmotions,
    Sample,
    check_unique,
    class_index,
    column_order,
    make_records,
    numbered_lines,
    read_votes,
    warn_of_total,
)
from datasets.reading import read_list, root_of
from datasets.targets import distribution, is_tied

FILE = "ground_truth.txt"
TOTAL = 1980
NUM_EMOTIONS = 6  # the first classes of the list; the last one is neutral
SUM_TOLERANCE = 0.05  # of the seven probabilities of an image, which the file rounds

declare(
    "DATASET",
    Key(
        "EMOTION6_CLASSES",
        6,
        "Emotion6: 7 classes with neutral, or 6, whose probabilities are divided by their sum",
        low=6,
        high=7,
    ),
    Key(
        "EMOTION6_HARD",
        "folder",
        "Emotion6: the one class of an image is its folder, the emotion that it was searched with, "
        "or the most probable one (argmax)",
        choices=("folder", "argmax"),
    ),
)

log = get_logger()


@DATASET_REGISTRY.register()
class Emotion6(FoldedEmotions):
    """Emotion6: photographs with a distribution over six emotions and neutral.

    Files: ``<root>/ground_truth.txt`` and ``<root>/images/<emotion>/<n>.jpg``, without splits.

    The votes of a record are the probabilities. Folds divide the images (``DATASET.FOLD``).
    """

    def __init__(
        self, cfg: CfgNode, *, splits: Sequence[str] = SPLITS, images: bool = True
    ) -> None:
        root = root_of(cfg)
        classnames = read_list("emotion6.txt")[: cfg.DATASET.EMOTION6_CLASSES]
        samples = read_samples(root / FILE, classnames, hard=cfg.DATASET.EMOTION6_HARD)
        records = make_records(cfg, root, samples, classnames, images=images)
        super().__init__(cfg, classnames=classnames, records=records, splits=splits)


def read_samples(path: Path, classnames: Sequence[str], *, hard: str) -> list[Sample]:
    """Return the images of ``ground_truth.txt``, in its order.

    An image whose probabilities of all ``classnames`` are 0 is left out, which the log says.

    Args:
        path: the file.
        classnames: the classes in use.
        hard: ``folder`` or ``argmax``. If two classes are the most probable ones, the folder's
            counts if it is one of them, else the first.

    Raises:
        UserError: the header or a row is not as expected.
    """
    lines = numbered_lines(path, "probabilities of Emotion6")
    columns = read_header(path, lines[0][1])
    everything = read_list("emotion6.txt")
    order = column_order(columns, everything, f"{path}: line 1")
    samples = []
    left_out, ties = 0, 0
    for number, line in lines[1:]:
        where = f"{path}: line {number}"
        cells = line.split()
        if len(cells) != len(columns):
            raise UserError(f"{where} has {len(cells)} cells; expected {len(columns)}")
        folder = read_folder(cells[0], everything[:NUM_EMOTIONS], where)
        probabilities = read_votes([cells[j] for j in order], where)
        if abs(probabilities.sum() - 1) > SUM_TOLERANCE:
            raise UserError(
                f"{where}: the probabilities sum to {probabilities.sum():.3f}; expected 1"
            )
        used = probabilities[: len(classnames)]
        if used.sum() == 0:
            left_out += 1
            continue
        ties += is_tied(used)
        emotion = folder if hard == "folder" else most_probable(used, classnames, folder)
        samples.append(Sample(f"images/{cells[0]}", emotion, distribution(used)))
    check_unique([sample.name for sample in samples], str(path))
    if left_out:
        log.warning("Emotion6: %d images are neutral alone and are left out", left_out)
    if ties and hard == "argmax":
        log.info("Emotion6: %d images have several most probable emotions", ties)
    warn_of_total("Emotion6", len(samples) + left_out, TOTAL)
    return samples


def read_header(path: Path, line: str) -> list[str]:
    """Return the names of the columns: ``[prob. anger]`` is ``anger``.

    Raises:
        UserError: the line has no names in brackets.
    """
    columns = []
    for name in re.findall(r"\[([^\]]*)\]", line):
        columns.append(name.strip().removeprefix("prob.").strip())
    if not columns:
        raise UserError(
            f"{path}: line 1 is '{line:.60}'; expected the header [image_filename] [valence] "
            "[arousal] [prob. anger] ..."
        )
    return columns


def read_folder(name: str, emotions: Sequence[str], where: str) -> str:
    """Return the emotion that is the folder of an image.

    Raises:
        UserError: there is no folder, or it is no emotion.
    """
    folder, mark, _ = name.partition("/")
    if not mark:
        raise UserError(f"{where}: '{name:.60}' has no folder; expected <emotion>/<n>.jpg")
    return emotions[class_index(folder, emotions, where)]


def most_probable(votes: np.ndarray, classnames: Sequence[str], folder: str) -> str:
    """Return the class with the largest share; ``folder`` decides between equal ones."""
    if votes[list(classnames).index(folder)] == votes.max():
        return folder
    return classnames[int(votes.argmax())]
