"""Twitter I (You et al., AAAI 2015): sentiment of tweeted images, judged by five annotators."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError, not_accepted
from core.logging import get_logger
from datasets.base import SPLITS
from datasets.build import DATASET_REGISTRY
from datasets.emotions import (
    FoldedEmotions,
    Sample,
    is_number,
    make_records,
    numbered_lines,
    numbered_rows,
    read_votes,
    warn_of_total,
)
from datasets.reading import find_first, root_of
from datasets.targets import distribution

FOLDER = "Agg_AMT_Candidates"
VOTES = "amt_result.csv"
CLASSES = ("negative", "positive")  # 0 and 1 in the lists
TOTALS = {"three": 1269}  # verified sizes of the subsets

declare(
    "DATASET",
    Key(
        "AGREEMENT",
        "three",
        "TwitterI: how many of the five annotators must agree: at least three, at least four, or "
        "all five",
        choices=("three", "four", "five"),
    ),
)

log = get_logger()


@DATASET_REGISTRY.register()
class TwitterI(FoldedEmotions):
    """Twitter I: tweeted images that five annotators judged as positive or negative.

    Files: ``<root>/Agg_AMT_Candidates/*.jpg`` and ``<root>/{three,four,five}_agree.txt``.

    The lists are also accepted as ``twitter_three_agrees.txt``. Votes come from
    ``<root>/amt_result.csv`` if it is there. There is no official split: folds divide the images
    (``DATASET.FOLD``).
    """

    def __init__(
        self, cfg: CfgNode, *, splits: Sequence[str] = SPLITS, images: bool = True
    ) -> None:
        root = root_of(cfg)
        agreement = cfg.DATASET.AGREEMENT
        labels = read_labels(root, agreement)
        if agreement in TOTALS:
            warn_of_total("TwitterI", len(labels), TOTALS[agreement])
        votes: Mapping[str, np.ndarray] = {}
        if (root / VOTES).is_file():
            votes = read_shares(root / VOTES, labels)
        samples = []
        for name, label in labels.items():
            samples.append(Sample(f"{FOLDER}/{name}", CLASSES[label], votes.get(name)))
        records = make_records(cfg, root, samples, CLASSES, images=images)
        super().__init__(cfg, classnames=CLASSES, records=records, splits=splits)


def read_labels(root: Path, agreement: str) -> dict[str, int]:
    """Return ``{image: 0 or 1}`` of a list with lines ``name 0`` or ``name 1``, in its order.

    Raises:
        UserError: the list is missing, or a line has another form.
    """
    names = (f"{agreement}_agree.txt", f"twitter_{agreement}_agrees.txt")
    path = find_first(root, names, "list of Twitter I (DATASET.AGREEMENT)")
    labels: dict[str, int] = {}
    for number, line in numbered_lines(path, "list of Twitter I"):
        where = f"{path}: line {number}"
        name, _, value = line.replace("\t", " ").rpartition(" ")
        name = name.strip().removeprefix(f"{FOLDER}/")
        if not name:
            raise UserError(f"{where} is '{line:.60}'; expected <image> 0 or <image> 1")
        if value not in ("0", "1"):
            raise UserError(f"{where}: {not_accepted('the label', value, ('0', '1'))}")
        if name in labels:
            raise UserError(f"{where}: image '{name}' is listed twice")
        labels[name] = int(value)
    return labels


def read_shares(path: Path, labels: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Return the shares of negative and positive votes, float32 (2,), by image.

    Rows are ``name, number of votes, two counts``. The header or, if it does not say, the labels
    tell which count is of positive votes; the log says so.

    Raises:
        UserError: a row has another form.
    """
    rows = numbered_rows(path, "votes of Twitter I")
    first = rows[0][1]
    has_header = not all(map(is_number, first[1:4]))
    counts: dict[str, np.ndarray] = {}
    for number, row in rows[has_header:]:
        where = f"{path}: line {number}"
        if len(row) < 4:
            raise UserError(f"{where} has {len(row)} cells; expected name, votes and two counts")
        name = row[0].strip().strip("'\"").rpartition("/")[2]
        counts[name] = distribution(read_votes(row[2:4], where))
    header = first[2:4] if has_header else []
    if positive_first(path, header, counts, labels):
        for name in counts:
            counts[name] = counts[name][::-1].copy()
    return counts


def positive_first(
    path: Path, header: Sequence[str], counts: Mapping[str, np.ndarray], labels: Mapping[str, int]
) -> bool:
    """Return True if the first of the two counts is of positive votes."""
    words = [name.strip().strip("'\"").lower()[:3] for name in header]
    if words in (["pos", "neg"], ["neg", "pos"]):
        return words[0] == "pos"
    agree = 0
    differ = 0
    for name, label in labels.items():
        if name in counts:
            matches = int(counts[name].argmax()) == label
            agree += matches
            differ += not matches
    first = "positive" if differ > agree else "negative"
    log.info(
        "%s: the first count is of %s votes: so %d of %d labels agree with the votes",
        path, first, max(agree, differ), agree + differ,
    )  # fmt: skip
    return differ > agree
